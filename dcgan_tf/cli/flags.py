"""Define the flags and --help, and turn the command line into a Request."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass
from typing import Any

from absl import flags

from dcgan_tf.cli.commands import COMMANDS, OPTIONS, RANDOM_SHEET, Command, all_flags
from dcgan_tf.runs.run import Runs
from dcgan_tf.settings import options
from dcgan_tf.settings.config import SETTINGS
from dcgan_tf.settings.given import unknown
from dcgan_tf.settings.setting import Setting, Trait
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

A * marks the flags of the original program, carpedm20/DCGAN-tensorflow. --noNAME turns the flag --NAME off."""
GROUPS = (
    "Data",
    "Networks",
    "Training",
    "Monitoring a training",
    "Using a trained run",
    "Devices and speed",
    options.PLACE,
)
HELP = ("--help", "-help", "-h", "--h", "--helpfull", "--helpshort")
FLAGS: dict[str, Setting] = all_flags() | SETTINGS | options.PLACES


@dataclass(frozen=True)
class Request:
    """What the user asks for."""

    command: Command
    value: tuple[Any, ...]  # the value of the command's flag; empty for a switch
    keywords: dict[str, Any]  # the options that the command's function gets
    chosen: dict[str, Any]  # the options that choose the weights, or how a training begins
    given: dict[str, Any]  # the settings on the command line
    runs: Runs
    out_name: str


class _Parser(flags.ArgumentParser):
    """Lets the setting itself check what the user typed."""

    def __init__(self, name: str, setting: Setting):
        super().__init__()
        self.name = name
        self.setting = setting
        self.syntactic_help = ""

    def parse(self, argument: Any) -> Any:
        return self.setting.convert(self.name, argument)

    def flag_type(self) -> str:
        return self.setting.type.__name__


def define() -> flags.FlagValues:
    """Return the flags, which are not those of absl that other libraries share."""
    values = flags.FlagValues()
    for name, setting in FLAGS.items():
        parser = _Parser(name, setting)
        values[name] = flags.Flag(parser, None, name, None, setting.help, boolean=setting.type is bool)
    return values


def parse(argv: list[str]) -> Request:
    """Read the command line; --help prints the flags and ends the program. Raises UserError."""
    if any(argument in HELP for argument in argv[1:]):
        print(help_text())
        raise SystemExit(0)
    values = define()
    try:
        rest = values(argv)[1:]
    except flags.UnrecognizedFlagError as error:
        raise unknown(error.flagname, FLAGS) from error
    except (flags.Error, ValueError) as error:  # ValueError: --nocrop=true
        raise UserError(f"{str(error).rstrip('.')}; python main.py --help lists the flags.") from error
    if rest:
        hint = ""
        if rest[0].lower() in ("true", "false"):
            hint = "; a switch stands alone, as --train, or is turned off, as --nocrop"
        raise UserError(f"Every argument must be a flag that begins with --, but {rest[0]!r} does not{hint}.")
    present: dict[str, Any] = {name: values[name].value for name in FLAGS if values[name].present}
    active = {name: value for name, value in present.items() if name in COMMANDS or not _is_blank(value)}
    active = {name: value for name, value in active.items() if value is not False}  # a switch that is off is not there
    name, command = _chosen_command(active)
    _check_options(active, name, command)
    places = {place: value for place, value in active.items() if place in options.PLACES}
    out_name = places.pop("out_name", "")
    return Request(
        command=command,
        value=_value(command, active.get(name)),
        keywords=_keywords(command, active),
        chosen={option: active[option] for option in command.options if option in active and option not in OPTIONS},
        given={setting: value for setting, value in present.items() if setting in SETTINGS},
        runs=Runs(**places),
        out_name=out_name,
    )


def _is_blank(value: Any) -> bool:
    return value in ("", None, ())


def _value(command: Command, value: Any) -> tuple[Any, ...]:
    """Return what the command's function gets as its value: nothing if it is a switch."""
    if command.type is bool:
        return ()
    if command.parse:
        value = command.parse(value)
    return (value,)


def _keywords(command: Command, active: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the command's function gets, with their defaults where they are not given."""
    keywords = {}
    for name in command.options:
        if name in OPTIONS:
            option = OPTIONS[name]
            value = active.get(name, option.default)
            if option.parse:
                value = option.parse(value)
            keywords[option.keyword] = value
    return keywords


def _chosen_command(active: dict[str, Any]) -> tuple[str, Command]:
    """Return the command on the command line and the name of its flag. Raises UserError if there are two."""
    names = [name for name in COMMANDS if name in active]
    if len(names) > 1:
        raise UserError(f"--{names[0]} and --{names[1]} exclude each other; give only one of them.")
    if not names:
        return "", RANDOM_SHEET
    return names[0], COMMANDS[names[0]]


def _check_options(active: dict[str, Any], name: str, command: Command) -> None:
    """Raise UserError if an option does not go with the command."""
    for option in options.START | options.WEIGHTS | OPTIONS:
        if option in active and option not in command.options:
            allowed = " or ".join(f"--{other}" for other in COMMANDS if option in COMMANDS[other].options)
            instead = ""
            if name:
                instead = f" instead of --{name}"
            raise UserError(f"--{option} needs {allowed}{instead}.")


def help_text() -> str:
    """Return the text of --help: examples, then the flags in groups."""
    width = min(shutil.get_terminal_size((110, 24)).columns, 110)
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name, setting in FLAGS.items():
        groups[setting.group].append(_help_lines(name, setting, width))
    return "\n\n".join([EXAMPLES, *("\n".join([f"{group}:", *lines]) for group, lines in groups.items())])


def _help_lines(name: str, setting: Setting, width: int) -> str:
    """Return a flag's lines in --help; a setting's help may have several, which begin each on a line of its own."""
    text = setting.help
    choices = [str(choice) for choice in setting.choices if choice != ""]
    if choices and name in SETTINGS:
        text += f"; one of {', '.join(choices)}"
    if setting.default not in (None, "", False):
        text += f" (default: {setting.default})"
    label = f"   --{name}"
    if Trait.ORIGINAL in setting.traits:
        label = f" * --{name}"
    filled = "\n".join(_fill(line, width) for line in text.split("\n"))
    if len(label) < 26:
        return f"{label:26}{filled[26:]}"
    return f"{label}\n{filled}"


def _fill(line: str, width: int) -> str:
    """Break a line of a setting's help beside the names of the flags; it keeps its own indentation."""
    text = line.lstrip()
    indent = " " * (26 + len(line) - len(text))
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent)
