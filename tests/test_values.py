"""Seeds, classes, grids and sums as users write them."""

from __future__ import annotations

import numpy as np
import pytest

from dcgan_tf.settings import values
from dcgan_tf.system.errors import UserError

DIGITS = tuple("0123456789")
PETS = ("cat", "dog", "guinea-pig", "rabbit")


@pytest.mark.parametrize(
    ("text", "numbers"), [("0", (0,)), ("0,5,7-9", (0, 5, 7, 8, 9)), ("7 - 9", (7, 8, 9)), ("2,2", (2, 2))]
)
def test_numbers_and_ranges(text: str, numbers: tuple[int, ...]):
    assert values.numbers("dims", text) == numbers


@pytest.mark.parametrize("text", ["", "1,", "9-7", "-3", "0-99999999999", "²", "0 5 7"])
def test_wrong_numbers(text: str):
    with pytest.raises(UserError, match=r"--dims must be numbers and ranges .* like 0,5,7-9"):
        values.numbers("dims", text)


def test_grids():
    assert values.grid("grid", "8x16") == (8, 16)
    for text in ("8", "0x4", "8x", "8*16", "-1x3"):
        with pytest.raises(UserError, match="like 8x16, but is"):
            values.grid("grid", text)


def test_arithmetic_terms():
    assert values.arithmetic("arithmetic", "12,15,20 - 3,4 + 30") == ((1, (12, 15, 20)), (-1, (3, 4)), (1, (30,)))
    for text in ("", "1 +", "- 3", "1 * 2", "a - b", "1-,2", "12 15 - 3"):
        with pytest.raises(UserError, match="--arithmetic must be seeds joined by"):
            values.arithmetic("arithmetic", text)


@pytest.mark.parametrize(
    ("text", "names", "classes"),
    [
        ("", DIGITS, tuple(range(10))),
        (None, (), ()),
        (0, DIGITS, (0,)),
        (np.int64(7), DIGITS, (7,)),
        ("8, 1-2", DIGITS, (8, 1, 2)),
        ("guinea-pig, 1", PETS, (2, 1)),
        (["0-1", 2], PETS, (0, 1, 2)),
        ("2", ("1", "2", "3"), (1,)),  # names that are numbers are names
        ("2-3, 10 - 11", ("10", "11", "2", "3"), (2, 3, 0, 1)),  # folders are sorted as text
    ],
)
def test_classes_by_name_and_number(text: object, names: tuple[str, ...], classes: tuple[int, ...]):
    assert values.classes(text, names) == classes


@pytest.mark.parametrize(
    ("text", "names", "says"),
    [
        ("10", DIGITS, "no class '10'; --class takes one or more of its classes, which are 0, 1"),
        ("bird", PETS, "no class 'bird'"),
        ([1, 2.5], DIGITS, "no class '2.5'"),
        ("9-0", DIGITS, "ranges from low to high"),
        ("7", (), "The run has no classes"),
        ("x", tuple(f"class {i}" for i in range(1000)), "class 19, ..."),
    ],
)
def test_unknown_classes(text: object, names: tuple[str, ...], says: str):
    with pytest.raises(UserError, match=says):
        values.classes(text, names)
