"""FLAGS.json: the settings of a run in its folder."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from pathlib import Path
from typing import Any

from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import atomic_write


def to_json(config: Config) -> str:
    """Return the text of FLAGS.json; JSON has no infinity, so an unlimited train_size is the string "inf"."""
    values = dataclasses.asdict(config)
    if math.isinf(config.train_size):
        values["train_size"] = "inf"
    return json.dumps(values, indent=1)


def save(path: Path, config: Config) -> None:
    """Write FLAGS.json."""
    with atomic_write(path) as temporary:
        temporary.write_text(to_json(config), encoding="utf-8")


def read(path: Path) -> Config:
    """Read FLAGS.json. Settings that it lacks take their default; unknown ones are ignored.

    Raises UserError if the file is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["train_size"] == "inf":
            values["train_size"] = math.inf
        values["class_names"] = tuple(map(str, values["class_names"]))
        known = [field for field in dataclasses.fields(Config) if field.name in values]
        return Config(**{field.name: _check_type(field.name, values[field.name]) for field in known})
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UserError) as error:
        reason = f"{type(error).__name__}: {error}".rstrip(".")
        raise UserError(
            f"{path} is damaged ({reason}); restore it, or train a new run, or name another with --out_name."
        ) from error


def _check_type(name: str, value: Any) -> Any:
    """Return the value if it has the type of that field of Config. Raises TypeError."""
    declared = typing.get_type_hints(Config)[name]
    if typing.get_origin(declared) is tuple:
        return value
    allowed = typing.get_args(declared) if isinstance(declared, types.UnionType) else (declared,)
    if float in allowed:
        allowed = (*allowed, int)
    if type(value) not in allowed:
        raise TypeError(f"{name} is {value!r}")
    return value
