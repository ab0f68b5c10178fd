"""FLAGS.json: the settings of a run in its folder."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

from dcgan_tf.settings.config import SETTINGS, Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import write_bytes

NAME = "FLAGS.json"


def to_json(config: Config) -> str:
    """Return the text of FLAGS.json; JSON has no infinity, so an unlimited train_size is the string "inf"."""
    values = dataclasses.asdict(config)
    if math.isinf(config.train_size):
        values["train_size"] = "inf"
    return json.dumps(values, indent=1)


def save(path: Path, config: Config) -> None:
    """Write FLAGS.json."""
    write_bytes(path, to_json(config).encode())


def read(path: Path) -> Config:
    """Read FLAGS.json. Settings that it lacks have their defaults, as in older versions; unknown ones are ignored.

    Raises: UserError if the file is damaged.
    """
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        missing = {"dataset", "train_size", "class_names"} - set(saved)
        if missing:
            raise ValueError(f"it has no {min(missing)}")
        if not isinstance(saved["class_names"], list):
            raise ValueError("class_names is not a list")
        known = {name: value for name, value in saved.items() if name in SETTINGS and value is not None}
        values = {name: SETTINGS[name].convert(name, value) for name, value in known.items()}
        return Config(**values, class_names=tuple(map(str, saved["class_names"])))
    except (OSError, ValueError, TypeError, RecursionError, UserError) as error:
        reason = f"{type(error).__name__}: {error}".rstrip(".")
        raise UserError(
            f"{path} is damaged ({reason}); restore it, or train a new run, or name another with --out_name."
        ) from error
