"""What a setting of `Config` says about itself: default, help, group, traits, and allowed values."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from typing import Any

from dcgan_tf.system.errors import UserError


class Trait(enum.Flag):
    """What is special about a setting.

    A setting without a trait can be given with --train and changed with --resume. Other commands use the value saved
    with the run.
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


@dataclass(frozen=True)
class Setting:
    """What a setting says about itself."""

    group: str  # its heading in --help
    help: str
    traits: Trait
    choices: tuple[Any, ...] = ()
    above: float | None = None  # allowed values are > above
    minimum: float | None = None  # and >= minimum
    below: float | None = None  # and < below

    def check(self, name: str, value: Any) -> None:
        """Raise UserError unless the value is allowed; None means "not given"."""
        if value is None:
            return
        if self.choices and value not in self.choices:
            raise UserError(f"--{name} must be one of {', '.join(map(str, self.choices))}, but is {value!r}.")
        limits = []
        if self.above is not None:
            limits.append((value > self.above, f"greater than {self.above}"))
        if self.minimum is not None:
            limits.append((value >= self.minimum, f"at least {self.minimum}"))
        if self.below is not None:
            limits.append((value < self.below, f"less than {self.below}"))
        if not all(passed for passed, _ in limits):  # NaN passes none
            raise UserError(f"--{name} must be {' and '.join(text for _, text in limits)}, but is {value}.")


def setting(group: str, default: Any, text: str, traits: Trait = Trait.NONE, **limits: Any) -> Any:
    """Return a field of Config that is also a flag; `limits` are choices, above, minimum, below."""
    return dataclasses.field(default=default, metadata={"setting": Setting(group, text, traits, **limits)})
