"""Pictures out of the networks: value range -> uint8, sheets, PNG files. NumPy and imageio, no TensorFlow."""

from __future__ import annotations

import math
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from dcgan_tf.runs import replaced


def to_uint8(images: np.ndarray, conditional: bool) -> np.ndarray:
    """Float pictures in [0, 1] (conditional) or [-1, 1] as uint8 0..255: each range exactly, no contrast stretched."""
    images = np.asarray(images, np.float64)
    return np.rint(255 * np.clip(images if conditional else (images + 1) / 2, 0, 1)).astype(np.uint8)


def sheet(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Lay pictures out row by row (the original's utils.py, merge).

    Args:
      images: uint8 [N, H, W, C], N of any size; places left over stay black.
      columns: pictures in a row; by default the sheet is a square, or a row short of it.
    Returns: uint8 [rows * H, columns * W, C].
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(count**0.5)
    rows = -(-count // columns)
    full = np.zeros((rows * columns, height, width, channels), np.uint8)
    full[:count] = images
    grid = full.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def save_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 [H, W, 1 or 3] as a PNG that is whole or not there."""
    encoded = iio.imwrite("<bytes>", image[..., 0] if image.shape[-1] == 1 else image, extension=".png")
    with replaced(path) as temporary:
        temporary.write_bytes(encoded)
