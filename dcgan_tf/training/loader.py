"""The input of a training: each batch has the images of K iterations, which one call of the train step runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from dcgan_tf.data.dataset import Dataset, in_thread
from dcgan_tf.model import Values, steps_per_call
from dcgan_tf.settings.config import Config
from dcgan_tf.training.schedule import Schedule


class Batch(NamedTuple):
    """The input of one call of the train step, which trains K iterations."""

    iteration: int  # the last of the K iterations; the first one of a training is 1
    images: np.ndarray  # uint8 [K, B, H, W, C]
    labels: np.ndarray  # int32 [K, B]
    draws: tuple[Values, ...]  # one with XLA: the random numbers of the call; else none


def load_batches(
    dataset: Dataset, config: Config, schedule: Schedule, done: int, draw: Callable[[int], Values] | None = None
) -> Iterator[Batch]:
    """Yield the batches up to the last iteration of the training.

    Args: done: the number of iterations before; draw: the model's draw_ahead, called in a thread.
    """
    most = steps_per_call(config.steps_per_call)
    batches = dataset.batches(
        config.batch_size,
        schedule.per_epoch,
        seed=config.seed,
        mirror=config.mirror,
        start=done,
    )
    draws: Iterator[tuple[Values, ...]] = itertools.repeat(())
    if draw:
        draws = in_thread(((draw(call[0]),) for call in schedule.calls(done, most)), 1)
    for call in schedule.calls(done, most):
        images, labels = zip(*islice(batches, len(call)), strict=True)
        yield Batch(call[-1], np.stack(images), np.stack(labels), next(draws))
