"""Checkpoints of the original program (TensorFlow 1): their variables, and the sizes that the shapes tell."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcgan_tf.runs.checkpoint import UNREADABLE, read_networks
from dcgan_tf.runs.run import Content, iteration_in
from dcgan_tf.runs.weights import Weights
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, reason

ENDING = r"\.(index|meta|data-\d+-of-\d+)$"  # of a checkpoint's files; TensorFlow 0.11 wrote one without, too


def of_original(path: str, given: Mapping[str, Any]) -> Weights:
    """Return a checkpoint of the original program.

    Args:
      path: of one of its files, with or without extension, or of its folder.
      given: the settings that the user gave, for what the shapes do not say.
    Raises: UserError if there is none.
    """
    if Path(path).is_dir():
        path = str(newest(Path(path)))
    path = re.sub(ENDING, "", path)
    _, arrays = read(path)
    try:
        side, found = sizes({name: array.shape for name, array in arrays.items()})
    except (KeyError, ValueError) as error:
        raise UserError(
            f"The checkpoint {path} is not carpedm20/DCGAN-tensorflow's ({error} is missing or of another shape); give"
            " one that the original program wrote."
        ) from error
    others = {name: value for name, value in given.items() if value is not None}
    config = Config(**{"output_height": side, "output_width": side} | others | found)
    return Weights(Path(path).name, config, functools.partial(read, path), knows_data=False)


def newest(folder: Path) -> Path:
    """Return the path of the checkpoint of the last iteration in a folder, which need not exist."""
    names = sorted(re.sub(ENDING, "", file.name) for file in folder.glob("*-*"))
    return folder / max(names, key=lambda name: iteration_in(name) or 0, default="")


def read(path: str) -> Content:
    """Return where the variables are, and their arrays by their names. Raises UserError.

    Args:
      path: as TensorFlow expects it: model.b64-1000.
    """
    try:
        return read_networks(path, suffix="")
    except UNREADABLE as error:
        raise UserError(
            f"No checkpoint can be read at {path} ({reason(error)}); give the path of one of the original's, like"
            " checkpoint/mnist_64_28_28/DCGAN.model-1002, or its folder, with all of its files, .index and .data-*."
        ) from error


def sizes(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, dict[str, Any]]:
    """Return the height of the images, if they are square, and the settings that the shapes determine.

    The classes get the names 0, 1, ... The shapes are those of model.py of the original.

    Raises: KeyError or ValueError if they are not those of the original's networks.
    """
    z_dim, units = shapes["generator/g_h0_lin/Matrix"]
    found: dict[str, Any] = {"stages": "original", "conditional": False, "class_names": ()}
    if "generator/g_h1_lin/Matrix" in shapes:  # MNIST's networks
        _, _, twice_gf, with_labels = shapes["generator/g_h2/w"]
        y_dim = with_labels - twice_gf
        found |= {
            "conditional": True,
            "class_names": tuple(map(str, range(y_dim))),
            "z_dim": z_dim - y_dim,
            "c_dim": shapes["generator/g_h3/w"][2],
            "gf_dim": twice_gf // 2,
            "df_dim": shapes["discriminator/d_h1_conv/w"][3] - y_dim,
            "gfc_dim": units,
            "dfc_dim": shapes["discriminator/d_h2_lin/Matrix"][1],
        }
        cells = shapes["generator/g_h1_lin/Matrix"][1] // twice_gf  # that the generator begins with
        return 4 * math.isqrt(cells), found  # each grows to 4 x 4 pixels
    _, _, c_dim, gf_dim = shapes["generator/g_h4/w"]
    found |= {"z_dim": z_dim, "c_dim": c_dim, "gf_dim": gf_dim, "df_dim": shapes["discriminator/d_h0_conv/w"][3]}
    return 16 * math.isqrt(units // (8 * gf_dim)), found
