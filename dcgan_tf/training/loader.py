"""The input of a training: each batch has the images of K iterations, which one call of the train step runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat
from typing import NamedTuple

import numpy as np

from dcgan_tf.data.dataset import Dataset, in_thread
from dcgan_tf.model import DCGAN, Values
from dcgan_tf.training.schedule import Schedule


class Batch(NamedTuple):
    """The input of one call of the train step, which trains K iterations."""

    iteration: int  # the last of the K iterations; the first one of a training is 1
    images: np.ndarray  # uint8 [K, B, H, W, C]
    labels: np.ndarray  # int32 [K, B]
    draws: tuple[Values, ...]  # one with XLA: the random numbers of the call; else none


def load_batches(dataset: Dataset, schedule: Schedule, model: DCGAN) -> Iterator[Batch]:
    """Yield the batches of the iterations that the model has not trained yet, up to the last one of the schedule.

    The model must be compiled: with XLA, a thread draws the random numbers of the next call. Two threads work ahead of
    the train step, so that it waits for neither images nor numbers.
    """
    config = model.config
    done = model.iterations_done
    batches = dataset.batches(config.batch_size, schedule.per_epoch, seed=config.seed, mirror=config.mirror, start=done)
    draws: Iterator[tuple[Values, ...]] = repeat(())
    draw = model.draw_ahead
    if draw:
        draws = in_thread(((draw(call[0]),) for call in schedule.calls(done, model.steps_per_call)), 1)
    for call in schedule.calls(done, model.steps_per_call):
        images, labels = zip(*islice(batches, len(call)), strict=True)
        yield Batch(call[-1], np.stack(images), np.stack(labels), next(draws))
