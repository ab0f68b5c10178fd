"""The 1-NN error with up to a million generated digits: python benchmarks/digits/million.py RUN."""

import sys

import numpy as np

import dcgan_tf
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.evaluation import metrics
from dcgan_tf.settings.config import Config

run = dcgan_tf.load(sys.argv[1])
test = read_dataset(Config(dataset="mnist", split="test"))
nearest = np.full(len(test.images), np.inf)
labels = np.zeros(len(test.images), np.int64)
for first in range(0, 1_000_000, 50_000):
    images = run.generate(50_000, seed=first)  # the class of seed s is s % 10
    index = metrics.nearest(test.images, images)
    distance = np.linalg.norm((images[index].astype(np.float32) - test.images).reshape(len(index), -1), axis=1)
    labels = np.where(distance < nearest, (first + index) % 10, labels)
    nearest = np.minimum(distance, nearest)
    print(f"{first + 50_000:,} digits: {np.mean(labels != test.labels):.2%}", flush=True)
