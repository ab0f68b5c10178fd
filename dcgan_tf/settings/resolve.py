"""From what a user gives to what a run has: names and values are checked, then the data set decides the rest."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from dcgan_tf.settings import stages
from dcgan_tf.settings.config import MACHINE, SETTINGS, USE, Asked, Config, settings_of
from dcgan_tf.settings.options import AUTO, PLACES, PRESETS, START, WEIGHTS
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


def check_given(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings with values of the right types, and only those that were given.

    Raises: UserError if a name is unknown, a value is not allowed, or two settings exclude each other.
    """
    for name in given:
        if name in START | WEIGHTS | PLACES:
            raise UserError(f"--{name} does not go with what was asked for here; leave it out.")
    checked = convert(given, SETTINGS)
    if checked.get("dataset") == "":
        raise UserError("--dataset is blank; give mnist or the name of a folder of images in --data_dir.")
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


def ask(given: Mapping[str, Any], preset: str = "") -> Asked:
    """Return what is asked for: the given settings, which count more than those of the preset, and defaults.

    A given epoch replaces the preset's iterations; a preset's decay of the learning rate takes half of these epochs.

    Args:
      given: as `check_given` returns them.
      preset: its name; blank: none; auto: it is not known yet.
    Raises: UserError if a setting names an epoch that the training does not have.
    """
    others = dict(PRESETS.get(preset, {}))
    if "epoch" in given and "lr_decay_epochs" in others:
        others["lr_decay_epochs"] = given["epoch"] // 2
    asked = Asked(**others | dict(given))
    if preset != AUTO:
        asked.check_epochs()
    return asked


def resolve(asked: Asked, decided: Mapping[str, Any], required: Mapping[str, Any] | None = None) -> Config:
    """Return the settings of a run.

    Args:
      decided: those that the data set decides, and its default of stages, see `Dataset.decides`.
      required: those that the weights need which the training begins with.
    Raises: UserError if the networks cannot have such images, or a setting names an epoch that there is not.
    """
    values = {field.name: getattr(asked, field.name) for field in dataclasses.fields(asked)} | dict(required or {})
    chosen = values["stages"] or decided["stages"]
    if chosen == "auto":
        chosen = stages.automatic(decided["output_height"], decided["output_width"])
    return Config(**values | dict(decided) | {"stages": chosen})


def override(config: Config, given: Mapping[str, Any]) -> Config:
    """Return the settings of a run for one use of it: those given that can be given with each use replace the run's."""
    allowed = settings_of(USE, MACHINE)
    return dataclasses.replace(config, **{name: value for name, value in given.items() if name in allowed})
