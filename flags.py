"""The command line: the original's flags and the new ones, turned into a Config and a Command."""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass
from typing import Any

from absl import flags

from dcgan_tf.config import Config
from dcgan_tf.errors import UserError

FLAGS = flags.FLAGS
DEFINE = {"str": flags.DEFINE_string, "bool": flags.DEFINE_boolean, "float": flags.DEFINE_float}
PATHS = ("dataset", "data_dir", "cache_dir", "out_dir", "checkpoint_dir", "sample_dir")

for field in dataclasses.fields(Config):
    if "help" in field.metadata:
        define = DEFINE.get(field.type.removesuffix(" | None"), flags.DEFINE_integer)
        define(field.name, field.default, field.metadata["help"])

flags.DEFINE_boolean("train", False, "Train; without it, use a trained run")
flags.DEFINE_boolean("resume", False, "Go on with the newest matching run instead of beginning a new one")
flags.DEFINE_boolean("visualize", False, "Write the pictures that --option names")
flags.DEFINE_integer("option", 1, "With --visualize: 0 a random sheet, 1 a sheet for each dimension of z")
flags.DEFINE_boolean("export", False, "Export the networks for other programs")
flags.DEFINE_boolean("freeze", False, "Export the generator as one frozen graph")
flags.DEFINE_string("out_dir", ".", "Folder under which a run writes its checkpoints, samples and logs")
flags.DEFINE_string("out_name", "", "Name of the run (blank: a new name when training, else the newest matching run)")
flags.DEFINE_string("checkpoint_dir", "checkpoints", "Folder of the checkpoints, in out_dir")
flags.DEFINE_string("sample_dir", "samples", "Folder of the samples, in out_dir")


@dataclass(frozen=True)
class Command:
    """What to do, where, and the settings that the user gave himself."""

    config: Config
    given: dict[str, Any]  # the settings that stood on the command line
    train: bool
    resume: bool
    visualize: bool
    option: int
    out_dir: str
    out_name: str
    checkpoint_dir: str
    sample_dir: str


def parse(argv: list[str]) -> Command:
    """Read the command line; --help prints the flags and ends the program. Raises UserError."""
    if any(arg in ("--help", "-help", "-h", "--h", "--helpfull", "--helpshort") for arg in argv[1:]):
        print(f"Train a DCGAN, or use a trained one.\n{FLAGS.module_help(sys.modules[__name__])}")
        raise SystemExit(0)
    try:
        rest = FLAGS(argv)[1:]
    except flags.Error as error:
        raise UserError(f"{str(error).rstrip('.')}; python main.py --help lists the flags.") from error
    if rest:
        raise UserError(f"Every argument must be a flag that begins with --, but {rest[0]!r} is none.")
    for name in PATHS:
        FLAGS[name].value = os.path.expanduser(os.path.expandvars(FLAGS[name].value))
    _check_combinations()
    settings = {f.name: FLAGS[f.name].value for f in dataclasses.fields(Config) if f.name in FLAGS}
    given = {name: value for name, value in settings.items() if FLAGS[name].present}
    others = {f.name: FLAGS[f.name].value for f in dataclasses.fields(Command) if f.name in FLAGS}
    return Command(config=Config(**settings), given=given, **others)


def _check_combinations() -> None:
    """Raises UserError where flags exclude each other."""
    if FLAGS.export or FLAGS.freeze:
        raise UserError("--export and --freeze are not there yet; the networks are in the run's checkpoint.")
    for a, b in (("train", "visualize"),):
        if FLAGS[a].value and FLAGS[b].value:
            raise UserError(f"--{a} and --{b} exclude each other; train first, then use the run.")
    if FLAGS.resume and not FLAGS.train:
        raise UserError("--resume goes on with training and needs --train beside it.")
    if FLAGS.option not in (0, 1):
        raise UserError(f"--option must be 0 or 1, but is {FLAGS.option}.")
    if os.sep in FLAGS.out_name or FLAGS.out_name in (".", ".."):
        raise UserError(f"--out_name must be a plain name without {os.sep}, but is {FLAGS.out_name!r}.")
