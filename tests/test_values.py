"""Seeds, classes, grids and sums as users write them."""

from __future__ import annotations

import pytest

from dcgan_tf.settings import values
from dcgan_tf.system.errors import UserError

DIGITS = tuple("0123456789")
PETS = ("cat", "dog", "guinea-pig", "rabbit")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0", (0,)),
        ("0,5,7-9", (0, 5, 7, 8, 9)),
        ("7 - 9", (7, 8, 9)),
        ("2,2", (2, 2)),
    ],
)
def test_numbers_and_ranges(text: str, numbers: tuple[int, ...]):
    assert values.numbers("dims", text) == numbers


@pytest.mark.parametrize("text", ["", "a", "1,", "9-7", "-3", "1.5", "0-99999999999", "1" * 30, "²", "0 5 7", "1 2"])
def test_wrong_numbers(text: str):
    with pytest.raises(UserError, match=r"--dims takes numbers and ranges .* like 0,5,7-9"):
        values.numbers("dims", text)


def test_grids():
    assert values.grid("grid", "8x16") == (8, 16)
    for text in ("8", "0x4", "8x", "8*16", "-1x3"):
        with pytest.raises(UserError, match="like 8x16, but is"):
            values.grid("grid", text)


def test_arithmetic_terms():
    assert values.arithmetic("arithmetic", "12,15,20 - 3,4 + 30") == ((1, (12, 15, 20)), (-1, (3, 4)), (1, (30,)))
    for text in ("", "1 +", "- 3", "1 * 2", "a - b", "1-,2", "12 15 - 3"):
        with pytest.raises(UserError, match="--arithmetic takes seeds joined by"):
            values.arithmetic("arithmetic", text)


@pytest.mark.parametrize(
    ("text", "names", "classes"),
    [
        ("", DIGITS, tuple(range(10))),
        ("7", DIGITS, (7,)),
        ("8, 1-2", DIGITS, (8, 1, 2)),
        ("guinea-pig", PETS, (2,)),
        ("1", PETS, (1,)),
        ("cat-dog", PETS, (0, 1)),
        ("guinea-pig - rabbit", PETS, (2, 3)),
        ("guinea-pig-rabbit", PETS, (2, 3)),
        ("dog-guinea-pig", PETS, (1, 2)),
        ("a-b - c", ("a", "a-b", "b-c", "c"), (1, 2, 3)),
        ("caf\u00e9-noir", ("bar", "cafe\u0301-noir"), (1,)),
        ("2", ("1", "2", "3"), (1,)),  # names that are numbers are names
        ("2-11", ("0", "1", "10", "11", "2", "3"), (4, 5, 2, 3)),  # folders are sorted as text
        ("pepper, red", ("pepper, red", "tomato"), (0,)),
        (["tomato", "pepper, red"], ("pepper, red", "tomato"), (1, 0)),
        (["0-1", 2], PETS, (0, 1, 2)),
        ("class1-class10", ("class1", "class10", "class11", "class2"), (0, 3, 1)),
        ("0-2", ("class1", "class10", "class11", "class2"), (0, 1, 2)),
        ("rock-scissors", ("rock", "paper", "scissors"), (0, 1, 2)),
        ("dog", ("cat", "dog "), (1,)),
        ("caf\u00e9", ("bar", "cafe\u0301"), (1,)),
        ("", (), ()),
    ],
)
def test_classes_by_name_and_number(text: str, names: tuple[str, ...], classes: tuple[int, ...]):
    assert values.classes(text, names) == classes


@pytest.mark.parametrize(
    ("text", "names", "says"),
    [
        ("10", DIGITS, "no class '10'; --class takes one or more of its classes, which are 0, 1"),
        ("bird", PETS, "no class 'bird'"),
        ("0", ("1", "2"), "no class '0'"),
        ("9-0", DIGITS, "from the lower to the higher"),
        ("10-2", ("0", "10", "2"), "from the lower to the higher"),
        ("7", (), "The run has no classes"),
        ("x", tuple(f"class {i}" for i in range(1000)), "class 19 and 980 more"),
    ],
)
def test_unknown_classes(text: str, names: tuple[str, ...], says: str):
    with pytest.raises(UserError, match=says):
        values.classes(text, names)
