"""The rules of --stages: how often the networks halve an image, and which networks that are."""

from __future__ import annotations

import math
import re

from dcgan_tf.settings.setting import wrong
from dcgan_tf.system.errors import UserError


def parse(name: str, text: str) -> str:
    """Return original, auto, or a number without zeros before it. Raises UserError."""
    number = re.fullmatch("0*([1-9][0-9]?)", text)
    if number:
        return number[1]
    if text not in ("original", "auto"):
        raise wrong(name, "original, auto, or a number from 1 to 99", text[:50])
    return text


def automatic(height: int, width: int) -> str:
    """Return the number of halvings that make the shorter side of an image about 4 pixels long."""
    return str(max(1, round(math.log2(min(height, width) / 4))))


def fits_mnist_networks(height: int, width: int) -> bool:
    """Return whether MNIST's networks can halve such images twice."""
    return height % 4 == width % 4 == 0


def check(stages: str, height: int, width: int, has_labels: bool) -> None:
    """Raise UserError if the networks cannot halve such images so often. Args: stages: original or a number."""
    size = min(height, width)
    if stages == "original":
        if has_labels and not fits_mnist_networks(height, width):
            raise UserError(
                "MNIST's networks halve an image twice, so --output_height and --output_width must be multiples of 4,"
                f" but are {height} and {width}; change them, or give --stages auto for other networks."
            )
    elif 2 ** int(stages) > size:
        most = size.bit_length() - 1
        raise UserError(
            f"--stages {stages} halves images of {size} pixels to less than one; give at most {most}, or larger images."
        )
