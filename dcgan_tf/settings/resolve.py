"""From what a user gives to what a run has: names and values are checked, then the data set decides the rest."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dcgan_tf.settings.config import EACH_USE, SETTINGS, Asked, Config
from dcgan_tf.settings.options import AUTO, PRESETS
from dcgan_tf.settings.setting import Setting
from dcgan_tf.settings.values import automatic_stages
from dcgan_tf.system.errors import UserError, did_you_mean, plain
from dcgan_tf.system.files import absolute
from dcgan_tf.system.messages import report

DATA_SETS = ("mnist", "celeb_a", "celebA", "cifar10", "fashion_mnist")  # that many people ask for
OTHERS = {  # for a flag, what it is called in other programs
    "--learning_rate": "lr",
    "--output_height": "size image_size output_size height resolution",
    "--output_width": "width",
    "--iterations": "niter iters",
    "--generate_test_images": "samples num_images num_samples sample test",
    "--z_dim": "nz latent_dim",
    "--dataset": "data dataroot data_path train_dir",
    "--out_dir": "output output_dir outf save_dir",
    "--out_name": "name",
    "--checkpoint": "ckpt load",
    "CUDA_VISIBLE_DEVICES, a variable of the environment": "gpu gpus gpu_id device cuda",
}


def check_given(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings with values of the right types, also if they are the content of FLAGS.json.

    Raises: UserError if a name is unknown, a value is not allowed, or two settings exclude each other.
    """
    checked = convert({name: given[name] for name in given if name != "class_names"}, SETTINGS)  # as the data has
    if "epoch" in checked:
        if checked.get("iterations") is not None:
            raise UserError("--iterations replaces --epoch; give only one of them.")
        checked["iterations"] = None  # also if a preset, or the run that is resumed, has iterations
    if "dataset" in checked:
        checked |= _locate(checked["dataset"], checked.get("data_dir"))
    return checked


def _locate(dataset: str, data_dir: str | None) -> dict[str, str]:
    """Return the settings of a data set: its path from data_dir; that of a folder outside of it becomes absolute.

    If there is one from the current folder and one from data_dir, the first counts, unless data_dir is given.
    """
    parent = absolute(Path(data_dir or Asked.data_dir))
    here = absolute(Path(dataset))
    there = absolute(parent / dataset)
    if not dataset or not os.path.exists(here):
        if os.path.exists(there) or dataset in DATA_SETS:
            return {"dataset": dataset}
        return {"dataset": {plain(name): name for name in DATA_SETS}.get(plain(dataset), dataset)}
    if parent in here.parents:
        return {"dataset": str(here.relative_to(parent)), "data_dir": data_dir or Asked.data_dir}
    if os.path.exists(there) and not here.samefile(there):
        if data_dir or not here.is_dir():
            return {"dataset": dataset}
        report("Hint", f"--dataset {dataset} is {here} here; to use {there}, give --data_dir {parent}, too.")
    return {"dataset": str(here)}


def convert(given: Mapping[str, Any], settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Return the given values, by name, as these settings convert them.

    Raises: UserError if a name is unknown, or a value is not allowed.
    """
    for name in given:
        if name not in settings:
            raise unknown(name, settings)
    return {name: settings[name].convert(name, value) for name, value in given.items()}


def unknown(name: str, known: Iterable[str]) -> UserError:
    """Return the error for a name that is not a setting."""
    others = [flag for flag, names in OTHERS.items() if plain(name) in map(plain, names.split())]
    hint = did_you_mean(name, known, "--")
    if others:
        hint = f" (did you mean {others[0]}?)"
    return UserError(f"There is no setting --{name} here{hint}; python main.py --help lists all settings.")


def ask(given: dict[str, Any], preset: str = "") -> Asked:
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
    asked = Asked(**others | given)
    if preset != AUTO:
        asked.check_epochs()
    return asked


def resolve(asked: Asked, decided: dict[str, Any]) -> Config:
    """Return the settings of a run.

    Args:
      decided: those that the data set decides, and its default of stages, see `Dataset.decides`.
    Raises: UserError if the networks cannot have such images, or a setting names an epoch that there is not.
    """
    stages = asked.stages or decided["stages"]
    if stages == "auto":
        stages = automatic_stages(decided["output_height"], decided["output_width"])
    class_loss = asked.class_loss
    if stages == "original" or not decided["class_names"]:
        class_loss = 0.0
    return Config(**vars(asked) | decided | {"stages": stages, "class_loss": class_loss})


def override(config: Config, given: Mapping[str, Any]) -> Config:
    """Return the settings of a run for one use of it: those given that can be given with each use replace the run's."""
    return dataclasses.replace(config, **{name: given[name] for name in EACH_USE if name in given})
