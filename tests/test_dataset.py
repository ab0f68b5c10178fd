"""MNIST's splits and sizes, and the order of batches."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np

from dcgan_tf.data.dataset import Dataset, load_dataset
from dcgan_tf.settings.config import Config


def test_mnist_split_and_size(mnist_dir: Path):
    config = Config(dataset="mnist", data_dir=str(mnist_dir), split="train", output_height=32)
    dataset, config = load_dataset(config)
    assert dataset.images.shape == (60000, 32, 32, 1)
    assert (config.output_height, config.output_width) == (32, 32)


def test_batches_are_a_pure_function_of_seed_and_iteration():
    images = np.arange(23, dtype=np.uint8).reshape(23, 1, 1, 1)
    dataset = Dataset(images, np.arange(23, dtype=np.int32), "here", shuffle_each_epoch=True)
    config = Config(batch_size=5, train_size=20)
    whole = list(itertools.islice(dataset.batches(config, 0), 12))
    assert [epoch for epoch, _, _ in whole] == [0] * 4 + [1] * 4 + [2] * 4
    for start in (3, 4, 6):
        rest = itertools.islice(dataset.batches(config, start), 12 - start)
        for (epoch, images, labels), (e, i, la) in zip(whole[start:], rest, strict=True):
            assert epoch == e
            assert (images == i).all()
            assert (labels == la).all()
            assert (images.ravel() == labels).all()
    assert len(set(np.concatenate([labels for _, _, labels in whole[:4]]))) == 20  # each image once in an epoch
    assert (whole[0][2] != whole[4][2]).any()  # shuffled anew
    other = dataclasses.replace(config, seed=1)
    assert (next(dataset.batches(other, 0))[2] != whole[0][2]).any()
