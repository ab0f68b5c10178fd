"""The loader: which iterations one call of the train step gets, and how long the train step waited."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import tensorflow as tf

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.data.image_spec import ImageSpec
from dcgan_tf.settings.config import Config
from dcgan_tf.training.cluster import SINGLE_PROCESS, Cluster
from dcgan_tf.training.loader import Loader

CLUSTER = Cluster(tf.distribute.get_strategy(), SINGLE_PROCESS, 0)
CONFIG = Config(epoch=3, batch_size=2, log_freq=4, sample_freq=100, ckpt_freq=100, steps_per_call=3)


class SlowDataset(Dataset):
    """Takes 0.1 s for each batch."""

    def batches(self, *args, **options):
        for batch in super().batches(*args, **options):
            time.sleep(0.1)
            yield batch


def dataset(kind: type[Dataset] = Dataset) -> Dataset:
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    return kind(images, np.arange(10, dtype=np.int32), (), ImageSpec(1, 1, 1), "here", shuffle_each_epoch=True)


def test_calls_end_at_each_log_and_epoch():
    """5 iterations in an epoch: calls of at most 3 end at 1, at each 4th iteration, at each epoch, and at the end."""
    batches = list(Loader(dataset(), CONFIG, 0, CLUSTER))
    assert [batch.iteration for batch in batches] == [1, 4, 5, 8, 10, 12, 15]
    assert [len(batch.images) for batch in batches] == [1, 3, 1, 3, 2, 2, 3]
    assert [batch.epoch for batch in batches] == [1, 1, 1, 2, 2, 3, 3]
    assert batches[1].images.shape == (3, 2, 1, 1, 1) and batches[1].labels.shape == (3, 2)
    assert all((batch.images.ravel() == batch.labels.ravel()).all() for batch in batches)


def test_a_resumed_training_gets_the_same_batches():
    whole = list(Loader(dataset(), CONFIG, 0, CLUSTER))
    rest = list(Loader(dataset(), CONFIG, 8, CLUSTER))
    assert [batch.iteration for batch in rest] == [10, 12, 15]
    for batch, same in zip(rest, whole[4:], strict=True):
        assert (batch.images == same.images).all()


def test_iterations_replace_epochs():
    loader = Loader(dataset(), dataclasses.replace(CONFIG, iterations=7), 0, CLUSTER)
    assert loader.total == 7
    assert [batch.iteration for batch in loader] == [1, 4, 5, 7]


def test_mirror():
    """Each epoch mirrors other images; the same ones after a resume; the data set itself does not change."""
    images = np.stack([np.full((1, 4, 1), n, np.uint8) for n in range(10)])
    images[:, :, 0] += 100  # marks the left side
    data = Dataset(
        images.copy(), np.arange(10, dtype=np.int32), (), ImageSpec(1, 2, 1), "here", shuffle_each_epoch=False
    )
    config = dataclasses.replace(CONFIG, mirror=True, steps_per_call=1, epoch=20)
    batches = list(Loader(data, config, 0, CLUSTER))
    seen = np.concatenate([batch.images[0] for batch in batches]).reshape(20, 10, 4)
    mirrored = seen[:, :, 3] >= 100
    assert ((seen[:, :, 0] >= 100) != mirrored).all()
    assert 70 < mirrored.sum() < 130 and (mirrored.any(0) & ~mirrored.all(0)).all()
    rest = list(Loader(data, config, 33, CLUSTER))
    assert all((a.images == b.images).all() for a, b in zip(batches[33:], rest, strict=True))
    assert (data.images == images).all()


def test_only_the_time_until_a_batch_is_ready_counts_as_waiting():
    loader = Loader(dataset(SlowDataset), Config(epoch=1, batch_size=2, steps_per_call=1), 0, CLUSTER)
    begin = time.perf_counter()
    for _ in loader:
        time.sleep(0.2)  # the train step
    assert loader.seconds_waited >= 0.45
    assert time.perf_counter() - begin - loader.seconds_waited >= 0.95
