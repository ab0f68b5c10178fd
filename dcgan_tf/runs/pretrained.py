"""Trained runs that come with the package: the files of one, and how its weights are read.

Each has a folder: generator.npz with float16 weights, maybe discriminator.npz, FLAGS.json, metrics.json, and about.json
with the digests of the weights, the command that trained them, and the licence of the data.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, reason

if TYPE_CHECKING:
    import keras

FOLDER = Path(__file__).parents[1] / "pretrained"


def find(name: str) -> Path:
    """Return the folder of the pretrained run of that data set. Raises UserError."""
    names = sorted(file.parent.name for file in FOLDER.glob("*/about.json"))
    if name not in names:
        raise UserError(f"There is no pretrained run of the data set {name!r}; there are {', '.join(names)}.")
    return FOLDER / name


def config(folder: Path) -> Config:
    """Return the settings that the run was trained with. Raises UserError if they are damaged."""
    return flags_json.read(folder / flags_json.NAME)


def read_about(folder: Path) -> dict[str, Any]:
    """Return about.json: iteration, command, data, licence, and sha256, the digests of the files of weights.

    Raises: UserError if it is damaged.
    """
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        return about | {"iteration": int(about["iteration"]), "sha256": dict(about["sha256"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder / "about.json", error) from error


def has_discriminator(folder: Path) -> bool:
    """Return whether the pretrained run has the discriminator, too."""
    return "discriminator.npz" in read_about(folder)["sha256"]


def load(folder: Path, *networks: keras.Model) -> tuple[str, int]:
    """Load the weights of a pretrained run into its networks. Returns the path of its folder, and its iteration.

    Raises: UserError if a file is damaged.
    """
    import numpy as np

    about = read_about(folder)
    for network in networks:
        path = folder / f"{network.name}.npz"
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != about["sha256"][path.name]:
                raise ValueError("its digest is wrong")
            with np.load(io.BytesIO(content)) as arrays:
                for variable in network.variables:
                    variable.assign(arrays[variable.path].astype(np.float32))
        except (OSError, ValueError, KeyError) as error:
            raise damaged(path, error) from error
    return str(folder), about["iteration"]


def damaged(path: Path, error: Exception) -> UserError:
    """Return the error for a file of a pretrained run that cannot be used."""
    return UserError(f"The pretrained file {path} is damaged ({reason(error)}); install dcgan_tf again.")
