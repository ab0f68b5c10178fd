"""The input of a training: each batch has the images of K iterations, which one call of the train step runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import steps_per_call
from dcgan_tf.settings.config import Config
from dcgan_tf.training.schedule import Schedule


class Batch(NamedTuple):
    """The input of one call of the train step, which trains K iterations."""

    iteration: int  # the last of the K iterations; the first one of a training is 1
    images: np.ndarray  # uint8 [K, B, H, W, C]
    labels: np.ndarray  # int32 [K, B]
    seconds_waited: float  # how long the training has waited for this batch


def load_batches(dataset: Dataset, config: Config, schedule: Schedule, done: int) -> Iterator[Batch]:
    """Yield the batches up to the last iteration of the training. Args: done: the number of iterations before."""
    most = steps_per_call(config.steps_per_call)
    batches = dataset.batches(
        config.batch_size,
        schedule.per_epoch,
        seed=config.seed,
        mirror=config.mirror,
        start=done,
    )
    while done < schedule.total:
        asked = time.perf_counter()
        end = schedule.end_of_call(done, most)
        images, labels = zip(*islice(batches, end - done), strict=True)
        yield Batch(end, np.stack(images), np.stack(labels), time.perf_counter() - asked)
        done = end
