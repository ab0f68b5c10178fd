"""Train with changes that the program does not have, to see what they are worth: python ideas.py CHANGES FLAGS.

FLAGS are those of main.py. docs/notes/small.md has the results.
"""

from __future__ import annotations

import argparse
import sys

from dcgan_tf.cli.program import main as program_main
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import start_tensorflow


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Train with changes that the program does not have.", allow_abbrev=False
    )
    parser.add_argument("--consistency", type=float, default=0, help="weight of the consistency of D on real images")
    parser.add_argument("--relativistic", action="store_true", help="D compares each real image with a generated one")
    of_d = parser.add_mutually_exclusive_group()  # each builds a discriminator of its own
    of_d.add_argument("--r1", type=float, default=0, help="D without batch norm; gamma of the gradient penalty R1")
    parser.add_argument("--dropout", type=float, default=0, help="share of D's last features that are left out")
    of_d.add_argument("--freeze_d", type=int, default=0, help="number of D's first stages that do not learn")
    parser.add_argument("--g_rate", type=float, default=1, help="factor of G's learning rate")
    return parser


def main() -> None:
    changes, flags = parser().parse_known_args()
    start_tensorflow()
    import changed_step

    changed_step.install(changes)
    program_main([sys.argv[0], *flags])


if __name__ == "__main__":
    run_program(main)
