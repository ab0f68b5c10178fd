"""The program: read the command line, then train a run or use one. Errors become one sentence and an exit code."""

from __future__ import annotations

import pkgutil
import sys

from dcgan_tf.cli import flags
from dcgan_tf.cli.commands import TRAIN
from dcgan_tf.runs.select import select
from dcgan_tf.settings.values import classes
from dcgan_tf.system.errors import device_errors
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import silence_pillow, start_tensorflow
from dcgan_tf.training import start


def main(argv: list[str]) -> None:
    """Run one command.

    Args:
      argv: as in `flags.parse`.
    Raises: UserError; SystemExit with 128 and the number of a signal that stopped a training, after its checkpoint.
    """
    command, value, keywords, chosen, given, runs, name = flags.parse(argv)
    silence_pillow()
    if command is TRAIN:
        outcome = start.train(runs, name, given, chosen)
        if outcome.signal:
            raise SystemExit(128 + outcome.signal)
        return
    with device_errors("a smaller --batch_size, fewer images, or CUDA_VISIBLE_DEVICES=-1 to use no GPU"):
        selection = select(runs, name, given, chosen)
        if "class" in keywords:
            keywords["classes"] = classes(keywords.pop("class"), selection.config.class_names)
        start_tensorflow()
        function = pkgutil.resolve_name(f"dcgan_tf.{command.function}")
        function(selection, *value, **keywords)


def run() -> None:
    """Run the program with the arguments of its process."""
    run_program(lambda: main(sys.argv))
