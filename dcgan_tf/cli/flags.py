"""Define the flags and --help, and turn the command line into a Request."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from dcgan_tf.cli.commands import COMMANDS, OPTIONS, RANDOM_SHEET, Command
from dcgan_tf.runs.run import Runs
from dcgan_tf.settings.config import SETTINGS
from dcgan_tf.settings.options import PLACES, START, WEIGHTS
from dcgan_tf.settings.resolve import convert, unknown
from dcgan_tf.settings.setting import ORIGINAL, Setting
from dcgan_tf.system import VERSION
from dcgan_tf.system.errors import UserError

EXAMPLES = """\
Train a DCGAN, or use a trained one.

Examples:
  python main.py --dataset mnist --pretrained --grid 10x16         digits, without a training
  python main.py --dataset mnist --train                           train on MNIST
  python main.py --dataset cats --train --preset auto --fit cover  train on the photos in data/cats
  python main.py --dataset cats --train --preset auto --dry_run    say first how long that takes
  python main.py --dataset cats --train --resume                   continue the newest run
  python main.py --dataset cats --grid 8x16                        write a sheet of its samples
  python main.py --dataset cats --generate_test_images 100         write 100 images, one file each
  python main.py --help                                            list all flags"""
LEGEND = """\
A * marks the flags of the original program, carpedm20/DCGAN-tensorflow. --noNAME turns the flag --NAME off."""
OF_COMMANDS = {name: command.setting for name, command in COMMANDS.items()}
FLAGS: dict[str, Setting] = OF_COMMANDS | START | WEIGHTS | OPTIONS | SETTINGS | PLACES


@dataclass(frozen=True)
class Request:
    """What the user asks for."""

    command: Command
    value: list[Any]  # the value of the command's flag; empty for a switch
    keywords: dict[str, Any]  # the options that the command's function gets
    chosen: dict[str, Any]  # the options that choose the weights, or how a training begins
    given: dict[str, Any]  # the settings on the command line, as text
    runs: Runs
    out_name: str


def parse(argv: list[str]) -> Request:
    """Read the command line; --help, --version or nothing print a text and end the program. Raises UserError."""
    if len(argv) < 2:
        print(EXAMPLES)
        raise SystemExit(0)
    typed = _read(argv[1:])
    given = {name: typed.pop(name) for name in SETTINGS if name in typed}
    typed = {name: text for name, text in typed.items() if text or name in COMMANDS}
    active = convert(typed, FLAGS)
    active = {name: value for name, value in active.items() if value is not False}  # a switch that is off
    names = [name for name in COMMANDS if name in active]
    if len(names) > 1:
        raise UserError(f"--{names[0]} and --{names[1]} exclude each other; give only one of them.")
    command = RANDOM_SHEET
    if names:
        command = COMMANDS[names[0]]
    value = [active.pop(name) for name in names]
    if command.setting.kind is bool:
        value = []
    places = {name: active.pop(name) for name in PLACES if name in active}
    for option in active:
        if option not in command.options:
            allowed = [f"--{name}" for name, other in COMMANDS.items() if option in other.options]
            raise UserError(f"--{option} needs {' or '.join(allowed)}.")
    keywords = {name: active.pop(name, OPTIONS[name].default) for name in command.options if name in OPTIONS}
    out_name = places.pop("out_name", "")
    return Request(command, value, keywords, active, given, Runs(**places), out_name)


def _read(arguments: list[str]) -> dict[str, Any]:
    """Return the value of each flag on the command line, not yet checked. Raises UserError if an argument is none."""
    # One dash is as good as two, and older versions of the original have --is_train and --is_crop.
    today = [re.sub("^--?(is_(?=train|crop))?(?=[A-Za-z])", "--", argument) for argument in arguments]
    try:
        typed, rest = parser().parse_known_args(today)
    except argparse.ArgumentError as error:
        raise UserError(f"{error}; python main.py --help lists the flags.") from error
    for argument in rest:
        if argument.startswith("-"):
            raise unknown(argument.lstrip("-").partition("=")[0], FLAGS)
        raise UserError(f"Every argument must be a flag that begins with --, but {argument!r} does not.")
    return vars(typed)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with --help: examples, then the flags in groups."""
    found = argparse.ArgumentParser(
        usage=argparse.SUPPRESS,
        description=f"{EXAMPLES}\n\n{LEGEND}",
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=26),
        argument_default=argparse.SUPPRESS,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    found.add_argument("--help", "--h", action="help", help=argparse.SUPPRESS)
    found.add_argument("--version", action="version", version=f"dcgan_tf {VERSION}", help=argparse.SUPPRESS)
    headings = dict.fromkeys(setting.group for setting in (SETTINGS | PLACES).values())
    groups = {heading: found.add_argument_group(heading) for heading in headings}
    for name, setting in FLAGS.items():
        add = partial(groups[setting.group].add_argument, f"--{name}", help=_help(setting))
        if setting.kind is bool:
            add(nargs="?", const=True, metavar="true")
            found.add_argument(f"--no{name}", dest=name, action="store_const", const=False, help=argparse.SUPPRESS)
        else:
            add(metavar="")
    return found


def _help(setting: Setting) -> str:
    text = setting.help
    if setting.choices:
        text += f"; one of {', '.join(map(str, setting.choices))}"
    if setting.default:
        text += f" (default: {setting.default})"
    if ORIGINAL in setting.traits:
        text = f"* {text}"
    return text.replace("%", "%%")
