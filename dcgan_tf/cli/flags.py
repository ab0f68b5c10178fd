"""Define the flags and --help, and turn the command line into a Request."""

from __future__ import annotations

import dataclasses
import os
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from absl import flags

from dcgan_tf.cli.commands import COMMANDS, DEFAULT_COMMAND, OPTIONS, Command
from dcgan_tf.runs.run import Runs
from dcgan_tf.settings.config import SETTINGS, Config, with_preset
from dcgan_tf.settings.setting import Trait
from dcgan_tf.system.errors import UserError

FLAGS = flags.FLAGS
DEFINE = {
    "str": flags.DEFINE_string,
    "bool": flags.DEFINE_boolean,
    "int": flags.DEFINE_integer,
    "float": flags.DEFINE_float,
}
EXAMPLES = """\
Train a DCGAN, or use a trained one.

Examples:
  python main.py --dataset mnist --train                      train on MNIST
  python main.py --dataset mnist --train --resume             continue the newest run
  python main.py --dataset mouths --train                     train on the images in the folder data/mouths
  python main.py --dataset mnist --grid 8x16                  write a sheet of samples from the newest run
  python main.py --dataset mnist --generate_test_images 100   write 100 images, one file each

A * marks the flags of the original program, carpedm20/DCGAN-tensorflow. --noNAME turns the flag --NAME off."""
GROUPS = ("Data", "Networks", "Training", "Monitoring a training", "Using a trained run", "Devices and speed")
GROUPS += ("Where a run is",)


@dataclass(frozen=True)
class Request:
    """What the user asks for."""

    command: Command
    value: tuple[Any, ...]  # the value of the command's flag; empty if the flag has no value
    options: dict[str, Any]  # the options of the command, by the names of their flags
    config: Config
    given: dict[str, Any]  # only the settings on the command line
    runs: Runs
    out_name: str


@dataclass(frozen=True)
class Flag:
    """One flag, as it is defined and as --help shows it."""

    name: str
    kind: str  # of its value: a key of DEFINE
    default: Any
    help: str
    group: str
    is_path: bool = False
    in_original: bool = False

    def help_lines(self, width: int) -> str:
        """Return the flag's lines in --help."""
        default = "" if self.default in (None, "", False) else f" (default: {self.default})"
        text = textwrap.fill(self.help + default, width, initial_indent=" " * 26, subsequent_indent=" " * 26)
        label = f"{' *' if self.in_original else '  '} --{self.name}"
        return f"{label:26}{text[26:]}" if len(label) < 26 else f"{label}\n{text}"


def all_flags() -> Iterator[Flag]:
    """Yield every flag, in the order of --help."""
    options = dict(OPTIONS)
    for name, command in COMMANDS.items():
        group, is_path = "Training" if name == "train" else "Using a trained run", name in ("features", "project")
        yield Flag(name, command.kind, command.default, command.help, group, is_path, command.in_original)
        for option_name in command.options:
            if option := options.pop(option_name, None):  # list an option once, after the first command that has it
                kind = type(option.default).__name__
                yield Flag(option_name, kind, option.default, option.help, group, option.is_path)
    for field in dataclasses.fields(Config):
        if setting := SETTINGS.get(field.name):
            kind = str(field.type).removesuffix(" | None")
            text = setting.help + (f"; one of {', '.join(map(str, setting.choices))}" if setting.choices else "")
            path, original = Trait.PATH in setting.traits, Trait.ORIGINAL in setting.traits
            yield Flag(field.name, kind, field.default, text, setting.group, path, original)
    group = "Where a run is"
    yield Flag("out_dir", "str", ".", "Folder for checkpoints, samples and logs", group, is_path=True, in_original=True)
    name_help = "Name of the run (default: with --train a new name, else the newest run that matches)"
    yield Flag("out_name", "str", "", name_help, group, in_original=True)
    for name in ("checkpoint", "sample"):
        text = f"Folder for {name}s, in out_dir"
        yield Flag(f"{name}_dir", "str", f"{name}s", text, group, is_path=True, in_original=True)


for flag in all_flags():
    DEFINE[flag.kind](flag.name, flag.default, flag.help)


def help_text() -> str:
    """Return the text of --help: examples, then the flags in groups."""
    width = min(shutil.get_terminal_size((110, 24)).columns, 110)
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for flag in all_flags():
        groups[flag.group].append(flag.help_lines(width))
    return "\n\n".join([EXAMPLES, *("\n".join([f"{group}:", *lines]) for group, lines in groups.items())])


def parse(argv: list[str]) -> Request:
    """Read the command line; --help prints the flags and ends the program. Raises UserError."""
    if any(arg in ("--help", "-help", "-h", "--h", "--helpfull", "--helpshort") for arg in argv[1:]):
        print(help_text())
        raise SystemExit(0)
    try:
        rest = FLAGS(argv)[1:]
    except flags.Error as error:
        raise UserError(f"{str(error).rstrip('.')}; python main.py --help lists the flags.") from error
    if rest:
        raise UserError(f"Every argument must be a flag that begins with --, but {rest[0]!r} does not.")
    for flag in all_flags():
        if flag.is_path:
            FLAGS[flag.name].value = os.path.expanduser(os.path.expandvars(FLAGS[flag.name].value))
    name, command = _chosen_command()
    _check_options(name, command)
    options = {}
    for option in command.options:
        parser, text = OPTIONS[option].parse, FLAGS[option].value
        options[option] = parser(text) if parser else text
    value = (command.parse(FLAGS[name].value),) if command.parse else ()
    given = {setting: FLAGS[setting].value for setting in SETTINGS if FLAGS[setting].present}
    if "epoch" in given:
        if "iterations" in given:
            raise UserError("--iterations replaces --epoch; give only one of them.")
        given["iterations"] = None  # also if the run that is resumed has iterations
    config = Config(**with_preset(options.get("preset", ""), given))
    runs = Runs(FLAGS.out_dir, FLAGS.checkpoint_dir, FLAGS.sample_dir)
    return Request(command, value, options, config, given, runs, FLAGS.out_name)


def _is_set(name: str) -> bool:
    value = FLAGS[name].value
    return FLAGS[name].present and value is not False and value != ""


def _chosen_command() -> tuple[str, Command]:
    """Return the command on the command line and the name of its flag. Raises UserError if there are two."""
    names = [name for name in COMMANDS if _is_set(name)]
    if len(names) > 1:
        raise UserError(f"--{names[0]} and --{names[1]} exclude each other; give only one of them.")
    return (names[0], COMMANDS[names[0]]) if names else ("", DEFAULT_COMMAND)


def _check_options(name: str, command: Command) -> None:
    """Raise UserError if an option does not go with the command, or with another option."""
    for option in OPTIONS:
        if _is_set(option) and option not in command.options:
            allowed = " or ".join(f"--{other}" for other in COMMANDS if option in COMMANDS[other].options)
            raise UserError(f"--{option} needs {allowed}{f' instead of --{name}' if name else ''}.")
    starts = [option for option in ("checkpoint", "init_from", "pretrained") if _is_set(option)]
    if starts and FLAGS.resume:
        raise UserError(f"--{starts[0]} begins a new run and --resume continues one; give only one of them.")
    if len(starts) > 1:
        raise UserError(f"--{starts[0]} and --{starts[1]} both choose the weights; give only one of them.")
    if os.sep in FLAGS.out_name or FLAGS.out_name in (".", ".."):
        raise UserError(f"--out_name must be a plain name without {os.sep}, but is {FLAGS.out_name!r}.")
