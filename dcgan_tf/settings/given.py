"""What a user gave, on the command line or from Python: unknown names, wrong values, presets."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from dcgan_tf.settings import values
from dcgan_tf.settings.config import SETTINGS
from dcgan_tf.settings.options import PLACES, START, WEIGHTS
from dcgan_tf.settings.presets import AUTO, PRESETS
from dcgan_tf.settings.setting import Setting
from dcgan_tf.system.errors import UserError

# Flags of older versions of the original, and what they are now
RENAMED = {
    "is_train": "train",
    "is_crop": "crop",
    "image_size": "input_height",
    "output_size": "output_height",
    "image_width": "input_width",
    "output_dir": "out_dir",
}
OPTIONS = START | WEIGHTS | PLACES


def check_given(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings with values of the right types, and only those that were given.

    Raises: UserError if a name is unknown, a value is not allowed, or two settings exclude each other.
    """
    for name in given:
        if name == "dry_run":  # on the command line, it is among the options
            raise UserError(
                "--dry_run says what a training would do, and is for the command line: python main.py --train"
                " --dry_run; leave it out here."
            )
        if name in OPTIONS:
            raise UserError(f"--{name} does not go with what was asked for; leave it out.")
    checked = convert(given, SETTINGS)
    if "stages" in checked:
        checked["stages"] = values.stages(checked["stages"])
    if "epoch" in checked:
        if checked.get("iterations") is not None:
            raise UserError("--iterations replaces --epoch; give only one of them.")
        checked["iterations"] = None  # also if a preset, or the run that is resumed, has iterations
    return checked


def convert(given: Mapping[str, Any], settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Return the given values, by name, as these settings convert them. Raises UserError."""
    for name in given:
        if name not in settings:
            raise unknown(name, settings)
    return {name: settings[name].convert(name, value) for name, value in given.items()}


def unknown(name: str, known: Iterable[str]) -> UserError:
    """Return the error for a name that is not a setting."""
    old = name.removeprefix("no")  # --nois_crop turned --is_crop off
    if old in RENAMED:
        return UserError(f"--{old} is now --{RENAMED[old]}; give that instead.")
    similar = difflib.get_close_matches(name, list(known), n=1)
    hint = "".join(f" (did you mean --{other}?)" for other in similar)
    return UserError(f"There is no setting --{name}{hint}; python main.py --help lists all settings.")


def with_preset(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a preset (blank: none) and the given ones, which count more.

    A given epoch replaces the preset's iterations; a preset's decay of the learning rate takes half of these epochs.

    Args:
      given: as `check_given` returns them.
    """
    preset = dict(PRESETS.get(name, {}))
    if name == AUTO:  # nothing that depends on the preset is refused before it is known
        preset = {"iterations": 1, "stages": "auto"}
    if "epoch" in given and "lr_decay_epochs" in preset:
        preset["lr_decay_epochs"] = given["epoch"] // 2
    return preset | dict(given)
