"""The table of commands: what the program can do, each by one flag, and the options that go with it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf.settings import options, values
from dcgan_tf.settings.options import TRAINING, USING
from dcgan_tf.settings.setting import Setting, Trait

ORIGINAL = Trait.ORIGINAL
PATH = Trait.PATH


@dataclass(frozen=True, kw_only=True)
class Option(Setting):
    """A flag that is allowed only together with certain commands."""

    keyword: str  # the parameter of the command's function that gets its value
    parse: Callable[[Any], Any] | None = None  # turns text into that value


@dataclass(frozen=True, kw_only=True)
class Command(Setting):
    """One command, given by one flag.

    The program calls `function(selection, value, keyword=...)`. For a switch, `value` is left out.
    """

    type: type = bool  # of the flag's value; bool for a switch
    default: Any = False
    group: str = USING
    function: str  # "module:function" in dcgan_tf; imported only when it runs, so that --help needs no TensorFlow
    parse: Callable[[Any], Any] | None = None  # turns text into `value`
    options: tuple[str, ...] = ()
    needs_less: str = "the program more memory"  # what to give if there is too little memory

    def load(self) -> Callable[..., object]:
        """Import and return the function."""
        module, name = self.function.split(":")
        return getattr(importlib.import_module(f"dcgan_tf.{module}"), name)


def _option(setting: Setting, keyword: str, parse: Callable[[Any], Any] | None = None) -> Option:
    return Option(**vars(setting), keyword=keyword, parse=parse)


def _text_option(text: str, keyword: str, parse: Callable[[Any], Any] | None = None, **traits: Any) -> Option:
    return Option(type=str, default="", help=text, group=USING, keyword=keyword, parse=parse, **traits)


# Beside those in settings/options.py, which choose the weights, or how a training begins.
OPTIONS = {
    "class": _text_option(
        "Generate images of these classes only: names or numbers, e.g. 7 or 0-4 or cat,dog", "classes"
    ),
    "option": Option(
        type=int,
        default=1,
        help="With --visualize: 0 a random sheet; 1 a sheet for each dimension of z; 2 a GIF for each dimension, from a"
        " random z; 3 the same, from a z of zeros; 4 the same as 3, and one GIF that shows them all",
        group=USING,
        keyword="option",
        choices=(0, 1, 2, 3, 4),
    ),
    "dims": _text_option("With --visualize: only these dimensions of z, e.g. 0,5,7-9", "dims", values.dims),
    "steps": _option(options.STEPS, "steps"),
    "web_float16": Option(
        type=bool,
        default=False,
        help="With --web: store the page's weights as float16, in half the bytes",
        group=USING,
        keyword="float16",
    ),
    "web_dir": _text_option(
        "With --web: write the page to this folder, small enough to publish: LiteRT.js comes from its CDN",
        "folder",
        traits=PATH,
    ),
}
WEIGHTS = tuple(options.WEIGHTS)
IMAGES = (*WEIGHTS, "class")  # for commands whose functions take `classes`

RANDOM_SHEET = Command(
    help="Write a random sheet",
    function="sampling.visualize:write_random_sheet",
    options=IMAGES,
    needs_less="a smaller --batch_size",
)
TRAIN = Command(
    help="Train; without this flag, a trained run is used",
    function="training.start:train",
    group=TRAINING,
    traits=ORIGINAL,
    options=tuple(options.START),
)


def _text_command(
    text: str, function: str, parse: Callable[[Any], Any], options: tuple[str, ...], **traits: Any
) -> Command:
    return Command(type=str, default="", help=text, function=function, parse=parse, options=options, **traits)


COMMANDS = {
    "train": TRAIN,
    "visualize": Command(
        help="Write the sheets or GIFs that --option names",
        function="sampling.visualize:visualize",
        options=(*IMAGES, "option", "dims"),
        traits=ORIGINAL,
        needs_less="a smaller --batch_size",
    ),
    "generate_test_images": Command(**vars(options.COUNT), function="sampling.sheets:write_images", options=IMAGES),
    "grid": _text_command(
        "Write a sheet of rows x columns, e.g. 10x16; with labels each row is a class",
        "sampling.sheets:write_grid",
        values.grid,
        IMAGES,
        needs_less="fewer rows or columns to --grid",
    ),
    "interpolate": _text_command(
        "Write a sheet and a GIF that go from seed to seed, e.g. 3,12,7",
        "sampling.sheets:write_interpolation",
        values.interpolation,
        (*IMAGES, "steps"),
        needs_less="fewer --steps",
    ),
    "loop": _text_command(
        "Write a GIF that goes from seed to seed and back to the first, e.g. 3,12,7",
        "sampling.sheets:write_loop",
        values.loop,
        (*IMAGES, "steps"),
        needs_less="fewer --steps",
    ),
    "arithmetic": _text_command(
        "Write the image of a sum of z; each term is the mean z of some seeds, e.g. '12,15,20 - 3,4,9 + 30,31,40'",
        "sampling.sheets:write_arithmetic",
        values.arithmetic,
        IMAGES,
    ),
    "project": _text_command(
        "Find the z whose image is most like the one in this file, and write both images side by side",
        "sampling.project:write_projection",
        Path,
        IMAGES,
        traits=PATH,
    ),
    "story": Command(help="Write the run's loss curves and a GIF of its sample sheets", function="sampling.story:tell"),
    "evaluate": Command(
        help="Measure how good the generated images are; needs the data set",
        function="evaluation.evaluate:evaluate",
        options=WEIGHTS,
        needs_less="a smaller --evaluate_samples",
    ),
    "features": _text_command(
        "Write the discriminator's features of the data set to this .npz file",
        "evaluation.features:write_features",
        Path,
        WEIGHTS,
        traits=PATH,
    ),
    "export": Command(
        help="Write both networks as SavedModel and .keras, the generator also as .tflite",
        function="export.models:export",
        options=WEIGHTS,
        traits=ORIGINAL,
    ),
    "freeze": Command(
        help="Write the generator as one frozen graph",
        function="export.models:freeze",
        options=WEIGHTS,
        traits=ORIGINAL,
    ),
    "web": Command(
        help="Write a web page that shows the image of any z",
        function="export.web_page:write_page",
        options=(*WEIGHTS, "web_float16", "web_dir"),
    ),
}


def all_flags() -> dict[str, Setting]:
    """Return every flag but those of Config and of places: commands, each with its options where they first occur."""
    found: dict[str, Setting] = {}
    known = options.START | options.WEIGHTS | OPTIONS
    for name, command in COMMANDS.items():
        found[name] = command
        for option in command.options:
            found.setdefault(option, known[option])
    return found
