"""python main.py --dataset mnist --train: read the command line, then train a run or use one."""

from __future__ import annotations

import os
import sys

from dcgan_tf.cli import flags
from dcgan_tf.cli.commands import COMMANDS, OPTIONS, WEIGHT_OPTIONS
from dcgan_tf.runs.select import find_start, original, select
from dcgan_tf.settings import values
from dcgan_tf.system import messages
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.signals import exit_on_signals
from dcgan_tf.system.startup import start_tensorflow


def main(argv: list[str]) -> None:
    """Run one command. Raises UserError."""
    request = flags.parse(argv)
    if request.command is COMMANDS["train"]:
        train(request)
    else:
        use(request)


def train(request: flags.Request) -> None:
    """Train a run. The first of these rules that applies chooses it:

    1. Without --resume: a new run, with the weights of --checkpoint, --init_from or --pretrained if given.
    2. With --resume and an --out_name that no run has: a new run with that name.
    3. With --resume: the run named --out_name, or else the newest run that matches the settings on the command line.
    """
    runs, name, config = request.runs, request.out_name, request.config
    is_new = not request.options["resume"]
    if not is_new and name and not runs.named(name).has_begun:
        print(f"There is no run {name} yet, so it begins now.")
        is_new = True
    run = None if is_new else runs.find(config.dataset, name, request.given)
    checkpoint, init_from = request.options["checkpoint"], request.options["init_from"]
    if request.options["pretrained"]:
        init_from = f"pretrained:{config.dataset}"
    start = find_start(runs, config.dataset, init_from)
    start_tensorflow()
    if checkpoint:
        start = original(runs, checkpoint)
    from dcgan_tf.training import loop  # after start_tensorflow, which hides TensorFlow's messages

    outcome = loop.resume(run, request.given) if run else loop.train_new(config, runs, name, start, request.given)
    if outcome.signal:
        raise SystemExit(128 + outcome.signal)


def use(request: flags.Request) -> None:
    """Run a command on trained weights, which `selection.select` chooses."""
    chosen = {name: value for name, value in request.options.items() if name in WEIGHT_OPTIONS}
    run, config = select(request.runs, request.config, request.out_name, request.given, **chosen)
    if not run.original_checkpoint and not run.pretrained:
        print(f"Run: {run.checkpoints}")
    keywords = {OPTIONS[name].keyword: value for name, value in request.options.items() if OPTIONS[name].keyword}
    if "classes" in keywords:
        keywords["classes"] = values.classes(keywords["classes"], config.class_names)
    start_tensorflow()
    request.command.load()(run, config, *request.value, **keywords)


def run() -> None:
    """Run the program: an error becomes one sentence and an exit code."""
    messages.show_as_program()
    sys.stdout.reconfigure(line_buffering=True)  # a pipe or a log file gets each line at once
    with exit_on_signals():
        try:
            main(sys.argv)
        except UserError as error:
            print(f"Error: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        except BrokenPipeError:  # the reader of the output, such as head, has ended
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python reports the broken pipe at its end
            raise SystemExit(141) from None  # what a shell reports of a program that SIGPIPE ended
        except OSError as error:
            print(
                f"Error: {error}; check that it can be read and written, and that its disk has room.", file=sys.stderr
            )
            raise SystemExit(1) from None
        except KeyboardInterrupt:  # signals.StopRequest raises it on the second Ctrl-C
            raise SystemExit(130) from None
