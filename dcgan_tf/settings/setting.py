"""One setting: its type, default, limits, lifecycle, and what --help says about it. One function checks each value."""

from __future__ import annotations

import enum
import math
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from dcgan_tf.system.errors import UserError

BOOLS = dict.fromkeys(("true", "t", "yes", "y", "1"), True)
BOOLS |= dict.fromkeys(("false", "f", "no", "n", "0"), False)
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

    PATH = enum.auto()  # ~ and $VARIABLES in the value are replaced
    ORIGINAL = enum.auto()  # carpedm20/DCGAN-tensorflow has this flag, too


PATH, ORIGINAL = Trait


@dataclass(frozen=True)
class Setting:
    """A value that a user can set, on the command line or from Python."""

    group: str  # its heading in --help
    default: Any  # always allowed; None: the setting need not be given
    help: str
    lifecycle: Lifecycle = Lifecycle.RESUME
    traits: Trait = Trait(0)
    _: KW_ONLY
    kind_if_none: type = int
    choices: Sequence[Any] = ()
    minimum: float | None = None  # of a number without choices; None: it must be greater than 0
    below: float = math.inf
    parse: Callable[[str, Any], Any] | None = None  # the name and the text -> what the text stands for

    @property
    def kind(self) -> type:
        """The type of its values: bool, int, float or str."""
        if self.default is None:
            return self.kind_if_none
        return type(self.default)

    def convert(self, name: str, value: Any) -> Any:
        """Return the value in the setting's type; text, as on the command line, stands for the value that it shows.

        Args:
          name: of the flag, for the message of an error.
        Returns: what `parse` makes of it, if the setting has that; None if it need not be given, and is None.
        Raises: UserError, which names the flag, unless the value is allowed.
        """
        if value is None and self.default is None:
            return None
        found = _in_type(self.kind, value)
        if found is None:
            raise wrong(name, TYPES[self.kind], str(value))
        if PATH in self.traits:
            found = os.path.expanduser(os.path.expandvars(found))
            if re.match(r"[A-Za-z][\w+.-]+://", found) or "\0" in found:
                raise wrong(name, "a path on this computer", found)
        if found == self.default:
            return found
        limits = {}  # what it must be, and whether it is
        if self.choices:
            limits[f"one of {', '.join(map(str, self.choices))}"] = found in self.choices
        elif self.kind in (int, float):
            if self.minimum is None:
                limits["greater than 0"] = found > 0
            else:
                limits[f"at least {self.minimum}"] = found >= self.minimum
            if self.below < math.inf:
                limits[f"less than {self.below}"] = found < self.below
        if not all(limits.values()):  # NaN passes none
            raise wrong(name, " and ".join(limits), found)
        if self.parse:
            return self.parse(name, found)
        return found


def wrong(name: str, expected: str, value: Any) -> UserError:
    """Return the error for a value that is not what is expected.

    Args:
      name: of the flag, without --.
      expected: how the sentence goes on after "must be".
      value: what was given; its first 200 characters are shown.
    """
    return UserError(f"--{name} must be {expected}, but is {value!r:.200}.")


def as_text(value: Any) -> str:
    """Return what one would type, such as 0,5 for [0, 5]."""
    if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "shape", None) != ():
        return ",".join(map(str, value))
    return str(value)


def _in_type(kind: type, value: Any) -> Any:
    """Return a value in a type; None if it stands for none."""
    if value is None or (kind is str and isinstance(value, bool | bytes)):
        return None
    if kind is bool:
        return BOOLS.get(str(value).lower())
    if kind is str:
        return as_text(value)
    try:
        number = float(str(value))
    except ValueError:
        return None
    if kind is float or number.is_integer():
        return kind(number)
    return None
