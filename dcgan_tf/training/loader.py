"""The input of a training: each batch has the images of K iterations, which one call of the train step runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.settings.config import Config
from dcgan_tf.training.schedule import Schedule


class Batch(NamedTuple):
    """The input of one call of the train step, which trains K iterations."""

    iteration: int  # the last of the K iterations; the first one of a training is 1
    images: np.ndarray  # uint8 [K, B, H, W, C]
    labels: np.ndarray  # int32 [K, B]
    seconds_waited: float  # how long the training has waited for this batch


class Loader:
    """Yields the batches after iteration `start`, up to the last iteration of the training.

    A batch ends where something is due, so nothing is due in the middle of its iterations.
    """

    def __init__(self, dataset: Dataset, config: Config, schedule: Schedule, start: int, steps_per_call: int):
        """Args:
        start: the number of iterations that are done already.
        steps_per_call: the largest K.
        """
        self.schedule = schedule
        self.start = start
        self.steps_per_call = steps_per_call
        self.batches = dataset.batches(
            config.batch_size, schedule.per_epoch, seed=config.seed, mirror=config.mirror, start=start
        )

    def __iter__(self) -> Iterator[Batch]:
        asked = time.perf_counter()
        for iteration, images, labels in self._calls():
            yield Batch(iteration, images, labels, time.perf_counter() - asked)
            asked = time.perf_counter()

    def _calls(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        images: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        for iteration, (batch_images, batch_labels) in enumerate(self.batches, self.start + 1):
            if iteration > self.schedule.total:
                return
            images.append(batch_images)
            labels.append(batch_labels)
            is_last = iteration == self.schedule.total
            if len(images) == self.steps_per_call or is_last or self.schedule.due(iteration):
                yield iteration, np.stack(images), np.stack(labels)
                images = []
                labels = []
