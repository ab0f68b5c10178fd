"""Checks during a training: stop it if numbers are not finite, warn if it has collapsed."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from dcgan_tf.losses import LOSSES
from dcgan_tf.model import DCGAN
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import warn

COLLAPSE_STD = 0.01  # if the pixels of a batch vary less than this (range 1), the generator has collapsed ...
COLLAPSE_START = 1000  # ... but not before this iteration: an untrained generator makes nearly equal images, too
LOW_D_LOSS = 0.01  # a discriminator's loss below this ...
LOW_D_LOSS_ITERATIONS = 1000  # ... for so many iterations leaves the generator nothing to learn from


class Monitor:
    """Checks the losses, weights and samples of one training."""

    def __init__(self, learning_rate: float, warns: bool = True):
        """Args: learning_rate: for the advice; warns: whether to warn."""
        self.learning_rate = learning_rate
        self.warns = warns
        self.warned: set[str] = set()
        self.low_d_loss_since: int | None = None

    def check_losses(self, logged: dict[str, tf.Tensor], iteration: int) -> dict[str, float]:
        """Return the losses as numbers; warn if d_loss stays near 0. Raises UserError if a loss is not finite."""
        values = {name: float(logged[name]) for name in LOSSES}
        if not np.isfinite(list(values.values())).all():
            raise self._stop_error("a loss is not finite", values, iteration)
        if values["d_loss"] >= LOW_D_LOSS:
            self.low_d_loss_since = None
        elif self.low_d_loss_since is None:
            self.low_d_loss_since = iteration
        if self.low_d_loss_since is not None and iteration - self.low_d_loss_since >= LOW_D_LOSS_ITERATIONS:
            self._warn_once(
                f"the discriminator's loss has stayed below {LOW_D_LOSS} for {LOW_D_LOSS_ITERATIONS} iterations, so the"
                " generator learns nothing any more; with up to 2,000 images, train a new run with --preset auto, else"
                " with a lower --learning_rate or more images."
            )
        return values

    def check_weights(self, model: DCGAN, logged: dict[str, tf.Tensor], iteration: int) -> None:
        """Raise UserError if a loss or a weight is not finite. Called before each checkpoint."""
        values = self.check_losses(logged, iteration)
        for variable in (*model.generator.variables, *model.discriminator.variables):
            if not np.isfinite(variable.numpy().sum(dtype=np.float64)):
                raise self._stop_error(f"{variable.path} is not finite", values, iteration)

    def check_samples(self, images: np.ndarray, iteration: int) -> None:
        """Warn if generated images, uint8 [N, H, W, C], are nearly equal from iteration COLLAPSE_START on."""
        if iteration >= COLLAPSE_START and len(images) > 1 and images.std(axis=0).mean() < 255 * COLLAPSE_STD:
            self._warn_once(
                "the generator's images are nearly all the same (it has collapsed); train a new run with another"
                " --seed, a lower --learning_rate, more varied images, or --preset auto."
            )

    def _warn_once(self, text: str) -> None:
        if self.warns and text not in self.warned:
            self.warned.add(text)
            warn(f"{text} See docs/training.md; --nowarn_collapse turns this warning off.")

    def _stop_error(self, what: str, values: dict[str, float], iteration: int) -> UserError:
        losses = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        return UserError(
            f"Training stopped at iteration {iteration} because {what} ({losses}); the last good checkpoint is kept;"
            f" try a lower --learning_rate than {self.learning_rate:g}, --precision float32, or other data."
        )


def warn_on_one_row(config: Config, replicas: int) -> None:
    """Warn if a batch norm gets one value for each channel: it becomes 0, so that G's images do not depend on z.

    MNIST's networks have some behind linear layers; in the others, the smallest maps are halved once in each stage.

    Args: replicas: the devices that share a batch.
    """
    rows = config.batch_size
    if not config.sync_bn:
        rows //= replicas
    if not config.has_mnist_networks:
        height, width, _ = config.image_shape
        part = 2**config.stage_count
        rows *= math.ceil(height / part) * math.ceil(width / part)
    if rows == 1:
        warn(
            "A batch has one image for each device, so batch norm makes the generator's images the same for every z in"
            f" training; give a --batch_size of at least {2 * replicas}."
        )
