"""Decode one image of any kind: turn it upright, crop it, and resize it to 8 bits, gray or RGB."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from dcgan_tf.config import Config
from dcgan_tf.errors import UserError, reason

Image.init()
# Not the formats that run other programs (EPS) or that Pillow recognizes by the file's extension only.
FORMATS = ("JPEG", "MPO", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000")
FORMATS = tuple(name for name in FORMATS if name in Image.OPEN)


def decode_image(data: Path | bytes | np.ndarray, config: Config) -> tuple[np.ndarray, tuple[int, int]]:
    """Decode an image, turn it upright, crop its centre if config.crop is set, and resize it with antialiasing.

    The crop's geometry is that of the original's center_crop (utils.py).

    Args:
      data: an image's file, its encoded bytes, or its uint8 pixels [H, W] or [H, W, 3].
      config: with input and output sizes; c_dim 1 for gray, else RGB.
    Returns: uint8 [output_height, output_width, C], and the image's own (height, width).
    Raises: UserError if the image is smaller than the crop, any of Pillow's exceptions if it cannot be decoded.
    """
    if isinstance(data, np.ndarray) and not config.crop and data.shape == (config.output_height, config.output_width):
        return data[..., None], data.shape  # nothing to do, for example for MNIST
    with _open(data) as image:
        width, height = image.size
        if image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):  # stored on its side
            width, height = height, width
        if not config.crop:  # lets the JPEG decoder reduce a large photo to a half, a quarter or an eighth
            image.draft(None, (2 * max(config.output_width, config.output_height),) * 2)
        ImageOps.exif_transpose(image, in_place=True)
        if config.crop:
            image = center_crop(image, config.input_height, config.input_width)
        image = _to_eight_bits(image, "L" if config.c_dim == 1 else "RGB")
    image = fit_image(image, config.output_width, config.output_height, config.fit)
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None], (height, width)


def read_image(path: Path, config: Config) -> np.ndarray:
    """Read one image file as for a training: uint8 [output_height, output_width, C]. Raises UserError."""
    try:
        return decode_image(path, config)[0]
    except UserError as error:
        raise UserError(f"The image {path} {error}") from error
    except Exception as error:  # decoders raise many kinds of exceptions for damaged files
        cause = "it is not an image" if isinstance(error, Image.UnidentifiedImageError) else reason(error)
        raise UserError(f"The image {path} cannot be read ({cause}); name the file of an image.") from error


def fit_image(image: Image.Image, width: int, height: int, fit: str) -> Image.Image:
    """Resize an image to width x height with antialiasing.

    Args:
      image: L or RGB.
      fit: stretch changes the shape of what is in the image; cover cuts off two sides, to keep the shape; pad adds a
        border in the mean colour of the image's edge.
    """
    if fit == "cover":
        return ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    if fit == "pad":
        pixels = np.asarray(image)
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        color = tuple(np.atleast_1d(np.rint(edge.mean(0))).astype(int).tolist())
        return ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR, color if len(color) > 1 else color[0])
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _open(data: Path | bytes | np.ndarray) -> Image.Image:
    if isinstance(data, np.ndarray):
        return Image.fromarray(data)
    if isinstance(data, bytes):
        return Image.open(io.BytesIO(data), formats=FORMATS)
    status = data.stat()
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would block
        raise OSError("it is not a regular file")
    if not status.st_size:
        raise OSError("it is empty")
    return Image.open(data, formats=FORMATS)


def center_crop(image: Image.Image, height: int, width: int) -> Image.Image:
    """Cut the centre, height x width pixels, out of an image.

    Raises: UserError if the image is smaller. Its sentence lacks the subject: the caller knows the image's name.
    """
    if image.height < height or image.width < width:
        raise UserError(
            f"is {image.width} wide and {image.height} high, too small for a --crop of --input_width {width} and"
            f" --input_height {height}; give smaller ones, leave --crop out, or remove the image."
        )
    top, left = int(round((image.height - height) / 2)), int(round((image.width - width) / 2))
    return image.crop((left, top, left + width, top + height))


def _to_eight_bits(image: Image.Image, mode: str) -> Image.Image:
    """Convert an image of any mode to RGB or L: scale 16 bits to 8, and put a white background behind transparency."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float32)
        image = Image.fromarray(np.rint(values.clip(0, 65535) / 257).astype(np.uint8))
    elif image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == mode else image.convert(mode)
