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
    """Return the arrays of the variables of both networks, by their names. Raises UserError.

    Args:
      path: as `prefix` returns it.
    """
    try:
        reader = tf.train.load_checkpoint(path)
        names = [
            name for name in reader.get_variable_to_shape_map() if name.startswith(("generator/", "discriminator/"))
        ]
        return {name: reader.get_tensor(name) for name in names}
    except UNREADABLE as error:
        raise UserError(
            f"No checkpoint can be read at {path} ({reason(error)}); give the path of the original's checkpoint without"
            " its extension, like checkpoint/mnist_64_28_28/DCGAN.model-1002."
        ) from error


def sizes(path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of Config that the shapes in a checkpoint determine. The classes get the names 0, 1, ...

    The shapes determine only the area of the images. They are square unless --output_height or --output_width is given.

    Args:
      path: as `prefix` returns it.
      given: the settings on the command line.
    Raises: UserError if it is not a checkpoint of the original, or a given setting contradicts it.
    """
    shapes = {name: array.shape for name, array in read(path).items()}
    try:
        if "generator/g_h1_lin/Matrix" in shapes:
            found, cells = _conditional(shapes)
            size = _image_size(cells, 4, given)
        else:
            found, cells = _unconditional(shapes)
            size = _image_size(cells, 16, given)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"The checkpoint {path} is not carpedm20/DCGAN-tensorflow's ({error} is missing or of another shape); give"
            " one that the original program wrote."
        ) from error
    found |= {"stages": "original"} | size
    for name, value in found.items():
        if given.get(name) is not None and given[name] != value:
            raise UserError(f"--{name} is {given[name]}, but the checkpoint {path} has {value}; leave it out.")
    return found


def _conditional(shapes: Shapes) -> tuple[dict[str, Any], int]:
    """Return the sizes of MNIST's networks, and the number of cells that the generator begins with."""
    _, _, twice_gf, with_labels = shapes["generator/g_h2/w"]
    y_dim = with_labels - twice_gf
    inputs, gfc_dim = shapes["generator/g_h0_lin/Matrix"]
    found = {
        "class_names": tuple(map(str, range(y_dim))),
        "z_dim": inputs - y_dim,
        "c_dim": shapes["generator/g_h3/w"][2],
        "gf_dim": twice_gf // 2,
        "df_dim": shapes["discriminator/d_h1_conv/w"][3] - y_dim,
        "gfc_dim": gfc_dim,
        "dfc_dim": shapes["discriminator/d_h2_lin/Matrix"][1],
    }
    return found, shapes["generator/g_h1_lin/Matrix"][1] // twice_gf


def _unconditional(shapes: Shapes) -> tuple[dict[str, Any], int]:
    """Return the sizes of the networks without labels, and the number of cells that the generator begins with."""
    _, _, c_dim, gf_dim = shapes["generator/g_h4/w"]
    z_dim, features = shapes["generator/g_h0_lin/Matrix"]
    df_dim = shapes["discriminator/d_h0_conv/w"][3]
    found = {"class_names": (), "z_dim": z_dim, "c_dim": c_dim, "gf_dim": gf_dim, "df_dim": df_dim}
    return found, features // (8 * gf_dim)


def _image_size(cells: int, cell: int, given: Mapping[str, Any]) -> dict[str, int]:
    """Return the image size. The generator begins with `cells` cells, and each grows to cell x cell pixels."""
    height = given.get("output_height")
    width = given.get("output_width")
    if height:
        rows = math.ceil(height / cell)
        columns = cells // rows
    elif width:
        columns = math.ceil(width / cell)
        rows = cells // columns
    else:
        rows = columns = math.isqrt(cells)
    found = {"output_height": height or rows * cell, "output_width": width or columns * cell}
    if rows * columns != cells or math.ceil(found["output_width"] / cell) != columns:
        wanted = "a square"
        if height or width:
            wanted = f"--output_height {height} and --output_width {width}"
        raise UserError(
            f"The generator in --checkpoint begins with {cells} cells of {cell} x {cell} pixels, which {wanted} does"
            " not give; use the --output_height and --output_width that it was trained with."
        )
    return found
