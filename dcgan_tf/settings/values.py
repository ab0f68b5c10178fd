"""Parse what users write on the command line: seeds, dimensions, classes, grids, sums. Imports no TensorFlow."""

from __future__ import annotations

import re

from dcgan_tf.system.errors import UserError

MAX_NUMBERS = 10_000  # in one list; a longer one is a typing error
Term = tuple[int, tuple[int, ...]]  # +1 or -1, and the seeds whose mean z is added or subtracted


def numbers(flag: str, text: str) -> tuple[int, ...]:
    """Parse "0,5,7-9" as (0, 5, 7, 8, 9). Raises UserError that names the flag."""
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first + len(found) >= MAX_NUMBERS:
            raise UserError(
                f"--{flag} takes numbers and ranges from low to high, like 0,5,7-9, at most {MAX_NUMBERS:,} numbers,"
                f" but is {text!r}."
            )
        found.extend(range(first, last + 1))
    return tuple(found)


def dims(text: str) -> tuple[int, ...] | None:
    """Parse --dims; blank means all dimensions, None. Raises UserError."""
    return numbers("dims", text) if text else None


def interpolation(text: str, flag: str = "interpolate") -> tuple[int, ...]:
    """Parse --interpolate, two seeds or more. Raises UserError."""
    seeds = numbers(flag, text)
    if len(seeds) < 2:
        raise UserError(f"--{flag} needs two seeds or more, like 3,12, but is {text!r}.")
    return seeds


def loop(text: str) -> tuple[int, ...]:
    """Parse --loop, two seeds or more. Raises UserError."""
    return interpolation(text, "loop")


def grid(text: str) -> tuple[int, int]:
    """Parse "8x16" as (8, 16), rows and columns. Raises UserError."""
    match = re.fullmatch(r"([1-9][0-9]{0,9})x([1-9][0-9]{0,9})", text.lower())
    if not match:
        raise UserError(f"--grid takes rows and columns, like 8x16, but is {text!r}.")
    return int(match[1]), int(match[2])


def arithmetic(text: str) -> tuple[Term, ...]:
    """Parse "12,15,20 - 3,4,9 + 30" as ((1, (12, 15, 20)), (-1, (3, 4, 9)), (1, (30,))). Raises UserError."""
    parts = re.split(r"([+-])", "+" + text.replace(" ", ""))[1:]
    if not all(re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", seeds) for seeds in parts[1::2]):
        raise UserError(f"--arithmetic takes seeds joined by + and -, like '12,15,20 - 3,4,9 + 30', but is {text!r}.")
    signs = [1 if sign == "+" else -1 for sign in parts[::2]]
    return tuple((sign, numbers("arithmetic", seeds)) for sign, seeds in zip(signs, parts[1::2], strict=True))


def image_count(count: int) -> int:
    """Check --generate_test_images. Raises UserError."""
    if count < 1:
        raise UserError(f"--generate_test_images must be at least 1, but is {count}.")
    return count


def steps(count: int) -> int:
    """Check --steps. Raises UserError."""
    if count < 2:
        raise UserError(f"--steps must be at least 2, but is {count}.")
    return count


def visualize_option(number: int) -> int:
    """Check --option. Raises UserError."""
    if number not in range(5):
        raise UserError(f"--option must be 0, 1, 2, 3 or 4, but is {number}.")
    return number


def classes(text: str, names: tuple[str, ...]) -> tuple[int, ...]:
    """Parse --class, such as "7", "0-9" or "cat,dog", as indices into the run's class names; blank means all classes.

    A number is an index, unless a class has a number as its name. Raises UserError.
    """
    if not names and text:
        raise UserError(f"The run has no classes, so --class must be left out, but is {text!r}.")
    found: list[int] = []
    for part in [part.strip() for part in text.split(",")] if text else []:
        first, dash, last = ("", "", "") if part in names else part.partition("-")
        ends = [_class_index(end.strip(), names) for end in ((first, last) if dash else (part,))]
        if ends[-1] < ends[0]:
            raise UserError(f"A range of --class goes from the lower to the higher class, but is {part!r}.")
        found.extend(range(ends[0], ends[-1] + 1))
    return tuple(found or range(len(names)))


def _class_index(part: str, names: tuple[str, ...]) -> int:
    if part in names:
        return names.index(part)
    if part.isdecimal() and int(part) < len(names) and not any(name.isdecimal() for name in names):
        return int(part)
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    raise UserError(f"The run has no class {part!r}; --class takes one or more of its classes, which are {listed}.")
