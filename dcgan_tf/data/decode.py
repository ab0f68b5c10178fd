"""Decode one image of any kind: turn it upright, crop it, and resize it to 8 bits, gray or RGB."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageOps

from dcgan_tf.data import formats, heif
from dcgan_tf.data.image_spec import ImageSpec
from dcgan_tf.system.errors import UserError, reason

TURN = Image.Transpose
TURNS = {  # Exif's orientation -> what turns the image upright
    2: TURN.FLIP_LEFT_RIGHT,
    3: TURN.ROTATE_180,
    4: TURN.FLIP_TOP_BOTTOM,
    5: TURN.TRANSPOSE,
    6: TURN.ROTATE_270,
    7: TURN.TRANSVERSE,
    8: TURN.ROTATE_90,
}
ON_ITS_SIDE = (TURN.TRANSPOSE, TURN.ROTATE_270, TURN.TRANSVERSE, TURN.ROTATE_90)


class TooSmallError(UserError):
    """An image is smaller than the crop. Its sentence lacks the subject: the caller knows the image's name."""

    def __init__(self, height: int, width: int, crop: tuple[int, int]):
        self.height = height
        self.width = width
        self.crop = crop
        super().__init__(
            f"is {width} wide and {height} high, too small for a --crop of --input_width {crop[1]} and --input_height"
            f" {crop[0]}; give smaller ones, leave --crop out, or remove the image."
        )


def decode_image(data: Path | bytes | np.ndarray, spec: ImageSpec) -> tuple[np.ndarray, tuple[int, int]]:
    """Decode an image, turn it upright, cut out its centre if spec.crop is set, and resize it with antialiasing.

    Args:
      data: an image's file, its encoded bytes, or its uint8 pixels [H, W] or [H, W, 3].
      spec: what to make of it; without channels, RGB.
    Returns: uint8 [spec.height, spec.width, C], and the image's own (height, width).
    Raises: TooSmallError if the image is smaller than the crop, any of Pillow's exceptions if it cannot be decoded.
    """
    if isinstance(data, np.ndarray):
        if data.shape == (spec.height, spec.width) and not spec.crop:
            return data[..., None], (spec.height, spec.width)  # nothing to do, for example for MNIST
        image, size = _crop(data, spec)
    else:
        image, size = _decode_upright(data, spec)
    mode = "L" if spec.channels == 1 else "RGB"
    image = fit_image(_to_eight_bits(image, mode), spec.width, spec.height, spec.fit)
    return np.asarray(image).reshape(spec.height, spec.width, -1), size


def read_image(path: Path, spec: ImageSpec) -> np.ndarray:
    """Read one image file as for a training: uint8 [spec.height, spec.width, C]. Raises UserError."""
    try:
        return decode_image(path, spec)[0]
    except TooSmallError as error:
        raise UserError(
            f"The image {path} is {error.width} wide and {error.height} high, but the run was trained on the centres of"
            f" images, {error.crop[1]} wide and {error.crop[0]} high; give a larger image."
        ) from error
    except UserError as error:
        raise UserError(f"The image {path} {error}") from error
    except Exception as error:  # decoders raise many kinds of exceptions for damaged files
        raise UserError(
            f"The image {path} cannot be read ({why_unreadable(error)}); name the file of an image."
        ) from error


def why_unreadable(error: Exception) -> str:
    """Return why an image cannot be decoded, as a part of a sentence."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is not an image"
    return reason(error)


def _decode_upright(data: bytes | Path, spec: ImageSpec) -> tuple[Image.Image, tuple[int, int]]:
    """Decode an encoded image, turn it upright and crop it. Returns: it, and (height, width) before the crop."""
    if isinstance(data, Path):
        data = formats.read(data)
    pixels = _plain_jpeg(data, spec)
    if pixels is not None:
        return _crop(pixels, spec)
    stream = data if isinstance(data, Path) else io.BytesIO(formats.without_metadata(data))
    with formats.open_image(stream, heif.is_heif(data)) as image:
        width, height = image.size
        if _is_too_large(height, width):
            raise Image.DecompressionBombError(f"it has {height * width:,} pixels, too many")
        if not spec.crop:  # lets the JPEG decoder reduce a large photo to a half, a quarter or an eighth
            side = 2 * max(spec.height, spec.width)
            image.draft(None, (side, side))
        image.load()
        upright: Image.Image = image
        turn = TURNS.get(_orientation(image))  # after load, which itself turns a TIFF image
        if turn is not None:
            upright = image.transpose(turn)
        if turn in ON_ITS_SIDE:
            width, height = height, width
        if spec.crop:
            upright = upright.crop(center_window(height, width, *spec.crop))
        return upright, (height, width)


def _orientation(image: Image.Image) -> int:
    """Return how an image is stored, a number of Exif: 1 is upright, and so is an image with damaged Exif data."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow raises many kinds of exceptions for damaged data
        return 1


def _crop(pixels: np.ndarray, spec: ImageSpec) -> tuple[Image.Image, tuple[int, int]]:
    """Crop uint8 pixels [H, W] or [H, W, 3]. Returns: an image, and (height, width) before the crop."""
    height, width = pixels.shape[:2]
    if spec.crop:
        left, top, right, bottom = center_window(height, width, *spec.crop)
        pixels = pixels[top:bottom, left:right]
    return Image.fromarray(pixels), (height, width)


def _is_too_large(height: int, width: int) -> bool:
    """Return whether the image may be a decompression bomb, which Pillow only warns of up to twice its limit."""
    return Image.MAX_IMAGE_PIXELS is not None and height * width > Image.MAX_IMAGE_PIXELS


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
        color = np.rint(edge.mean(0)).astype(int).tolist()  # a number if the image is gray
        if isinstance(color, list):
            color = tuple(color)
        return ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR, color)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _plain_jpeg(data: bytes | Path, spec: ImageSpec) -> np.ndarray | None:
    """Decode an undamaged, upright JPEG file in colour; the pixels are those of Pillow, which takes longer.

    Returns: uint8 [H, W, 3], or None for any other file, or if Pillow should reduce the image while it decodes.
    """
    if isinstance(data, Path) or not data.startswith(b"\xff\xd8\xff") or b"Exif\0" in data or b"Orientation" in data:
        return None
    try:
        header = simplejpeg.decode_jpeg_header(data)
        height = int(header[0])
        width = int(header[1])
        reduced = not spec.crop and min(height, width) >= 4 * max(spec.height, spec.width)
        if header[2] != "YCbCr" or reduced or _is_too_large(height, width):
            return None
        return simplejpeg.decode_jpeg(data)
    except ValueError:  # damaged
        return None


def center_window(height: int, width: int, crop_height: int, crop_width: int) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of the centre, crop_height x crop_width pixels, of an image.

    The geometry is that of the original's center_crop (utils.py).

    Raises: TooSmallError if the image is smaller.
    """
    if height < crop_height or width < crop_width:
        raise TooSmallError(height, width, (crop_height, crop_width))
    top = int(round((height - crop_height) / 2))
    left = int(round((width - crop_width) / 2))
    return left, top, left + crop_width, top + crop_height


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
    if image.mode == mode:
        return image
    return image.convert(mode)
