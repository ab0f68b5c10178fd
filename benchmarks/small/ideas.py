"""Train with changes that the program does not have, to see what they are worth: python ideas.py CHANGES FLAGS.

FLAGS are those of main.py. A change replaces something that `DCGAN.update` uses, and `update` runs as it is. Here are
one of an optimizer and one of the networks; one of a loss replaces a function of `losses`. docs/notes/small.md has
others that were tried.
"""

from __future__ import annotations

import argparse
import math
import sys

from dcgan_tf.cli.program import main as program_main
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402

from dcgan_tf import networks  # noqa: E402
from dcgan_tf.model import DCGAN  # noqa: E402
from dcgan_tf.settings.config import Config  # noqa: E402
from dcgan_tf.training import train  # noqa: E402


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Train with changes that the program does not have.", allow_abbrev=False
    )
    parser.add_argument("--g_rate", type=float, default=1, help="factor of G's learning rate")
    parser.add_argument("--dropout", type=float, default=0, help="share of D's last features that are left out")
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


def main() -> None:
    changes, flags = parser().parse_known_args()
    install(changes)
    program_main([sys.argv[0], *flags])


if __name__ == "__main__":
    run_program(main)
