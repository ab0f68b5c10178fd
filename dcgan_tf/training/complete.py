"""What the data set and the first weights of a training decide of its settings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.weights import Weights, has_setting
from dcgan_tf.settings.checks import fits_mnist_networks
from dcgan_tf.settings.config import SETTINGS, Config
from dcgan_tf.settings.presets import preset_for
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import report

if TYPE_CHECKING:
    from dcgan_tf.data.dataset import Dataset


def choose_preset(dataset: Dataset) -> str:
    """Return the preset for these images, and say it with the reason."""
    count, height, width, channels = dataset.images.shape
    is_idx = not dataset.shuffle_each_epoch  # only idx files keep their order
    like_mnist = is_idx and bool(dataset.class_names) and channels == 1 and fits_mnist_networks(height, width)
    name, why = preset_for(count, dataset.equal_neighbours(), like_mnist)
    report("Preset", f"{name}: {why}")
    return name


def complete(config: Config, dataset: Dataset) -> Config:
    """Return the settings with what the data set decides, where the user did not."""
    spec = dataset.spec
    if spec.crop:
        config = dataclasses.replace(config, input_height=spec.crop[0], input_width=spec.crop[1])
    stages = config.stages or dataset.default_stages
    if stages == "auto":
        stages = str(stages_for(spec.height, spec.width))
    return dataclasses.replace(
        config,
        output_height=spec.height,
        output_width=spec.width,
        c_dim=spec.channels,
        stages=stages,
        conditional=bool(dataset.class_names),
        class_names=dataset.class_names,
    )


def stages_for(height: int, width: int) -> int:
    """Return the number of halvings that make the shorter side of an image about 4 pixels long."""
    return max(1, round(math.log2(min(height, width) / 4)))


def check_classes(weights: Weights, count: int, config: Config) -> None:
    """Raise UserError unless the data set has as many classes as the weights."""
    if count and not config.y_dim:
        raise UserError(
            f"The run {weights.name} has {count} classes, but this training has none; add --conditional, for a data set"
            " that has these classes."
        )
    if count != config.y_dim:
        raise UserError(
            f"The data set {config.dataset!r} has {config.y_dim} classes, but the run {weights.name} has {count}; name"
            " a data set like the one it was trained on."
        )


def say_replaced(asked: Config, config: Config, required: Mapping[str, Any], name: str) -> None:
    """Say which settings of a preset, or of --stages auto, the weights of that name replace."""
    if asked.stages == "auto":
        height, width, _ = config.image_shape
        asked = dataclasses.replace(asked, stages=str(stages_for(height, width)))
    chosen = [setting for setting in required if getattr(asked, setting) != SETTINGS[setting].default]
    replaced = [setting for setting in chosen if not has_setting(config, setting, getattr(asked, setting))]
    if replaced:
        of_run, of_asked = (" ".join(f"--{key} {getattr(c, key)}" for key in replaced) for c in (config, asked))
        report("Hint", f"the run {name} has {of_run}, and so has this training, not {of_asked}.")
