"""Values that are more than one number or word: seeds, classes, grids, sums, stages. Text, or what it stands for.

Of each function that takes `name`, that is the flag's, without --, for the message of the UserError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from dcgan_tf.settings.setting import as_text, wrong
from dcgan_tf.system.errors import UserError, listed

AUGMENTATIONS = ("color", "translation", "cutout")
MAX_NUMBERS = 10_000  # in one list; a longer one is a typing error
Term = tuple[int, tuple[int, ...]]  # +1 or -1, and the seeds whose mean z is added or subtracted
Classes = int | str | Sequence[int | str] | None  # numbers or names; None or blank: all classes in turn


def numbers(name: str, given: str | Iterable[int]) -> tuple[int, ...]:
    """Return "0,5,7-9" as (0, 5, 7, 8, 9), or the numbers of a sequence. Raises UserError that names the flag."""
    text = as_text(given)
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,18})\s*(?:-\s*([0-9]{1,18})\s*)?", part)
        chosen = range(0)
        if match:
            chosen = range(int(match[1]), int(match[2] or match[1]) + 1)
        if not chosen or len(found) + len(chosen) > MAX_NUMBERS:
            expected = f"numbers and ranges from low to high, like 0,5,7-9, at most {MAX_NUMBERS:,} numbers"
            raise wrong(name, expected, text)
        found.extend(chosen)
    return tuple(found)


def number_list(name: str, text: str) -> str:
    """Return "2, 4-6" as "2,4,5,6". Raises UserError."""
    found = numbers(name, text)
    if min(found) < 1:
        raise wrong(name, "numbers greater than 0", text)
    return as_text(found)


def two_numbers(name: str, text: str) -> str:
    """Return "64, 128" as "64,128". Raises UserError."""
    found = number_list(name, text)
    if found.count(",") != 1:
        raise wrong(name, "two numbers, like 64,128", text)
    return found


def augmentations(name: str, text: str) -> str:
    """Return "color, cutout" as "color,cutout". Raises UserError."""
    kinds = text.replace(" ", "").split(",")
    if not set(kinds) <= set(AUGMENTATIONS):
        raise wrong(name, f"some of {as_text(AUGMENTATIONS)}", text)
    return as_text(kinds)


def interpolation(name: str, given: str | Iterable[int]) -> tuple[int, ...]:
    """Return two seeds or more. Raises UserError."""
    seeds = numbers(name, given)
    if len(seeds) < 2:
        raise wrong(name, "two seeds or more, like 3,12", as_text(given))
    return seeds


def grid(name: str, text: str) -> tuple[int, int]:
    """Return "8x16" as (8, 16), rows and columns. Raises UserError."""
    match = re.fullmatch(r"([1-9][0-9]{0,9})x([1-9][0-9]{0,9})", text.lower())
    if not match:
        raise wrong(name, "rows and columns, like 8x16", text)
    return int(match[1]), int(match[2])


def arithmetic(name: str, text: str) -> tuple[Term, ...]:
    """Return "12,15,20 - 3,4,9 + 30" as ((1, (12, 15, 20)), (-1, (3, 4, 9)), (1, (30,))). Raises UserError."""
    terms = re.findall("([+-])([^+-]*)", f"+{text}")
    try:
        return tuple((int(f"{sign}1"), numbers(name, seeds)) for sign, seeds in terms)
    except UserError as error:
        raise wrong(name, "seeds joined by + and -, like '12,15,20 - 3,4,9 + 30'", text) from error


def classes(given: Classes, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers of classes, such as "7", "0-4", "cat,dog", 7 or ["cat", 2]; all classes if there are none.

    A number is an index into the names, unless a class has a number as its name.

    Args:
      names: of the run's classes; their places are the numbers of the classes.
    Raises: UserError if the run has no such class.
    """
    if given is None:
        given = ""
    text = as_text(given)
    if not text:
        return tuple(range(len(names)))
    if not names:
        raise UserError(f"The run has no classes, so --class must be left out, but is {text!r}.")
    known = {name: index for index, name in enumerate(names)}
    if not any(map(str.isdecimal, names)):
        known = {str(index): index for index in known.values()} | known
    found = []
    for part in map(str.strip, text.split(",")):
        chosen: Iterable[object] = [part]
        if part not in known and re.fullmatch("[0-9 ]+-[0-9 ]+", part):
            chosen = numbers("class", part)
        for name in map(str, chosen):
            if name not in known:
                raise UserError(
                    f"The run has no class {name!r}; --class takes one or more of its classes, which are"
                    f" {listed(names, 20)}."
                )
            found.append(known[name])
    return tuple(found)


def stages(name: str, text: str) -> str:
    """Return the text if it is a value of --stages. Raises UserError."""
    if not re.fullmatch("original|auto|[1-9][0-9]?", text):
        raise wrong(name, "original, auto, or a number from 1 to 99", text)
    return text


def automatic_stages(height: int, width: int) -> str:
    """Return the number of halvings that make the shorter side of an image about 4 pixels long."""
    halvings = math.log2(min(height, width) / 4)
    return str(max(1, round(halvings)))


def fits_mnist_networks(height: int, width: int) -> bool:
    """Return whether MNIST's networks can halve such images twice."""
    return height % 4 == width % 4 == 0


def check_stages(stages: str, height: int, width: int, has_labels: bool) -> None:
    """Raise UserError if the networks cannot halve such images so often.

    Args:
      stages: original or a number.
      height, width: of the networks' images, in pixels.
      has_labels: whether the networks get labels; then original means those of MNIST.
    """
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
