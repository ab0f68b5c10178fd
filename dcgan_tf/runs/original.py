"""Checkpoints of the original program (TensorFlow 1): read the sizes from the shapes, and the weights by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from dcgan_tf.runs.checkpoint_files import iteration_in
from dcgan_tf.runs.weights import original_prefix
from dcgan_tf.system.errors import UserError


def prefix(path: str) -> str:
    """Return a checkpoint's path as TensorFlow expects it (model.b64-1000), also from its folder or a file."""
    newest = None
    if Path(path).is_dir():
        newest = tf.train.latest_checkpoint(path)
    return newest or original_prefix(path)


def read(path: str) -> tf.train.CheckpointReader:
    """Open a checkpoint. Raises UserError."""
    try:
        return tf.train.load_checkpoint(prefix(path))
    except (ValueError, tf.errors.OpError, RuntimeError) as error:
        raise UserError(
            f"No checkpoint can be read at {path} ({str(error).strip().splitlines()[0].rstrip('.')}); give the path of"
            " the original's checkpoint without its extension, like checkpoint/mnist_64_28_28/DCGAN.model-1002."
        ) from error


def sizes(path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of Config that the shapes in a checkpoint determine. The classes get the names 0, 1, ...

    The shapes determine only the area of the images. They are square unless --output_height or --output_width is given.

    Args:
      path: as in `read`.
      given: the settings on the command line.
    Raises: UserError if it is not a checkpoint of the original, or a given setting contradicts it.
    """
    shapes = read(path).get_variable_to_shape_map()
    try:
        found = _conditional(shapes) if "generator/g_h1_lin/Matrix" in shapes else _unconditional(shapes)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"The checkpoint {path} is not carpedm20/DCGAN-tensorflow's ({error} is missing or of another shape); give"
            " one that the original program wrote."
        ) from error
    found["stages"] = "original"
    cell = 16
    if found["class_names"]:
        cell = 4
    found |= _image_size(found.pop("cells"), cell, given)
    for name, value in found.items():
        if given.get(name) is not None and given[name] != value:
            raise UserError(f"--{name} is {given[name]}, but the checkpoint {path} has {value}; leave it out.")
    return found


def _conditional(shapes: dict[str, list[int]]) -> dict[str, Any]:
    _, _, twice_gf, inputs = shapes["generator/g_h2/w"]
    y_dim = inputs - twice_gf
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


def _unconditional(shapes: dict[str, list[int]]) -> dict[str, Any]:
    _, _, c_dim, gf_dim = shapes["generator/g_h4/w"]
    z_dim, features = shapes["generator/g_h0_lin/Matrix"]
    df_dim = shapes["discriminator/d_h0_conv/w"][3]
    cells = features // (8 * gf_dim)
    return {"class_names": (), "z_dim": z_dim, "c_dim": c_dim, "gf_dim": gf_dim, "df_dim": df_dim, "cells": cells}


def _image_size(cells: int, cell: int, given: Mapping[str, Any]) -> dict[str, int]:
    """Return the image size. The generator starts with `cells` cells, and each grows to cell x cell pixels."""
    height = given.get("output_height")
    width = given.get("output_width")
    if height:
        rows = math.ceil(height / cell)
    elif width:
        rows = cells // math.ceil(width / cell)
    else:
        rows = math.isqrt(cells)  # a square
    if width:
        columns = math.ceil(width / cell)
    else:
        columns = cells // max(rows, 1)
    is_square = height or width or rows == columns
    if rows * columns != cells or not is_square:
        size = "a square"
        if height or width:
            size = f"--output_height {height} and --output_width {width}"
        raise UserError(
            f"The generator in --checkpoint begins with {cells} cells of {cell} x {cell} pixels, which {size} does not"
            " give; use the --output_height and --output_width that it was trained with."
        )
    return {"output_height": height or rows * cell, "output_width": width or columns * cell}


def load(path: str, *networks: keras.Model) -> tuple[str, int | None]:
    """Load all variables of the networks, by the original's names. Returns the checkpoint's path and iteration.

    Raises: UserError if a variable is missing or of another shape.
    """
    reader = read(path)
    shapes = reader.get_variable_to_shape_map()
    variables = [variable for network in networks for variable in network.variables]
    for variable in variables:
        if shapes.get(variable.path) != list(variable.shape):
            raise UserError(
                f"The checkpoint {path} should hold {variable.path} of shape {list(variable.shape)}, but has"
                f" {shapes.get(variable.path, 'none')}; give one that carpedm20/DCGAN-tensorflow wrote."
            )
    for variable in variables:
        variable.assign(reader.get_tensor(variable.path))
    return prefix(path), iteration_in(prefix(path))
