"""Rules about the values of a Config, beyond the limits of each setting."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from dcgan_tf.system.errors import UserError

if TYPE_CHECKING:
    from dcgan_tf.settings.config import Config

AUGMENTATIONS = ("color", "translation", "cutout")


def check(config: Config) -> None:
    """Raise UserError if a combination of values is impossible."""
    _check_text(config)
    _check_stages(config)
    _check_sizes(config)
    _check_epochs(config)


def _check_text(config: Config) -> None:
    if not config.dataset:
        raise UserError("--dataset is blank; give mnist or the name of a folder of images in --data_dir.")
    if config.d_filters and (len(config.d_widths) != 2 or min(config.d_widths) < 1):
        raise UserError(f"--d_filters takes two numbers greater than 0, like 64,128, but is {config.d_filters!r}.")
    if not set(config.augmentations) <= set(AUGMENTATIONS):
        raise UserError(f"--augment takes some of {','.join(AUGMENTATIONS)}, but is {config.augment!r}.")


def _check_stages(config: Config) -> None:
    if config.stages in ("", "original", "auto"):
        return
    if not re.fullmatch("[1-9][0-9]?", config.stages):
        raise UserError(f"--stages must be original, auto, or a number from 1 to 99, but is {config.stages[:50]!r}.")
    size = config.output_height and min(config.output_height, config.output_width or config.output_height)
    if size == 1:
        raise UserError("--stages cannot halve images of one pixel; give a larger --output_height or --output_width.")
    if size and 2 ** int(config.stages) > size:
        raise UserError(
            f"--stages {config.stages} halves images of {size} pixels to less than one; give at most"
            f" {size.bit_length() - 1}, or auto."
        )


def fits_mnist_networks(height: int, width: int) -> bool:
    """Return whether MNIST's networks can halve such images twice."""
    return height % 4 == width % 4 == 0


def _check_sizes(config: Config) -> None:
    if not config.output_height or not config.has_mnist_networks:
        return
    width = config.output_width or config.output_height
    if not fits_mnist_networks(config.output_height, width):
        raise UserError(
            "MNIST's networks halve an image twice, so --output_height and --output_width must be multiples of 4,"
            f" but are {config.output_height} and {width}; change them, or give --stages auto for other networks."
        )


def _check_epochs(config: Config) -> None:
    last = math.inf if config.iterations else config.epoch
    if config.lr_decay_epochs > last:
        raise UserError(f"--lr_decay_epochs must be at most --epoch, {config.epoch}, but is {config.lr_decay_epochs}.")
    if max(config.epochs_to_keep, default=1) > last or min(config.epochs_to_keep, default=1) < 1:
        limit = "at least 1" if config.iterations else f"between 1 and --epoch, which is {config.epoch}"
        raise UserError(f"--epoch_samples must be {limit}, but is {config.epoch_samples!r}.")
