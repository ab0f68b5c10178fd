"""Pictures out of the networks: value range -> uint8, sheets, PNG and GIF files. NumPy and imageio, no TensorFlow."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image

from dcgan_tf.errors import UserError
from dcgan_tf.files import atomic_write

MAX_SHEET_PIXELS = 80_000_000  # in one sheet: picture viewers and Pillow itself refuse more


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


def check_sheet(rows: int, columns: int, height: int, width: int) -> None:
    """Raises UserError if a sheet of rows x columns pictures is too large to be looked at."""
    if rows * height * columns * width > MAX_SHEET_PIXELS:
        raise UserError(
            f"A sheet of {rows} x {columns} pictures, {height} high and {width} wide each, is larger than"
            f" {MAX_SHEET_PIXELS:,} pixels; ask for fewer pictures, or for single files with --generate_test_images."
        )


def save_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 [H, W, 1 or 3] as a PNG that is whole or not there."""
    # Through memory, and by Pillow itself: a third of imageio's time where a thousand small files are wanted.
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def save_gif(path: Path, frames: Sequence[np.ndarray], seconds: float) -> None:
    """Write frames, uint8 [H, W, 1 or 3] each, as an endless GIF that takes so many seconds (utils.py, make_gif)."""
    milliseconds = max(20, round(1000 * seconds / len(frames)))  # viewers slow down what is faster than that
    frames = [frame[..., 0] if frame.shape[-1] == 1 else frame for frame in frames]
    # Not optimized: Pillow 13 cannot read back gray frames whose palettes it has shortened.
    options = {"duration": milliseconds, "loop": 0, "optimize": False}
    encoded = iio.imwrite("<bytes>", frames, extension=".gif", plugin="pillow", **options)
    with atomic_write(path) as temporary:
        temporary.write_bytes(encoded)


def append_reversed(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The frames, and then the same in reverse."""
    return [*frames, *reversed(frames)]
