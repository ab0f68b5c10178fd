"""The table of commands: what the program can do, each by one flag, and the options that go with it."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import NamedTuple

from dcgan_tf.settings import options, values
from dcgan_tf.settings.options import WEIGHTS, training, using
from dcgan_tf.settings.setting import ORIGINAL, PATH, Setting


class Command(NamedTuple):
    """One command, given by one flag.

    The program calls `function(selection, value, option=...)`. For a switch, `value` is left out.
    """

    function: str  # "module:function" in dcgan_tf; imported only when it runs, so that --help needs no TensorFlow
    options: Collection[str]
    setting: Setting  # of type bool for a switch


switch = partial(using, False)
text = partial(using, None, kind_if_none=str)
IMAGES = (*WEIGHTS, "class")  # for commands whose functions take `classes`
# Beside those in settings/options.py, which choose the weights, or how a training begins.
OPTIONS = {
    "class": text("Generate images of these classes only: names or numbers, e.g. 7 or 0-4 or cat,dog"),
    "option": using(
        1,
        "With --visualize: 0 a random sheet; 1 a sheet for each dimension of z; 2 a GIF for each dimension, from a"
        " random z; 3 the same, from a z of zeros; 4 the same as 3, and one GIF that shows them all",
        choices=range(5),
    ),
    "dims": text("With --visualize: only these dimensions of z, e.g. 0,5,7-9", parse=values.numbers),
    "steps": options.STEPS,
    "web_float16": switch("With --web: store the page's weights as float16, in half the bytes"),
    "web_dir": text("With --web: write the page to this folder, to publish it, without page.html", traits=PATH),
}

TRAIN = Command(
    "training.start:train",
    options.START,
    training(False, "Train; without this flag, a trained run is used", traits=ORIGINAL),
)
# What the program does without a flag
RANDOM_SHEET = Command("sampling.visualize:write_random_sheet", IMAGES, switch("Write a random sheet"))
COMMANDS = {
    "train": TRAIN,
    "visualize": Command(
        "sampling.visualize:visualize",
        (*IMAGES, "option", "dims"),
        switch("Write the sheets or GIFs that --option names", traits=ORIGINAL),
    ),
    "generate_test_images": Command("sampling.sheets:write_images", IMAGES, options.COUNT),
    "grid": Command(
        "sampling.sheets:write_grid",
        IMAGES,
        text("Write a sheet of rows x columns, e.g. 10x16; with labels each row is a class", parse=values.grid),
    ),
    "interpolate": Command(
        "sampling.sheets:write_interpolation",
        (*IMAGES, "steps"),
        text("Write a sheet and a GIF that go from seed to seed, e.g. 3,12,7", parse=values.interpolation),
    ),
    "loop": Command(
        "sampling.sheets:write_loop",
        (*IMAGES, "steps"),
        text("Write a GIF that goes from seed to seed and back to the first, e.g. 3,12,7", parse=values.interpolation),
    ),
    "arithmetic": Command(
        "sampling.sheets:write_arithmetic",
        IMAGES,
        text(
            "Write the image of a sum of z; each term is the mean z of some seeds, e.g. '12,15,20 - 3,4,9 + 30,31,40'",
            parse=values.arithmetic,
        ),
    ),
    "project": Command(
        "sampling.project:write_projection",
        IMAGES,
        text(
            "Find the z whose image is most like the one in this file, and write both images side by side",
            traits=PATH,
        ),
    ),
    "story": Command("sampling.story:tell", (), switch("Write the run's loss curves and a GIF of its sample sheets")),
    "evaluate": Command(
        "evaluation.evaluate:evaluate",
        WEIGHTS,
        switch("Measure how good the generated images are; needs the data set"),
    ),
    "features": Command(
        "evaluation.evaluate:write_features",
        WEIGHTS,
        text("Write the discriminator's features of the data set to this .npz file", traits=PATH),
    ),
    "export": Command(
        "export.models:export",
        WEIGHTS,
        switch("Write both networks as SavedModel and .keras, the generator also as .tflite", traits=ORIGINAL),
    ),
    "freeze": Command(
        "export.models:freeze", WEIGHTS, switch("Write the generator as one frozen graph", traits=ORIGINAL)
    ),
    "web": Command(
        "export.web_page:write_page",
        (*WEIGHTS, "web_float16", "web_dir"),
        switch("Write a web page that shows the image of any z"),
    ),
}
