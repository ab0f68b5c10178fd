"""The loader: which iterations one call of the train step gets, and how long the train step waited."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.settings.config import Config
from dcgan_tf.training.loader import Loader
from dcgan_tf.training.schedule import Schedule

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


def loader(config: Config = CONFIG, start: int = 0, data: Dataset | None = None) -> Loader:
    """The loader of a training by one process."""
    data = data or dataset()
    schedule = Schedule(config, len(data.images))
    return Loader(data, config, schedule, start, config.steps_per_call)


def test_calls_end_where_something_is_due():
    """Calls of at most 3 end at 1, at each 4th iteration, and at the end."""
    batches = list(loader())
    assert [batch.iteration for batch in batches] == [1, 4, 7, 8, 11, 12, 15]
    assert [len(batch.images) for batch in batches] == [1, 3, 3, 1, 3, 1, 3]
    assert batches[1].images.shape == (3, 2, 1, 1, 1)
    assert batches[1].labels.shape == (3, 2)
    assert all((batch.images.ravel() == batch.labels.ravel()).all() for batch in batches)


def test_a_resumed_training_gets_the_same_batches():
    whole = list(loader())
    rest = list(loader(start=8))
    assert [batch.iteration for batch in rest] == [11, 12, 15]
    for batch, same in zip(rest, whole[4:], strict=True):
        assert (batch.images == same.images).all()


def test_iterations_replace_epochs():
    batches = loader(dataclasses.replace(CONFIG, iterations=7))
    assert [batch.iteration for batch in batches] == [1, 4, 7]


def test_mirror():
    """Each epoch mirrors other images; the same ones after a resume; the data set itself does not change."""
    images = np.stack([np.full((1, 4, 1), n, np.uint8) for n in range(10)])
    images[:, :, 0] += 100  # marks the left side
    data = Dataset(
        images.copy(), np.arange(10, dtype=np.int32), (), ImageSpec(1, 2, 1), "here", shuffle_each_epoch=False
    )
    config = dataclasses.replace(CONFIG, mirror=True, steps_per_call=1, epoch=20)
    batches = list(loader(config, data=data))
    seen = np.concatenate([batch.images[0] for batch in batches]).reshape(20, 10, 4)
    mirrored = seen[:, :, 3] >= 100
    assert ((seen[:, :, 0] >= 100) != mirrored).all()
    assert 70 < mirrored.sum() < 130 and (mirrored.any(0) & ~mirrored.all(0)).all()
    rest = list(loader(config, 33, data))
    assert all((a.images == b.images).all() for a, b in zip(batches[33:], rest, strict=True))
    assert (data.images == images).all()


def test_only_the_time_until_a_batch_is_ready_counts_as_waiting():
    config = Config(epoch=1, batch_size=2, steps_per_call=1)
    begin = time.perf_counter()
    waited = 0.0
    for batch in loader(config, data=dataset(SlowDataset)):
        waited += batch.seconds_waited
        time.sleep(0.2)  # the train step
    assert waited >= 0.45
    assert time.perf_counter() - begin - waited >= 0.95
