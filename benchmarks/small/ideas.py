"""Train with changes that the program does not have, to see what they are worth: python ideas.py CHANGES FLAGS.

FLAGS are those of main.py. A change replaces something that `DCGAN.update` uses, and `update` runs as it is. There is
one of each kind here: of an optimizer, of the networks, of a loss. docs/notes/small.md has others that were tried.
"""

from __future__ import annotations

import argparse
import math
import sys
from unittest import mock

from dcgan_tf.cli.program import main as program_main
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402

from dcgan_tf import losses, networks  # noqa: E402
from dcgan_tf.model import DCGAN, Values  # noqa: E402
from dcgan_tf.settings.config import Config  # noqa: E402
from dcgan_tf.training import train  # noqa: E402


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Train with changes that the program does not have.", allow_abbrev=False
    )
    parser.add_argument("--g_rate", type=float, default=1, help="factor of G's learning rate")
    parser.add_argument("--dropout", type=float, default=0, help="share of D's last features that are left out")
    parser.add_argument(
        "--wrong_labels", type=float, default=0, help="weight of: a real image's logit is above that with another label"
    )
    return parser


def install(changes: argparse.Namespace) -> None:
    """Let the program of this process train with the changes."""
    ChangedDCGAN.changes = changes
    train.DCGAN = ChangedDCGAN
    if changes.dropout:
        networks.flatten = lambda x: tf.nn.dropout(tf.reshape(x, [-1, math.prod(x.shape[1:])]), changes.dropout)


class ChangedDCGAN(DCGAN):
    """The DCGAN with the changes."""

    changes: argparse.Namespace

    def __init__(self, config: Config, lr_decay: tuple[int, int] | None = None):
        super().__init__(config, lr_decay)
        if self.changes.g_rate != 1:
            self.g_optimizer.learning_rate = tf.Variable(config.learning_rate * self.changes.g_rate, trainable=False)

    def update(
        self, images: tf.Tensor, labels: tf.Tensor, z: tf.Tensor, augmentations: tf.Tensor | None = None
    ) -> Values:
        self.penalty: tf.Tensor | None = None
        d_loss_real = losses.d_loss_real
        with mock.patch.object(losses, "d_loss_real", lambda logits: d_loss_real(logits) + self.penalty):
            return super().update(images, labels, z, augmentations)

    def discriminate(self, images: tf.Tensor, labels: tf.Tensor, numbers: tf.Tensor | None) -> tf.Tensor:
        logits = super().discriminate(images, labels, numbers)
        if self.penalty is None:  # the first pass, of real images
            self.penalty = tf.constant(0.0)
            if self.changes.wrong_labels:
                wrong = super().discriminate(images, tf.roll(labels, 1, axis=1), numbers)
                above = tf.reduce_mean(tf.nn.softplus(tf.cast(wrong - logits, tf.float32)))
                self.penalty = self.changes.wrong_labels * above
        return logits


def main() -> None:
    changes, flags = parser().parse_known_args()
    install(changes)
    program_main([sys.argv[0], *flags])


if __name__ == "__main__":
    run_program(main)
