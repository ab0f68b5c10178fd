"""What goes wrong in a GAN's training: numbers that are no longer finite stop it, a collapse is told once."""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan_tf.config import Config
from dcgan_tf.errors import UserError
from dcgan_tf.model import DCGAN

LOSSES = ("d_loss", "d_loss_real", "d_loss_fake", "g_loss")
COLLAPSED = 0.01  # pictures whose pixels differ less than this over a batch (range 1) are one picture
WON, WON_FOR = 0.01, 1000  # a discriminator's loss below WON for WON_FOR iterations leaves G nothing to learn from


class Watch:
    """The eye on one training."""

    def __init__(self, config: Config):
        self.config = config
        self.told: set[str] = set()
        self.won_since: int | None = None

    def losses(self, logged: dict[str, tf.Tensor], iteration: int) -> dict[str, float]:
        """The losses as numbers. Raises UserError if one is not finite; warns of a discriminator that has won."""
        values = {name: float(logged[name]) for name in LOSSES}
        if not np.isfinite(list(values.values())).all():
            raise self._stopped("a loss is not finite", values, iteration)
        self.won_since = (self.won_since or iteration) if values["d_loss"] < WON else None
        if self.won_since is not None and iteration - self.won_since >= WON_FOR:
            self._tell(
                f"the discriminator's loss has stayed below {WON} for {WON_FOR} iterations, so the generator learns"
                " nothing any more; a lower --learning_rate, a smaller --df_dim or more pictures usually help."
            )
        return values

    def weights(self, model: DCGAN, logged: dict[str, tf.Tensor], iteration: int) -> None:
        """Raises UserError if a loss or a weight is not finite: asked before each checkpoint."""
        values = self.losses(logged, iteration)
        for variable in (*model.generator.variables, *model.discriminator.variables):
            if not np.isfinite(variable.numpy().sum(dtype=np.float64)):
                raise self._stopped(f"{variable.path} is not finite", values, iteration)

    def samples(self, pictures: np.ndarray) -> None:
        """Warns of a generator whose uint8 pictures [N, H, W, C] are nearly equal."""
        if len(pictures) > 1 and pictures.std(axis=0).mean() < 255 * COLLAPSED:
            self._tell(
                "the generator's pictures are nearly all the same (it has collapsed); begin anew with another --seed, a"
                " lower --learning_rate or more varied pictures."
            )

    def _tell(self, text: str) -> None:
        if self.config.warn_collapse and text not in self.told:
            self.told.add(text)
            tqdm.write(f"Warning: {text} --nowarn_collapse silences this.", file=sys.stderr)

    def _stopped(self, what: str, values: dict[str, float], iteration: int) -> UserError:
        last = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        return UserError(
            f"Training stopped at iteration {iteration} because {what} ({last}); the last good checkpoint is kept: try"
            f" a lower --learning_rate than {self.config.learning_rate:g}, --precision float32, or other data."
        )
