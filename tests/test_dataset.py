"""MNIST's splits and sizes, and the order of batches."""

from __future__ import annotations

import dataclasses
import itertools
import time
from pathlib import Path

import numpy as np

from dcgan_tf.config import Config
from dcgan_tf.data.dataset import Dataset, load_dataset
from dcgan_tf.training import loop


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
        for (epoch, pictures, labels), (e, p, la) in zip(whole[start:], rest, strict=True):
            assert epoch == e
            assert (pictures == p).all()
            assert (labels == la).all()
            assert (pictures.ravel() == labels).all()
    assert len(set(np.concatenate([labels for _, _, labels in whole[:4]]))) == 20  # each picture once an epoch
    assert (whole[0][2] != whole[4][2]).any()  # shuffled anew
    other = dataclasses.replace(config, seed=1)
    assert (next(dataset.batches(other, 0))[2] != whole[0][2]).any()


def test_the_time_in_which_the_networks_wait_for_pictures():
    def slow():
        for item in range(3):
            time.sleep(0.1)
            yield (item,)

    waited, begun = [0.0], time.perf_counter()
    for expected, (item,) in enumerate(loop.timed(slow(), waited)):
        assert item == expected
        time.sleep(0.2)  # what the networks do meanwhile is not waited
    assert waited[0] >= 0.3
    assert time.perf_counter() - begun - waited[0] >= 0.6
