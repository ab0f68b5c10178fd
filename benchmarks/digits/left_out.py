"""The 1-NN error on the 10,000 training digits that --train_size 50000 leaves out.

python benchmarks/digits/left_out.py RUN ITERATION ema|raw FACTOR, where z is multiplied by the factor.
"""

import sys

import numpy as np

import dcgan_tf
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.evaluation import metrics
from dcgan_tf.settings.config import Config

name, iteration, weights, factor = sys.argv[1:]
digits = read_dataset(Config(dataset="mnist", split="train"))  # with the seed of the training, so in its order
images = digits.images[50_000:]
labels = digits.labels[50_000:]
real = metrics.nearest_neighbour_error(digits.images[:50_000], digits.labels[:50_000], images, labels)
run = dcgan_tf.load(name, iteration=iteration, weights=weights)
classes = np.arange(50_000) % 10
generated = run.generate(z=float(factor) * run.z(range(50_000)), labels=classes)
error = metrics.nearest_neighbour_error(generated, classes, images, labels)
print(f"real digits {real:.2%}, generated digits {error:.2%}")
