"""Values that are more than one number: seeds, dimensions, classes, grids, sums. Text, or what it stands for."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence

from dcgan_tf.settings.setting import received, to_number
from dcgan_tf.system.errors import UserError

MAX_NUMBERS = 10_000  # in one list; a longer one is a typing error
Term = tuple[int, tuple[int, ...]]  # +1 or -1, and the seeds whose mean z is added or subtracted
Classes = int | str | Sequence[int | str] | None  # numbers or names; None or blank: all classes in turn


def numbers(flag: str, given: str | Iterable[int]) -> tuple[int, ...]:
    """Return "0,5,7-9" as (0, 5, 7, 8, 9), or the numbers of a sequence. Raises UserError that names the flag."""
    found: list[int] = []
    for part in _without_spaces(_as_text(given)).split(","):
        match = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", part)
        first = last = -1
        if match:
            first = int(match[1])
            last = int(match[2] or match[1])
        if first < 0 or last < first or last - first + len(found) >= MAX_NUMBERS:
            raise UserError(
                f"--{flag} takes numbers and ranges from low to high, like 0,5,7-9, at most {MAX_NUMBERS:,} numbers,"
                f" but is {received(given)}."
            )
        found.extend(range(first, last + 1))
    return tuple(found)


def _without_spaces(text: str) -> str:
    """Return the text without spaces around commas and signs. Other spaces stay: "0 5" is not the number 5, or 05."""
    return re.sub(r"\s*([,+-])\s*", r"\1", text.strip())


def _as_text(given: object) -> str:
    """Return a number, or a sequence of numbers and texts, as text like 0,5,7; text stays as it is."""
    if isinstance(given, str):
        return given
    if isinstance(given, Iterable):
        return ",".join(map(_as_text, given))
    number = to_number(given)
    if number is None:
        return str(given)
    return str(number)


def dims(text: str) -> tuple[int, ...] | None:
    """Return the dimensions in text; blank means all dimensions, None. Raises UserError."""
    if not text:
        return None
    return numbers("dims", text)


def interpolation(given: str | Iterable[int], flag: str = "interpolate") -> tuple[int, ...]:
    """Return two seeds or more. Raises UserError."""
    seeds = numbers(flag, given)
    if len(seeds) < 2:
        raise UserError(f"--{flag} needs two seeds or more, like 3,12, but is {received(given)}.")
    return seeds


def loop(given: str | Iterable[int]) -> tuple[int, ...]:
    """Return two seeds or more. Raises UserError."""
    return interpolation(given, "loop")


def grid(text: str) -> tuple[int, int]:
    """Return "8x16" as (8, 16), rows and columns. Raises UserError."""
    match = re.fullmatch(r"([1-9][0-9]{0,9})x([1-9][0-9]{0,9})", text.lower())
    if not match:
        raise UserError(f"--grid takes rows and columns, like 8x16, but is {received(text)}.")
    return int(match[1]), int(match[2])


def arithmetic(text: str) -> tuple[Term, ...]:
    """Return "12,15,20 - 3,4,9 + 30" as ((1, (12, 15, 20)), (-1, (3, 4, 9)), (1, (30,))). Raises UserError."""
    parts = re.split(r"([+-])", "+" + _without_spaces(text))[1:]
    if not all(re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", seeds) for seeds in parts[1::2]):
        raise UserError(
            f"--arithmetic takes seeds joined by + and -, like '12,15,20 - 3,4,9 + 30', but is {received(text)}."
        )
    terms = []
    for sign, seeds in zip(parts[::2], parts[1::2], strict=True):
        terms.append((int(f"{sign}1"), numbers("arithmetic", seeds)))
    return tuple(terms)


def classes(given: Classes, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers of classes, such as "7", "0-9", "cat,dog", 7 or ["cat", 2]; all classes if there are none.

    A number is an index into the names, unless a class has a number as its name. Raises UserError.
    """
    items: Iterable[object] = [given]
    if given is None:
        items = []
    elif isinstance(given, Iterable) and not isinstance(given, str):
        items = given
    texts = [_as_text(item) for item in items]
    if not names and any(texts):
        raise UserError(f"The run has no classes, so --class must be left out, but is {received(given)}.")
    found: list[int] = []
    for text in filter(None, texts):
        parts = text.split(",")
        if text in names:  # a name can have a comma
            parts = [text]
        for part in parts:
            found.extend(_class_range(part.strip(), names))
    return tuple(found or range(len(names)))


def _class_range(part: str, names: tuple[str, ...]) -> list[int]:
    first, dash, last = part.partition("-")
    if part in names or not dash:
        return [_class_index(part, names)]
    start = _class_index(first.strip(), names)
    end = _class_index(last.strip(), names)
    order = list(range(len(names)))
    are_names = {_as_typed(first), _as_typed(last)} <= set(map(_as_typed, names))
    if are_names and list(names) == sorted(names):  # folders are sorted as text: class1, class10, class2
        order.sort(key=lambda index: _in_natural_order(names[index]))
    chosen = order[order.index(start) : order.index(end) + 1]
    if not chosen:
        raise UserError(f"A range of --class goes from the lower to the higher class, but is {part!r}.")
    return chosen


def _in_natural_order(name: str) -> list[str | int]:
    """Return a key for sorting that puts class2 before class10."""
    parts: list[str | int] = list(re.split(r"([0-9]+)", name))
    parts[1::2] = map(int, parts[1::2])
    return parts


def _as_typed(name: str) -> str:
    """Return a name as one types it: without spaces around it, and each accented letter as one character."""
    return unicodedata.normalize("NFC", name.strip())


def _class_index(part: str, names: tuple[str, ...]) -> int:
    if part in names:
        return names.index(part)
    typed = [_as_typed(name) for name in names]
    if _as_typed(part) in typed:
        return typed.index(_as_typed(part))
    if part.isdecimal() and int(part) < len(names) and not any(name.isdecimal() for name in names):
        return int(part)
    listed = ", ".join(names[:20])
    if len(names) > 20:
        listed += f" and {len(names) - 20} more"
    raise UserError(f"The run has no class {part!r}; --class takes one or more of its classes, which are {listed}.")


def plain_name(flag: str, name: str) -> str:
    """Return the name of a run or a file, which must not be a path. Raises UserError."""
    if "/" in name or os.sep in name or name in (".", ".."):
        raise UserError(f"--{flag} must be a plain name without {os.sep}, but is {received(name)}.")
    return name


def stages(text: str) -> str:
    """Return the setting stages as runs have it: a number without zeros before it."""
    if text.isascii() and text.isdecimal():
        return text.lstrip("0") or "0"
    return text
