"""One setting: its type, default, limits, lifecycle, and what --help says about it. One function checks each value."""

from __future__ import annotations

import enum
import math
import numbers
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_tf.system.errors import UserError

BOOLS = dict.fromkeys(("true", "t", "yes", "y", "1"), True) | dict.fromkeys(("false", "f", "no", "n", "0"), False)
TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


class Lifecycle(enum.Enum):
    """When a setting is decided. What is fixed also chooses the newest run that has this value."""

    WEIGHTS = "fixed when a run begins, also by the weights that a training begins with"
    RUN = "fixed when a run begins"
    RESUME = "can change when a run is resumed; other commands use the value saved with the run"
    USE = "can be given with each command that uses a run"
    MACHINE = "the same, and each worker of a training can have its own value"


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
    minimum: float | None = None  # of a number without choices; None: it must be greater than 0
    maximum: float = math.inf
    below: float = math.inf
    parse: Callable[[str, Any], Any] | None = None  # the name and text that is not blank -> what the text stands for

    def convert(self, name: str, value: Any) -> Any:
        """Return the value in the setting's type; text, as on the command line, stands for the value that it shows.

        Raises: UserError, which names the flag, unless the value is allowed.
        """
        if value is None and self.default is None:
            return None
        found = _in_type(self.type, value)
        if found is None:
            number = to_number(value)
            if number is not None:
                value = number
            raise wrong(name, TYPES[self.type], value)
        if Trait.PATH in self.traits:
            found = os.path.expanduser(os.path.expandvars(found))
        if self.choices:
            if found not in self.choices:
                raise wrong(name, f"one of {', '.join(str(choice) for choice in self.choices if choice != '')}", found)
        elif self.type in (int, float):
            self._check_limits(name, found)
        if self.parse and found:
            return self.parse(name, found)
        return found

    def _check_limits(self, name: str, value: float) -> None:
        limits = {"greater than 0": value > 0}
        if self.minimum is not None:
            limits = {f"at least {self.minimum}": value >= self.minimum}
        if self.below < math.inf:
            limits[f"less than {self.below}"] = value < self.below
        if self.maximum < math.inf:
            limits[f"at most {self.maximum}"] = value <= self.maximum
        if not all(limits.values()):  # NaN passes none
            raise wrong(name, " and ".join(limits), value)
        if math.isinf(value) and self.default != value:
            raise wrong(name, "a finite number", value)


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


def _in_type(kind: type, value: Any) -> Any:
    """Return a value in a type; None if it stands for none."""
    if kind is bool:
        return BOOLS.get(str(value).lower().removesuffix(".0"))
    if kind is str:
        return as_text(value)
    number = to_number(value)
    if kind is float and number is not None:
        return float(str(number))  # unlike float(number), it takes any int
    if kind is int and not isinstance(number, int):
        return None
    return number
