"""Values that are more than one number: seeds, dimensions, classes, grids, sums. Text, or what it stands for."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence

from dcgan_tf.settings.setting import as_text, received
from dcgan_tf.system.errors import UserError

AUGMENTATIONS = ("color", "translation", "cutout")
MAX_NUMBERS = 10_000  # in one list; a longer one is a typing error
Term = tuple[int, tuple[int, ...]]  # +1 or -1, and the seeds whose mean z is added or subtracted
Classes = int | str | Sequence[int | str] | None  # numbers or names; None or blank: all classes in turn


def numbers(name: str, given: str | Iterable[int]) -> tuple[int, ...]:
    """Return "0,5,7-9" as (0, 5, 7, 8, 9), or the numbers of a sequence. Raises UserError that names the flag."""
    found: list[int] = []
    for part in _without_spaces(as_text(given) or "").split(","):
        match = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", part)
        first = last = -1
        if match:
            first = int(match[1])
            last = int(match[2] or match[1])
        if first < 0 or last < first or last - first + len(found) >= MAX_NUMBERS:
            raise UserError(
                f"--{name} takes numbers and ranges from low to high, like 0,5,7-9, at most {MAX_NUMBERS:,} numbers,"
                f" but is {received(given)}."
            )
        found.extend(range(first, last + 1))
    return tuple(found)


def _without_spaces(text: str) -> str:
    """Return the text without spaces around commas and signs. Other spaces stay: "0 5" is not the number 5, or 05."""
    return re.sub(r"\s*([,+-])\s*", r"\1", text.strip())


def number_list(name: str, text: str) -> str:
    """Return "2, 4-6" as "2,4,5,6". Raises UserError."""
    return ",".join(map(str, numbers(name, text)))


def two_numbers(name: str, text: str) -> str:
    """Return "64, 128" as "64,128". Raises UserError."""
    found = numbers(name, text)
    if len(found) != 2 or min(found) < 1:
        raise UserError(f"--{name} takes two numbers greater than 0, like 64,128, but is {text!r}.")
    return number_list(name, text)


def augmentations(name: str, text: str) -> str:
    """Return "color, cutout" as "color,cutout". Raises UserError."""
    kinds = text.replace(" ", "").split(",")
    if not set(kinds) <= set(AUGMENTATIONS):
        raise UserError(f"--{name} takes some of {','.join(AUGMENTATIONS)}, but is {text!r}.")
    return ",".join(kinds)


def interpolation(name: str, given: str | Iterable[int]) -> tuple[int, ...]:
    """Return two seeds or more. Raises UserError."""
    seeds = numbers(name, given)
    if len(seeds) < 2:
        raise UserError(f"--{name} needs two seeds or more, like 3,12, but is {received(given)}.")
    return seeds


def grid(name: str, text: str) -> tuple[int, int]:
    """Return "8x16" as (8, 16), rows and columns. Raises UserError."""
    match = re.fullmatch(r"([1-9][0-9]{0,9})x([1-9][0-9]{0,9})", text.lower())
    if not match:
        raise UserError(f"--{name} takes rows and columns, like 8x16, but is {received(text)}.")
    return int(match[1]), int(match[2])


def arithmetic(name: str, text: str) -> tuple[Term, ...]:
    """Return "12,15,20 - 3,4,9 + 30" as ((1, (12, 15, 20)), (-1, (3, 4, 9)), (1, (30,))). Raises UserError."""
    terms = re.findall(r"([+-])([0-9]{1,18}(?:,[0-9]{1,18})*)", "+" + _without_spaces(text))
    if "".join(map("".join, terms)) != "+" + _without_spaces(text):
        raise UserError(
            f"--{name} takes seeds joined by + and -, like '12,15,20 - 3,4,9 + 30', but is {received(text)}."
        )
    return tuple((int(f"{sign}1"), numbers(name, seeds)) for sign, seeds in terms)


def plain_name(name: str, given: str) -> str:
    """Return the name of a run or a file, which must not be a path. Raises UserError."""
    if "/" in given or os.sep in given or given in (".", ".."):
        raise UserError(f"--{name} must be a plain name without {os.sep}, but is {received(given)}.")
    return given


def classes(given: Classes, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers of classes, such as "7", "0-9", "cat,dog", 7 or ["cat", 2]; all classes if there are none.

    A number is an index into the names, unless a class has a number as its name. Raises UserError.
    """
    items: Iterable[object] = (given,)
    if given is None:
        items = ()
    elif isinstance(given, Iterable) and not isinstance(given, str):
        items = given
    texts = [str(as_text(item)) for item in items]
    if not names and any(texts):
        raise UserError(f"The run has no classes, so --class must be left out, but is {received(given)}.")
    found: list[int] = []
    for text in filter(None, texts):
        parts = text.split(",")
        if text in names:  # a name can have a comma
            parts = [text]
        for part in parts:
            found.extend(_class_or_range(part.strip(), names))
    return tuple(found or range(len(names)))


def _class_or_range(part: str, names: tuple[str, ...]) -> Sequence[int]:
    """Return one class, or those from one to another; each dash can be that of the range, as a name can have dashes."""
    index = _index(part, names)
    if index is not None:
        return [index]
    for dash in (*re.finditer(" - ", part), *re.finditer("-", part)):
        ends = (part[: dash.start()], part[dash.end() :])
        start, end = (_index(text, names) for text in ends)
        if start is None or end is None:
            continue
        order = list(range(len(names)))
        if set(map(_as_typed, ends)) <= set(map(_as_typed, names)) and list(names) == sorted(names):
            order.sort(key=lambda index: _in_natural_order(names[index]))  # folders: class1, class10, class2
        chosen = order[order.index(start) : order.index(end) + 1]
        if not chosen:
            raise UserError(f"A range of --class goes from the lower to the higher class, but is {part!r}.")
        return chosen
    listed = ", ".join(names[:20])
    if len(names) > 20:
        listed += f" and {len(names) - 20} more"
    raise UserError(f"The run has no class {part!r}; --class takes one or more of its classes, which are {listed}.")


def _index(text: str, names: tuple[str, ...]) -> int | None:
    """Return the number of the class of that name or number; None if there is none."""
    if text in names:
        return names.index(text)
    typed = [_as_typed(name) for name in names]
    if _as_typed(text) in typed:
        return typed.index(_as_typed(text))
    if text.strip().isdecimal() and int(text) < len(names) and not any(name.isdecimal() for name in names):
        return int(text)
    return None


def _as_typed(name: str) -> str:
    """Return a name as one types it: without spaces around it, and each accented letter as one character."""
    return unicodedata.normalize("NFC", name.strip())


def _in_natural_order(name: str) -> list[str | int]:
    """Return a key for sorting that puts class2 before class10."""
    parts: list[str | int] = list(re.split(r"([0-9]+)", name))
    parts[1::2] = map(int, parts[1::2])
    return parts
