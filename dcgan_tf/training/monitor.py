"""What goes wrong in a GAN's training: numbers that are no longer finite stop it, a collapse is told once."""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan_tf.config import Config
from dcgan_tf.errors import UserError
from dcgan_tf.losses import LOSSES
from dcgan_tf.model import DCGAN

COLLAPSE_STD = 0.01  # pictures whose pixels differ less than this over a batch (range 1) are one picture
LOW_D_LOSS, LOW_D_LOSS_ITERATIONS = (
    0.01,
    1000,
)  # a discriminator's loss below WON for WON_FOR iterations leaves G nothing to learn from


class Monitor:
    """The eye on one training."""

    def __init__(self, config: Config):
        self.config = config
        self.warned: set[str] = set()
        self.low_d_loss_since: int | None = None

    def check_losses(self, logged: dict[str, tf.Tensor], iteration: int) -> dict[str, float]:
        """The losses as numbers. Raises UserError if one is not finite; warns of a discriminator that has won."""
        values = {name: float(logged[name]) for name in LOSSES}
        if not np.isfinite(list(values.values())).all():
            raise self._stop_error("a loss is not finite", values, iteration)
        self.low_d_loss_since = (self.low_d_loss_since or iteration) if values["d_loss"] < LOW_D_LOSS else None
        if self.low_d_loss_since is not None and iteration - self.low_d_loss_since >= LOW_D_LOSS_ITERATIONS:
            self._warn_once(
                f"the discriminator's loss has stayed below {LOW_D_LOSS} for {LOW_D_LOSS_ITERATIONS} iterations, so the"
                " generator learns nothing any more; a lower --learning_rate, a smaller --df_dim or more images"
                " usually help."
            )
        return values

    def check_weights(self, model: DCGAN, logged: dict[str, tf.Tensor], iteration: int) -> None:
        """Raises UserError if a loss or a weight is not finite: asked before each checkpoint."""
        values = self.check_losses(logged, iteration)
        for variable in (*model.generator.variables, *model.discriminator.variables):
            if not np.isfinite(variable.numpy().sum(dtype=np.float64)):
                raise self._stop_error(f"{variable.path} is not finite", values, iteration)

    def check_samples(self, images: np.ndarray) -> None:
        """Warns of a generator whose uint8 pictures [N, H, W, C] are nearly equal."""
        if len(images) > 1 and images.std(axis=0).mean() < 255 * COLLAPSE_STD:
            self._warn_once(
                "the generator's pictures are nearly all the same (it has collapsed); begin anew with another --seed, a"
                " lower --learning_rate or more varied pictures."
            )

    def _warn_once(self, text: str) -> None:
        if self.config.warn_collapse and text not in self.warned:
            self.warned.add(text)
            tqdm.write(f"Warning: {text} --nowarn_collapse silences this.", file=sys.stderr)

    def _stop_error(self, what: str, values: dict[str, float], iteration: int) -> UserError:
        last = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        return UserError(
            f"Training stopped at iteration {iteration} because {what} ({last}); the last good checkpoint is kept: try"
            f" a lower --learning_rate than {self.config.learning_rate:g}, --precision float32, or other data."
        )
