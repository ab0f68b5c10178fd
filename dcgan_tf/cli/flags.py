"""Define the flags and --help, and turn the command line into a Request."""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import Any, NamedTuple

from absl import flags

from dcgan_tf.cli.commands import COMMANDS, OPTIONS, RANDOM_SHEET, Command
from dcgan_tf.runs.run import Runs
from dcgan_tf.settings.config import SETTINGS
from dcgan_tf.settings.options import PLACES, START, WEIGHTS
from dcgan_tf.settings.resolve import convert, unknown
from dcgan_tf.settings.setting import ORIGINAL, Setting
from dcgan_tf.system import VERSION
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import report

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
HELP = {"--help", "-help", "-h", "--helpfull"}
OF_COMMANDS = {name: command.setting for name, command in COMMANDS.items()}
FLAGS: dict[str, Setting] = OF_COMMANDS | START | WEIGHTS | OPTIONS | SETTINGS | PLACES


class Request(NamedTuple):
    """What the user asks for."""

    command: Command
    value: list[Any]  # the value of the command's flag; empty for a switch
    keywords: dict[str, Any]  # the options that the command's function gets
    chosen: dict[str, Any]  # the options that choose the weights, or how a training begins
    given: dict[str, Any]  # the settings on the command line, as text
    runs: Runs
    out_name: str


def parse(argv: list[str]) -> Request:
    """Read the command line; --help, --version or nothing print a text and end the program.

    Args:
      argv: the name of the program, then its arguments, as in sys.argv.
    Raises: UserError if a flag is unknown, its value is not allowed, or flags exclude each other; SystemExit after a
      text. The text of settings is checked later, by `check_given`.
    """
    text = ""
    if len(argv) < 2:
        text = EXAMPLES
    if "--version" in argv:
        text = f"dcgan_tf {VERSION}"
    if HELP.intersection(argv):
        text = help_text()
    if text:
        print(text)
        raise SystemExit(0)
    typed = _read(argv)
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


def _read(argv: list[str]) -> dict[str, Any]:
    """Return the text of each flag on the command line. Raises UserError if an argument is none."""
    values = flags.FlagValues()  # not those of absl that other libraries share
    for name, setting in FLAGS.items():
        values[name] = flags.Flag(flags.ArgumentParser(), None, name, None, "", boolean=setting.kind is bool)
    line = "\0".join(argv)
    today = re.sub(r"\0--?is_(train|crop)\b", r"\0--\1", line)  # what older versions of the original have
    if today != line:
        report("Hint", "--is_train and --is_crop are called --train and --crop here.")
    today = re.sub(r"(\0--?\w+)\0(true|false)(?=\0|$)", r"\1=\2", today, flags=re.IGNORECASE)  # --crop True
    try:
        rest = values(today.split("\0"))[1:]
    except flags.UnrecognizedFlagError as error:
        raise unknown(error.flagname, FLAGS) from error
    except (flags.Error, ValueError) as error:  # ValueError: --nocrop=true
        raise UserError(f"{str(error).rstrip('.')}; python main.py --help lists the flags.") from error
    if rest:
        raise UserError(f"Every argument must be a flag that begins with --, but {rest[0]!r} does not.")
    return {name: values[name].value for name in FLAGS if values[name].present}


def help_text() -> str:
    """Return the text of --help: examples, then the flags in groups."""
    width = min(max(shutil.get_terminal_size((110, 24)).columns, 60), 110)
    groups = {setting.group: [f"{setting.group}:"] for setting in (SETTINGS | PLACES).values()}
    for name, setting in FLAGS.items():
        groups[setting.group].append(_help_lines(name, setting, width))
    return "\n\n".join([EXAMPLES, LEGEND, *map("\n".join, groups.values())])


def _help_lines(name: str, setting: Setting, width: int) -> str:
    """Return a flag's lines in --help; a setting's help may have several, which begin each on a line of its own."""
    text = setting.help
    if setting.choices and name in SETTINGS:
        text += f"; one of {', '.join(map(str, setting.choices))}"
    default = setting.default
    if setting.kind is float:
        default = f"{default:g}"
    if setting.default:
        text += f" (default: {default})"
    label = f"   --{name}"
    if ORIGINAL in setting.traits:
        label = f" * --{name}"
    filled = []
    for line in text.split("\n"):
        start = line.lstrip()
        indent = " " * (26 + len(line) - len(start))  # the line's own indentation, beside the names of the flags
        filled.append(textwrap.fill(start, width, initial_indent=indent, subsequent_indent=indent))
    if len(label) < 26:
        filled[0] = f"{label:26}{filled[0][26:]}"
    else:
        filled.insert(0, label)
    return "\n".join(filled)
