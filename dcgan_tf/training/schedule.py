"""How many iterations a training has, and after which of them something is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_tf.settings.config import Config


@dataclass(frozen=True)
class When:
    """After which iterations something is written: after every so many (0: never), and also after some."""

    every: int
    also: tuple[int, ...] = ()

    def __call__(self, iteration: int) -> bool:
        """Return whether it is written after this iteration."""
        return iteration in self.also or (self.every > 0 and iteration % self.every == 0)


class Schedule:
    """The iterations of one training; the first one is 1.

    Attributes:
      per_epoch: whole batches in an epoch, min(N, train_size) // batch_size.
      total: the number of the last iteration.
      epochs: their number; the last one need not be whole.
      lr_decay: the first and the last iteration in which the learning rate goes down to 0; None if it does not.
      curves, sheets, epoch_sheets, checkpoints, evaluations: when each is written. All workers must have the same, so a
        setting in them has not the lifecycle MACHINE.
    """

    def __init__(self, config: Config, image_count: int):
        self.per_epoch = int(min(image_count, config.train_size)) // config.batch_size
        self.total = config.iterations or config.epoch * self.per_epoch
        self.epochs = self.epoch_of(self.total)
        self.lr_decay: tuple[int, int] | None = None
        if config.lr_decay_epochs:
            first = max(0, self.total - config.lr_decay_epochs * self.per_epoch) + 1
            self.lr_decay = (first, self.total)
        self.curves = When(config.log_freq, also=(1,))
        self.sheets = When(config.sample_freq, also=(self.total,))
        self.epoch_sheets = When(0, also=tuple(epoch * self.per_epoch for epoch in config.epochs_to_keep))
        self.checkpoints = When(config.ckpt_freq, also=(self.total,))
        self.evaluations = When(config.evaluate_freq or 0)

    def epoch_of(self, iteration: int) -> int:
        """Return the epoch, 1, 2, ..., of an iteration."""
        return (iteration - 1) // self.per_epoch + 1

    def calls(self, done: int, most: int) -> Iterator[range]:
        """Yield the iterations of each call of the train step: at most so many; something is due after the last.

        Args: done: the iterations before the first call.
        """
        each = [when for when in vars(self).values() if isinstance(when, When)]
        first = done + 1
        for iteration in range(first, self.total + 1):  # a checkpoint is due after the last
            if iteration == first + most - 1 or any(when(iteration) for when in each):
                yield range(first, iteration + 1)
                first = iteration + 1


def fit_epochs(config: Config, given: Mapping[str, Any], image_count: int) -> Config:
    """With --iterations, let the learning rate of a preset go down in the second half, at most.

    Args: given: the settings that the user gave, which stay; image_count: N.
    Returns: the config with lr_decay_epochs of at most half of the epochs.
    """
    if not config.iterations or "lr_decay_epochs" in given:
        return config
    half = Schedule(config, image_count).epochs // 2
    return dataclasses.replace(config, lr_decay_epochs=min(config.lr_decay_epochs, half))
