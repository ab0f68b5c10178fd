"""The command line: the original's flags and the new ones, turned into a Config and a Command."""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass
from typing import Any

from absl import flags

from dcgan_tf import cli_values as parsed
from dcgan_tf.config import Config
from dcgan_tf.errors import UserError

FLAGS = flags.FLAGS
DEFINE = {"str": flags.DEFINE_string, "bool": flags.DEFINE_boolean, "float": flags.DEFINE_float}
PATHS = ("dataset", "data_dir", "cache_dir", "out_dir", "checkpoint_dir", "sample_dir", "checkpoint", "features")
IMAGE_COMMANDS = ["visualize", "generate_test_images", "grid", "interpolate", "arithmetic"]
COMMANDS = ["train", *IMAGE_COMMANDS, "story", "evaluate", "features", "export", "freeze", "web"]  # one at a time
# Flags that say something only beside one of these commands.
BESIDE = {
    "resume": ["train"],
    "preset": ["train"],
    "option": ["visualize"],
    "dims": ["visualize"],
    "steps": ["interpolate"],
    "class": IMAGE_COMMANDS,
    "best": ["", *IMAGE_COMMANDS, "evaluate", "features", "export", "freeze", "web"],
    "web_float16": ["web"],
}

# What --preset means; a flag that is given counts more.
PRESETS = {"": {}, "paper": {"d_filters": "64,128", "g_steps": 1, "g_ema": 0.999}}

for field in dataclasses.fields(Config):
    if "help" in field.metadata:
        define = DEFINE.get(field.type.removesuffix(" | None"), flags.DEFINE_integer)
        define(field.name, field.default, field.metadata["help"])

flags.DEFINE_boolean("train", False, "Train; without it, use a trained run")
flags.DEFINE_boolean("resume", False, "Go on with the newest matching run instead of beginning a new one")
flags.DEFINE_enum("preset", "", list(PRESETS), f"Other defaults than the original's; paper: {PRESETS['paper']}")
flags.DEFINE_string("checkpoint", "", "Begin with a checkpoint of the original program, e.g. model.b64-1000")
flags.DEFINE_boolean("visualize", False, "Write the pictures that --option names")
flags.DEFINE_integer(
    "option",
    1,
    "With --visualize: 0 a random sheet, 1 a sheet for each dimension of z, 2 a GIF for each dimension from a random z,"
    " 3 the same from zeros, 4 as 3 and all in one GIF",
)
flags.DEFINE_string("dims", "", "With --visualize: only these dimensions of z, e.g. 0,5,7-9")
flags.DEFINE_integer("generate_test_images", None, "Write this many single pictures, of the seeds from --seed on")
flags.DEFINE_string("grid", "", "Write a sheet of rows x columns, e.g. 8x16; with labels each row is a class")
flags.DEFINE_string("interpolate", "", "Write the walk from seed to seed, e.g. 3,12,7, as a sheet and a GIF")
flags.DEFINE_integer("steps", 16, "With --interpolate: pictures from one seed to the next")
flags.DEFINE_string("arithmetic", "", "Write a sum of means of z by their seeds, e.g. '12,15,20 - 3,4,9 + 30,31,40'")
flags.DEFINE_string("class", "", "Pictures of these classes only, by name or number, e.g. 7 or 0-4 or cat,dog")
flags.DEFINE_boolean("story", False, "Write the run's loss curves and the film of its sample sheets")
flags.DEFINE_boolean("evaluate", False, "Measure the run's pictures against the real ones; needs the data")
flags.DEFINE_string("features", "", "Write the discriminator's features of the data set to this .npz file")
flags.DEFINE_boolean("best", False, "Take the checkpoint that scored best (--evaluate_freq), not the newest")
flags.DEFINE_boolean("export", False, "Export both networks as SavedModel and .keras, the generator as .tflite, too")
flags.DEFINE_boolean("freeze", False, "Export the generator as one frozen graph")
flags.DEFINE_boolean("web", False, "Write a page on which z is painted and the picture watched, in any browser")
flags.DEFINE_boolean("web_float16", False, "With --web: the page's weights as float16, in half the bytes")
flags.DEFINE_string("out_dir", ".", "Folder under which a run writes its checkpoints, samples and logs")
flags.DEFINE_string("out_name", "", "Name of the run (blank: a new name when training, else the newest matching run)")
flags.DEFINE_string("checkpoint_dir", "checkpoints", "Folder of the checkpoints, in out_dir")
flags.DEFINE_string("sample_dir", "samples", "Folder of the samples, in out_dir")


@dataclass(frozen=True)
class Command:
    """What to do, where, and the settings that the user gave himself."""

    name: str  # one of COMMANDS; blank: a random sheet
    config: Config
    given: dict[str, Any]  # the settings that stood on the command line
    resume: bool
    checkpoint: str
    option: int
    dims: tuple[int, ...] | None  # None: all of them
    generate_test_images: int | None
    grid: tuple[int, int] | None  # rows, columns
    interpolate: tuple[int, ...]  # seeds
    steps: int
    arithmetic: tuple[parsed.Term, ...]
    web_float16: bool
    features: str  # a file to write
    best: bool
    classes: str  # as the user wrote them: the run says what they mean
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
    name = _check_combinations()
    for flag, value in PRESETS[FLAGS.preset].items():
        if not FLAGS[flag].present:
            FLAGS[flag].value = value
    settings = {f.name: FLAGS[f.name].value for f in dataclasses.fields(Config) if f.name in FLAGS}
    given = {name: value for name, value in settings.items() if FLAGS[name].present}
    others = {f.name: FLAGS[f.name].value for f in dataclasses.fields(Command) if f.name in FLAGS}
    others["dims"] = parsed.numbers("dims", FLAGS.dims) if FLAGS.dims else None
    others["grid"] = parsed.grid(FLAGS.grid) if FLAGS.grid else None
    others["interpolate"] = parsed.numbers("interpolate", FLAGS.interpolate) if FLAGS.interpolate else ()
    others["arithmetic"] = parsed.arithmetic(FLAGS.arithmetic) if FLAGS.arithmetic else ()
    if name == "interpolate" and len(others["interpolate"]) < 2:
        raise UserError(f"--interpolate needs two seeds or more, like 3,12, but is {FLAGS.interpolate!r}.")
    return Command(name, Config(**settings), given, classes=FLAGS["class"].value, **others)


def _check_combinations() -> str:
    """The one command among the flags, blank if there is none. Raises UserError where flags exclude each other."""
    commands = [name for name in COMMANDS if FLAGS[name].present and FLAGS[name].value not in (False, "")]
    if FLAGS.generate_test_images is not None and FLAGS.generate_test_images < 1:
        raise UserError(f"--generate_test_images must be at least 1, but is {FLAGS.generate_test_images}.")
    if len(commands) > 1:
        raise UserError(f"--{commands[0]} and --{commands[1]} exclude each other; give one, then call again.")
    name = commands[0] if commands else ""
    for flag, allowed in BESIDE.items():
        if FLAGS[flag].present and FLAGS[flag].value not in (False, "") and name not in allowed:
            raise UserError(
                f"--{flag} needs {' or '.join('--' + command for command in allowed if command)} beside it."
            )
    if FLAGS.checkpoint and (FLAGS.resume or name == "story"):
        raise UserError(
            f"--checkpoint names weights alone, without a run's history, so --{name or 'resume'} has nothing to go on;"
            " leave --checkpoint out."
        )
    if FLAGS.option not in range(5):
        raise UserError(f"--option must be 0, 1, 2, 3 or 4, but is {FLAGS.option}.")
    if FLAGS.steps < 2:
        raise UserError(f"--steps must be at least 2, but is {FLAGS.steps}.")
    if os.sep in FLAGS.out_name or FLAGS.out_name in (".", ".."):
        raise UserError(f"--out_name must be a plain name without {os.sep}, but is {FLAGS.out_name!r}.")
    return name
