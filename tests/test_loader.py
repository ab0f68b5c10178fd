"""The batches of a training: which iterations one call of the train step gets."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import config_of

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.settings.config import Config
from dcgan_tf.training.loader import Batch, load_batches
from dcgan_tf.training.schedule import Schedule

CONFIG = config_of(epoch=3, batch_size=2, log_freq=4, sample_freq=100, ckpt_freq=100, steps_per_call=3)


def batches(config: Config = CONFIG, done: int = 0):
    """Yield the batches of a training on ten images of two pixels."""
    images = np.arange(20, dtype=np.uint8).reshape(10, 1, 2, 1)
    data = Dataset(images, np.arange(10, dtype=np.int32), (), ImageSpec(1, 2, 1), "here", shuffle_each_epoch=True)
    model = SimpleNamespace(config=config, steps_per_call=3, iterations_done=done, draw_ahead=None)
    return load_batches(data, Schedule(config, 10), model)


def test_calls_end_where_something_is_due():
    """Calls of at most 3 end at 1, at each 4th iteration, and at the end."""
    found: list[Batch] = list(batches())
    assert [batch.iteration for batch in found] == [1, 4, 7, 8, 11, 12, 15]
    assert [len(batch.images) for batch in found] == [1, 3, 3, 1, 3, 1, 3]
    assert found[1].images.shape == (3, 2, 1, 2, 1) and found[1].labels.shape == (3, 2)
    assert all((batch.images[..., 0, 0, 0] == 2 * batch.labels).all() for batch in found)
    fewer = batches(dataclasses.replace(CONFIG, iterations=7))  # in place of epochs
    assert [batch.iteration for batch in fewer] == [1, 4, 7]


@pytest.mark.parametrize("mirror", [False, True])
def test_a_resumed_training_gets_the_same_batches(mirror: bool):
    config = dataclasses.replace(CONFIG, mirror=mirror)
    whole = list(batches(config))
    rest = list(batches(config, done=8))
    assert [batch.iteration for batch in rest] == [11, 12, 15]
    for batch, same in zip(rest, whole[4:], strict=True):
        assert (batch.images == same.images).all()
    seen = np.concatenate([batch.images.reshape(-1, 2) for batch in whole])
    assert (seen[:, 0] > seen[:, 1]).any() == mirror
