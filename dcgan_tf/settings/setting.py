"""One setting: its type, default and limits, and what --help says about it. One function checks every value."""

from __future__ import annotations

import enum
import math
import numbers
import os
import reprlib
from dataclasses import dataclass
from typing import Any

from dcgan_tf.system.errors import UserError

TRUE = ("true", "t", "yes", "y", "1")
FALSE = ("false", "f", "no", "n", "0")


class Trait(enum.Flag):
    """What is special about a setting.

    A setting without ARCHITECTURE, OVERRIDE and MACHINE can be given with --train and changed with --resume. Other
    commands use the value saved with the run.
    """

    NONE = 0
    # Fixed when the run begins. With a later command, it chooses the newest run that has this value.
    ARCHITECTURE = enum.auto()
    # Can also be given with a command that uses a run.
    OVERRIDE = enum.auto()
    # Depends on the machine: can be given again, like OVERRIDE, and each worker of a training can have its own value.
    MACHINE = enum.auto()
    # ~ and $VARIABLES in the value are replaced.
    PATH = enum.auto()
    # carpedm20/DCGAN-tensorflow has this flag, too.
    ORIGINAL = enum.auto()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value that a user can set, on the command line or from Python."""

    type: type  # bool, int, float or str
    default: Any  # None: the setting need not be given
    help: str
    group: str  # its heading in --help
    traits: Trait = Trait.NONE
    choices: tuple[Any, ...] = ()
    above: float | None = None  # allowed values are > above
    minimum: float | None = None  # and >= minimum
    below: float | None = None  # and < below
    maximum: float | None = None  # and <= maximum

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
            allowed = ", ".join(str(choice) for choice in self.choices if choice != "")
            raise UserError(f"--{name} must be one of {allowed}, but is {received(value)}.")
        self._check_limits(name, value)
        if self.type is float and math.isinf(value) and self.default != value:
            raise UserError(f"--{name} must be a finite number, but is {received(value)}.")
        return value

    def _check_limits(self, name: str, value: Any) -> None:
        limits = []
        if self.above is not None:
            limits.append((value > self.above, f"greater than {self.above}"))
        if self.minimum is not None:
            limits.append((value >= self.minimum, f"at least {self.minimum}"))
        if self.below is not None:
            limits.append((value < self.below, f"less than {self.below}"))
        if self.maximum is not None:
            limits.append((value <= self.maximum, f"at most {self.maximum}"))
        if not all(passed for passed, _ in limits):  # NaN passes none
            raise UserError(f"--{name} must be {' and '.join(text for _, text in limits)}, but is {received(value)}.")


def received(value: Any) -> str:
    """Return a value as messages show it: numbers plainly, all else in quotes, and nothing at great length."""
    if isinstance(value, numbers.Number):
        return str(value)
    return reprlib.repr(value) if not isinstance(value, str) else repr(value[:200])


def to_number(value: Any) -> float | None:
    """Return a number, or text that shows one, as an int if it is whole, else as a float; None for all else."""
    if isinstance(value, str):
        value = _number_in(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    value = float(value)
    return int(value) if value.is_integer() else value


def _number_in(text: str) -> float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None


def _to_bool(name: str, value: Any) -> bool:
    text = str(value).lower().removesuffix(".0")
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise UserError(f"--{name} must be true or false, but is {received(value)}.")


def _to_int(name: str, value: Any) -> int:
    number = to_number(value)
    if not isinstance(number, int):
        value = value if number is None else number
        raise UserError(f"--{name} must be a whole number, but is {received(value)}.")
    return number


def _to_float(name: str, value: Any) -> float:
    number = to_number(value)
    if number is None:
        raise UserError(f"--{name} must be a number, but is {received(value)}.")
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _to_text(name: str, value: Any) -> str:
    """Return text; a number, or a list of numbers and texts, stands for what one would type, such as 2,10."""
    if isinstance(value, list | tuple):
        return ",".join(_to_text(name, part) for part in value)
    number = to_number(value)
    if number is not None and not isinstance(value, str):
        return str(number)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise UserError(f"--{name} must be text, but is {received(value)}.")
    return value


_CONVERTERS = {bool: _to_bool, int: _to_int, float: _to_float, str: _to_text}
