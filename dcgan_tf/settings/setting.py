"""One setting: its type, default, limits, lifecycle, and what --help says about it. One function checks each value."""

from __future__ import annotations

import enum
import math
import numbers
import operator
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_tf.system.errors import UserError

BOOLS = dict.fromkeys(("true", "t", "yes", "y", "1"), True) | dict.fromkeys(("false", "f", "no", "n", "0"), False)
LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "above": (operator.gt, "greater than"),
    "minimum": (operator.ge, "at least"),
    "below": (operator.lt, "less than"),
    "maximum": (operator.le, "at most"),
}


class Lifecycle(enum.Enum):
    """When a setting is decided, and when it can change."""

    # Fixed when a run begins. With a later command, it chooses the newest run that has this value. A training that
    # begins with the weights of the run has it, too.
    WEIGHTS = enum.auto()
    # The same, but a training that begins with the weights can have another value.
    RUN = enum.auto()
    # Can change when the run is resumed; other commands use the value saved with the run.
    RESUME = enum.auto()
    # Can be given with each command that uses the run.
    USE = enum.auto()
    # The same, and each worker of a training can have its own value.
    MACHINE = enum.auto()


class Trait(enum.Flag):
    """What else is special about a setting."""

    NONE = 0
    PATH = enum.auto()  # ~ and $VARIABLES in the value are replaced
    ORIGINAL = enum.auto()  # carpedm20/DCGAN-tensorflow has this flag, too


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value that a user can set, on the command line or from Python."""

    type: type  # bool, int, float or str
    default: Any  # None: the setting need not be given
    help: str
    group: str  # its heading in --help
    lifecycle: Lifecycle = Lifecycle.RESUME
    traits: Trait = Trait.NONE
    choices: tuple[Any, ...] = ()
    above: float | None = None  # allowed values are > above
    minimum: float | None = None  # and >= minimum
    below: float | None = None  # and < below
    maximum: float | None = None  # and <= maximum
    parse: Callable[[str, Any], Any] | None = None  # the name and text that is not blank -> what the text stands for

    def convert(self, name: str, value: Any) -> Any:
        """Return the value in the setting's type; text, as on the command line, stands for the value that it shows.

        Raises: UserError, which names the flag, unless the value is allowed.
        """
        if value is None and self.default is None:
            return None
        value = _CONVERTERS[self.type](name, value)
        if Trait.PATH in self.traits:
            value = os.path.expanduser(os.path.expandvars(value))
        if self.choices and value not in self.choices:
            raise wrong(name, f"one of {', '.join(str(choice) for choice in self.choices if choice != '')}", value)
        limits = {kind: getattr(self, kind) for kind in LIMITS if getattr(self, kind) is not None}
        if not all(LIMITS[kind][0](value, limit) for kind, limit in limits.items()):  # NaN passes none
            raise wrong(name, " and ".join(f"{LIMITS[kind][1]} {limit}" for kind, limit in limits.items()), value)
        if self.type is float and math.isinf(value) and self.default != value:
            raise wrong(name, "a finite number", value)
        if self.parse and value:
            value = self.parse(name, value)
        return value


def wrong(name: str, expected: str, value: Any) -> UserError:
    """Return the error for a value that is not what is expected."""
    return UserError(f"--{name} must be {expected}, but is {received(value)}.")


def received(value: Any) -> str:
    """Return a value as messages show it: numbers plainly, all else in quotes, and nothing at great length."""
    if isinstance(value, numbers.Number):
        return str(value)
    if isinstance(value, str):
        return repr(value[:200])
    return reprlib.repr(value)


def to_number(value: Any) -> float | None:
    """Return a number, or text that shows one, as an int if it is whole, else as a float; None for all else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    value = float(value)
    if value.is_integer():
        return int(value)
    return value


def as_text(value: Any) -> str | None:
    """Return what one would type: 0,5 for a list or another iterable, text as it is, None for what is no text."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        return ",".join(as_text(part) or "" for part in value)
    number = to_number(value)
    if number is None:
        return None
    return str(number)


def _to_bool(name: str, value: Any) -> bool:
    text = str(value).lower().removesuffix(".0")
    if text not in BOOLS:
        raise wrong(name, "true or false", value)
    return BOOLS[text]


def _to_int(name: str, value: Any) -> int:
    number = to_number(value)
    if isinstance(number, int):
        return number
    if number is not None:
        value = number
    raise wrong(name, "a whole number", value)


def _to_float(name: str, value: Any) -> float:
    number = to_number(value)
    if number is None:
        raise wrong(name, "a number", value)
    try:
        return float(number)
    except OverflowError as error:
        raise wrong(name, "a finite number", value) from error


def _to_text(name: str, value: Any) -> str:
    text = as_text(value)
    if text is None:
        raise wrong(name, "text", value)
    return text


_CONVERTERS = {bool: _to_bool, int: _to_int, float: _to_float, str: _to_text}
