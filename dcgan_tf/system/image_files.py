"""Sheets, PNG and GIF files from uint8 images. NumPy, Pillow and imageio only, no TensorFlow."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image

from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import atomic_write, write_bytes

MAX_PIXELS = 80_000_000  # in one sheet, or in all frames of a GIF; image viewers, and Pillow too, refuse larger images
MIN_FRAME_MILLISECONDS = 20  # viewers slow down GIFs that are faster


def sheet(images: np.ndarray, columns: int = 0) -> np.ndarray:
    """Arrange images row by row (as merge in utils.py of the original).

    Args:
      images: uint8 [N, H, W, C], with any N; cells without an image stay black.
      columns: images in a row; by default (0), ceil(sqrt(N)).
    Returns: uint8 [rows * H, columns * W, C].
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(count**0.5)
    rows = math.ceil(count / columns)
    cells = np.zeros((rows, columns, height, width, channels), np.uint8)
    cells.reshape(-1, height, width, channels)[:count] = images
    return cells.swapaxes(1, 2).reshape(rows * height, columns * width, channels)


def check_size(rows: int, columns: int, height: int, width: int) -> None:
    """Raise UserError if a sheet or GIF of rows x columns images has more than MAX_PIXELS pixels.

    Args:
      rows, columns: of images; for a GIF, frames and images in a frame.
      height, width: of one image, in pixels.
    """
    if rows * height * columns * width > MAX_PIXELS:
        raise UserError(
            f"A sheet or GIF of {rows} x {columns} images, each {height} high and {width} wide, is larger than"
            f" {MAX_PIXELS:,} pixels; ask for fewer images, or for single files with --generate_test_images."
        )


def save_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 [H, W, 1 or 3] as a PNG file. If this is interrupted, there is no incomplete file."""
    write_bytes(path, png(image))


def png(image: np.ndarray) -> bytes:
    """Return uint8 [H, W, 1 or 3] as the content of a PNG file."""
    content = io.BytesIO()
    Image.fromarray(_drop_gray_axis(image)).save(content, "PNG")  # for small files, imageio takes three times as long
    return content.getvalue()


def save_gif(path: Path, frames: Sequence[np.ndarray], seconds: float) -> None:
    """Write frames, each uint8 [H, W, 1 or 3], as a GIF that repeats without end (utils.py of the original, make_gif).

    Args:
      seconds: duration of one repetition; many frames take longer, at MIN_FRAME_MILLISECONDS each.
    """
    milliseconds = max(MIN_FRAME_MILLISECONDS, round(1000 * seconds / len(frames)))
    images = [_drop_gray_axis(frame) for frame in frames]
    with atomic_write(path) as temporary:  # not optimized, because Pillow 13 cannot read its own optimized gray frames
        iio.imwrite(temporary, images, plugin="pillow", duration=milliseconds, loop=0, optimize=False)


def save_mp4(path: Path, frames: Sequence[np.ndarray], seconds: float) -> None:
    """Write frames, each uint8 [H, W, 1 or 3], as an MP4 file of that duration. Needs imageio-ffmpeg.

    Odd heights and widths, which the codec does not take, lose one row or column.
    """
    video = np.stack(frames)
    _, height, width, channels = video.shape
    video = np.repeat(video[:, : height // 2 * 2, : width // 2 * 2], 3 // channels, axis=3)
    with atomic_write(path) as temporary:
        iio.imwrite(temporary, video, plugin="FFMPEG", fps=len(frames) / seconds, macro_block_size=2)


def save_array(path: Path, array: np.ndarray) -> None:
    """Write an array as an .npy file. If this is interrupted, there is no incomplete file."""
    with atomic_write(path) as temporary:
        np.save(temporary, array)


def _drop_gray_axis(image: np.ndarray) -> np.ndarray:
    """Return [H, W, 1] as [H, W], and [H, W, 3] unchanged."""
    if image.shape[-1] == 1:
        return image[..., 0]
    return image
