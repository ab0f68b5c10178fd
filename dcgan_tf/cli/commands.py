"""The table of commands: what `main.py` can do, each by one flag, and the options that go with it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf.settings import values
from dcgan_tf.settings.config import PRESETS
from dcgan_tf.system.errors import UserError


@dataclass(frozen=True)
class Command:
    """One command, given by one flag.

    main.py calls `function(run, config, value, keyword=...)`. If the flag has no value, `value` is left out. Each
    option that has a keyword is passed under that keyword. --train has no function here: main.train runs it.
    """

    help: str
    function: str  # "module:function" in dcgan_tf; imported only when it runs, so that --help needs no TensorFlow
    # Turns what the user typed into `value`, or raises UserError; None: no value.
    parse: Callable[[Any], Any] | None = None
    default: Any = False  # also the type of the flag: False for a switch, "" for text, None for an integer
    options: tuple[str, ...] = ()
    in_original: bool = False  # carpedm20/DCGAN-tensorflow has this flag, too

    @property
    def kind(self) -> str:
        """The type of the flag's value: bool, str or int."""
        if self.parse is None:
            return "bool"
        return "int" if self.default is None else "str"

    def load(self) -> Callable[..., None]:
        """Import and return the function."""
        module, name = self.function.split(":")
        return getattr(importlib.import_module(f"dcgan_tf.{module}"), name)


@dataclass(frozen=True)
class Option:
    """A flag that is allowed only together with certain commands."""

    help: str
    default: Any
    keyword: str = ""  # the parameter of the function that gets it; blank: only main.py uses it
    parse: Callable[[Any], Any] | None = None
    is_path: bool = False


PRESET_HELP = "; ".join(
    f"{name}: {' '.join(f'--{flag} {value}' for flag, value in preset.items())}" for name, preset in PRESETS.items()
)


def _weights(name: str) -> str:
    if name not in ("", "raw", "ema"):
        raise UserError(f"--weights must be raw or ema, but is {name!r}.")
    return name


OPTIONS = {
    "resume": Option("With --train: continue a run, the newest that matches or --out_name", False),
    "init_from": Option("With --train: begin a new run with the weights of this run, or of pretrained:NAME", ""),
    "preset": Option(f"With --train: other defaults than the original's; {PRESET_HELP}", ""),
    "checkpoint": Option("Use the weights of a checkpoint of the original program", "", is_path=True),
    "best": Option("Use the checkpoint that scored best (see --evaluate_freq), not the newest", False),
    "iteration": Option("Use the checkpoint of this iteration, if it was kept (--max_to_keep), not the newest", 0),
    "weights": Option(
        "raw: the generator's weights; ema: their average (default: the average if the run has one)", "", parse=_weights
    ),
    "pretrained": Option("Use the trained run of this data set that comes with the program, e.g. mnist", False),
    "class": Option("Generate images of these classes only: names or numbers, e.g. 7 or 0-4 or cat,dog", "", "classes"),
    "option": Option(
        "With --visualize: 0 a random sheet; 1 a sheet for each dimension of z; 2 a GIF for each dimension, from a"
        " random z; 3 the same, from a z of zeros; 4 the same as 3, and one GIF that shows them all",
        1,
        "option",
        values.visualize_option,
    ),
    "dims": Option("With --visualize: only these dimensions of z, e.g. 0,5,7-9", "", "dims", values.dims),
    "steps": Option("With --interpolate and --loop: images from one seed to the next", 16, "steps", values.steps),
    "web_float16": Option("With --web: store the page's weights as float16, in half the bytes", False, "float16"),
    "web_dir": Option(
        "With --web: write the page to this folder, small enough to publish: LiteRT.js comes from its CDN",
        "",
        "folder",
        is_path=True,
    ),
}
# They choose the weights; without them, the newest checkpoint.
WEIGHT_OPTIONS = ("checkpoint", "best", "iteration", "weights", "pretrained")
# For commands whose functions take `classes`.
IMAGE_OPTIONS = (*WEIGHT_OPTIONS, "class")

DEFAULT_COMMAND = Command("Write a random sheet", "sampling.visualize:write_random_sheet", options=IMAGE_OPTIONS)
COMMANDS = {
    "train": Command(
        "Train; without this flag, a trained run is used",
        "",  # main.train calls the training
        options=("resume", "preset", "checkpoint", "init_from", "pretrained"),
        in_original=True,
    ),
    "visualize": Command(
        "Write the sheets or GIFs that --option names",
        "sampling.visualize:visualize",
        options=(*IMAGE_OPTIONS, "option", "dims"),
        in_original=True,
    ),
    "generate_test_images": Command(
        "Write this many images, one file each; --seed is the seed of the first one",
        "sampling.sheets:write_images",
        values.image_count,
        None,
        IMAGE_OPTIONS,
        in_original=True,
    ),
    "grid": Command(
        "Write a sheet of rows x columns, e.g. 8x16; with labels each row is a class",
        "sampling.sheets:write_grid",
        values.grid,
        "",
        IMAGE_OPTIONS,
    ),
    "interpolate": Command(
        "Write a sheet and a GIF that go from seed to seed, e.g. 3,12,7",
        "sampling.sheets:write_interpolation",
        values.interpolation,
        "",
        (*IMAGE_OPTIONS, "steps"),
    ),
    "loop": Command(
        "Write a GIF that goes from seed to seed and back to the first, e.g. 3,12,7",
        "sampling.sheets:write_loop",
        values.loop,
        "",
        (*IMAGE_OPTIONS, "steps"),
    ),
    "arithmetic": Command(
        "Write the image of a sum of z; each term is the mean z of some seeds, e.g. '12,15,20 - 3,4,9 + 30,31,40'",
        "sampling.sheets:write_arithmetic",
        values.arithmetic,
        "",
        IMAGE_OPTIONS,
    ),
    "project": Command(
        "Find the z whose image is most like the one in this file, and write both images side by side",
        "sampling.project:write_projection",
        Path,
        "",
        IMAGE_OPTIONS,
    ),
    "story": Command("Write the run's loss curves and a GIF of its sample sheets", "sampling.story:report"),
    "evaluate": Command(
        "Measure how good the generated images are; needs the data set",
        "evaluation.evaluate:evaluate",
        options=WEIGHT_OPTIONS,
    ),
    "features": Command(
        "Write the discriminator's features of the data set to this .npz file",
        "evaluation.features:write_features",
        Path,
        "",
        WEIGHT_OPTIONS,
    ),
    "export": Command(
        "Write both networks as SavedModel and .keras, the generator also as .tflite",
        "export.models:export",
        options=WEIGHT_OPTIONS,
        in_original=True,
    ),
    "freeze": Command(
        "Write the generator as one frozen graph", "export.models:freeze", options=WEIGHT_OPTIONS, in_original=True
    ),
    "web": Command(
        "Write a web page that shows the image of any z",
        "export.web_page:write_page",
        options=(*WEIGHT_OPTIONS, "web_float16", "web_dir"),
    ),
}
