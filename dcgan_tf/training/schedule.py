"""How many iterations a training has, and what is to be written after each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError

Rule = Callable[[int], bool]  # the number of an iteration -> whether something is to be written after it


class Schedule:
    """The iterations of one training; the first one is 1.

    Attributes:
      per_epoch: whole batches in an epoch, min(N, train_size) // batch_size.
      total: the number of the last iteration.
      lr_decay: the first and the last iteration in which the learning rate goes down to 0; None if it does not.
      rules: when what is written. Recorder.writers has a function for each; they write in this order. All workers must
        have the same rules, so a setting in them has not the lifecycle MACHINE.
    """

    def __init__(self, config: Config, image_count: int):
        self.per_epoch = int(min(image_count, config.train_size)) // config.batch_size
        self.total = config.iterations or config.epoch * self.per_epoch
        self.lr_decay: tuple[int, int] | None = None
        if config.lr_decay_epochs:
            first = max(0, self.total - config.lr_decay_epochs * self.per_epoch) + 1
            self.lr_decay = (first, self.total)
        last_of_epochs = [epoch * self.per_epoch for epoch in config.epochs_to_keep]
        self.rules: dict[str, Rule] = {
            "curves": lambda iteration: iteration == 1 or iteration % config.log_freq == 0,
            "sheet": every(config.sample_freq),
            "sheet of an epoch": lambda iteration: iteration in last_of_epochs,
            "evaluation": every(config.evaluate_freq),
            "checkpoint": every(config.ckpt_freq),
        }

    def epoch_of(self, iteration: int) -> int:
        """Return the epoch, 1, 2, ..., of an iteration."""
        return (iteration - 1) // self.per_epoch + 1

    @property
    def epochs(self) -> int:
        """The number of epochs; the last one need not be whole."""
        return self.epoch_of(self.total)

    def due(self, iteration: int) -> list[str]:
        """Return what is to be written after this iteration. A call of several iterations ends where anything is."""
        return [name for name, is_due in self.rules.items() if is_due(iteration)]


def fit_epochs(config: Config, given: Mapping[str, Any], image_count: int) -> Config:
    """Apply to a training with --iterations the rules about epochs, whose number is only known with the data set.

    The learning rate of a preset goes down in the second half, at most.

    Args:
      given: the settings that the user gave.
    Raises: UserError if a given epoch is not one of the training.
    """
    schedule = Schedule(config, image_count)
    if not config.iterations:
        return config
    training = (
        f"--iterations {config.iterations} are {config.iterations / schedule.per_epoch:.3g} epochs of these images"
    )
    if "lr_decay_epochs" in given and config.lr_decay_epochs > schedule.epochs:
        raise UserError(f"{training}, so --lr_decay_epochs must be smaller, but is {config.lr_decay_epochs}.")
    if "epoch_samples" in given and max(config.epochs_to_keep, default=0) * schedule.per_epoch > schedule.total:
        raise UserError(f"{training}, so --epoch_samples must be smaller numbers, but is {config.epoch_samples!r}.")
    if "lr_decay_epochs" in given:
        return config
    return dataclasses.replace(config, lr_decay_epochs=min(config.lr_decay_epochs, schedule.epochs // 2))


def every(period: int | None) -> Rule:
    """Return the rule for every so many iterations; 0 or None: never."""
    return lambda iteration: bool(period) and iteration % (period or 1) == 0
