"""The input of a training: each batch has the images of K iterations, which one call of the train step runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import steps_per_call
from dcgan_tf.settings.config import Config
from dcgan_tf.training.cluster import Cluster
from dcgan_tf.training.schedule import Schedule


class Batch(NamedTuple):
    """The input of one call of the train step, which trains K iterations."""

    iteration: int  # the last of the K iterations; the first one of a training is 1
    epoch: int  # 1, 2, ...
    images: np.ndarray  # this worker's shard, uint8 [K, B, H, W, C]
    labels: np.ndarray  # int32 [K, B]


class Loader:
    """Yields the batches after iteration `start`, up to the last iteration of the training.

    A batch ends where a curve, a sheet or a checkpoint may be due, so nothing is due in the middle of its iterations.

    Attributes:
      start: the number of iterations that are done already.
      total: the number of the last iteration.
      seconds_waited: how long the train step has waited for batches.
    """

    def __init__(self, dataset: Dataset, config: Config, start: int, cluster: Cluster):
        self.dataset, self.config, self.start, self.cluster = dataset, config, start, cluster
        self.schedule = Schedule(config, len(dataset.images))
        self.total = self.schedule.total
        self.seconds_waited = 0.0

    def __iter__(self) -> Iterator[Batch]:
        batches = self._batches()
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            self.seconds_waited += time.perf_counter() - asked
            if batch is None:
                return
            yield batch

    def _batches(self) -> Iterator[Batch]:
        config = self.config
        most = steps_per_call(config)
        images, labels = [], []
        loaded = self.dataset.batches(
            config.batch_size,
            self.schedule.per_epoch,
            seed=config.seed,
            mirror=config.mirror,
            start=self.start,
            shard=self.cluster.shard,
        )
        for iteration, (epoch, batch_images, batch_labels) in enumerate(loaded, self.start + 1):
            if iteration > self.total:
                return
            images.append(batch_images)
            labels.append(batch_labels)
            if len(images) == most or self._ends_call(iteration):
                yield Batch(iteration, epoch + 1, np.stack(images), np.stack(labels))
                images, labels = [], []

    def _ends_call(self, iteration: int) -> bool:
        """Return whether something may have to be written after this iteration."""
        config, epoch_length = self.config, self.schedule.per_epoch
        periods = (config.log_freq, config.sample_freq, config.ckpt_freq, config.evaluate_freq, epoch_length)
        return iteration in (1, self.total) or any(period and iteration % period == 0 for period in periods)
