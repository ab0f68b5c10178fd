"""Checkpoints of the original program (TensorFlow 1): their variables, and the sizes that the shapes tell."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan_tf.runs.checkpoint import UNREADABLE
from dcgan_tf.system.errors import UserError, reason

Shapes = Mapping[str, tuple[int, ...]]


def prefix(path: str) -> str:
    """Return a checkpoint's path as TensorFlow expects it (model.b64-1000), also from its folder or a file."""
    newest = None
    if Path(path).is_dir():
        newest = tf.train.latest_checkpoint(path)
    return newest or re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path)


def read(path: str) -> dict[str, np.ndarray]:
    """Return the arrays of all variables, by their names. Raises UserError.

    Args:
      path: as `prefix` returns it.
    """
    try:
        reader = tf.train.load_checkpoint(path)
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    except UNREADABLE as error:
        raise UserError(
            f"No checkpoint can be read at {path} ({reason(error)}); give the path of the original's checkpoint without"
            " its extension, like checkpoint/mnist_64_28_28/DCGAN.model-1002."
        ) from error


def sizes(path: str, height: int | None, width: int | None) -> dict[str, Any]:
    """Return the settings of Config that the shapes in a checkpoint determine. The classes get the names 0, 1, ...

    Args:
      path: as `prefix` returns it.
      height, width: of the images, whose area alone the shapes determine; None: they are square.
    Raises: UserError if it is not a checkpoint of the original, or of images of another size.
    """
    shapes = {name: np.shape(array) for name, array in read(path).items()}
    try:
        if "generator/g_h1_lin/Matrix" in shapes:
            found = _conditional(shapes)
            cell = 4
        else:
            found = _unconditional(shapes)
            cell = 16
    except (KeyError, ValueError) as error:
        raise UserError(
            f"The checkpoint {path} is not carpedm20/DCGAN-tensorflow's ({error} is missing or of another shape); give"
            " one that the original program wrote."
        ) from error
    cells = found.pop("cells")  # that the generator begins with; each grows to cell x cell pixels
    side = math.isqrt(cells) * cell
    height = height or side
    width = width or side
    if math.ceil(height / cell) * math.ceil(width / cell) != cells:
        raise UserError(
            f"The generator in --checkpoint begins with {cells} cells of {cell} x {cell} pixels, which do not make"
            f" {height} x {width} pixels; give the --output_height and the --output_width that it was trained with."
        )
    return {"stages": "original", "output_height": height, "output_width": width, **found}


def _conditional(shapes: Shapes) -> dict[str, Any]:
    _, _, twice_gf, with_labels = shapes["generator/g_h2/w"]
    y_dim = with_labels - twice_gf
    return {
        "class_names": tuple(map(str, range(y_dim))),
        "z_dim": shapes["generator/g_h0_lin/Matrix"][0] - y_dim,
        "c_dim": shapes["generator/g_h3/w"][2],
        "gf_dim": twice_gf // 2,
        "df_dim": shapes["discriminator/d_h1_conv/w"][3] - y_dim,
        "gfc_dim": shapes["generator/g_h0_lin/Matrix"][1],
        "dfc_dim": shapes["discriminator/d_h2_lin/Matrix"][1],
        "cells": shapes["generator/g_h1_lin/Matrix"][1] // twice_gf,
    }


def _unconditional(shapes: Shapes) -> dict[str, Any]:
    _, _, c_dim, gf_dim = shapes["generator/g_h4/w"]
    z_dim, features = shapes["generator/g_h0_lin/Matrix"]
    df_dim = shapes["discriminator/d_h0_conv/w"][3]
    cells = features // (8 * gf_dim)
    return {"class_names": (), "z_dim": z_dim, "c_dim": c_dim, "gf_dim": gf_dim, "df_dim": df_dim, "cells": cells}
