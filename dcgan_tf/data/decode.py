"""Decode one image of any kind: turn it upright, crop it, and resize it to 8 bits, gray or RGB."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageOps

from dcgan_tf.data import heif
from dcgan_tf.data.image_spec import ImageSpec
from dcgan_tf.system.errors import UserError, reason

Image.init()
# Not the formats that run other programs (EPS) or that Pillow recognizes by the file's extension only.
KNOWN = ("JPEG", "MPO", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000")
FORMATS = tuple(name for name in KNOWN if name in Image.OPEN)
PNG = b"\x89PNG\r\n\x1a\n"
LARGE = 2**26  # bytes of a file that is not read at once


class TooSmallError(UserError):
    """An image is smaller than the crop. Its sentence lacks the subject: the caller knows the image's name."""

    def __init__(self, height: int, width: int, crop: tuple[int, int]):
        self.height = height
        self.width = width
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
        data = _read(data)
    pixels = _plain_jpeg(data, spec)
    if pixels is not None:
        return _crop(pixels, spec)
    stream = data if isinstance(data, Path) else io.BytesIO(without_texts(data))
    with _open(stream, heif.is_heif(data)) as image:
        width, height = image.size
        if _is_too_large(height, width):
            raise Image.DecompressionBombError(f"it has {height * width:,} pixels, too many")
        if image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):  # stored on its side
            width, height = height, width
        if not spec.crop:  # lets the JPEG decoder reduce a large photo to a half, a quarter or an eighth
            side = 2 * max(spec.height, spec.width)
            image.draft(None, (side, side))
        ImageOps.exif_transpose(image, in_place=True)
        upright: Image.Image = image
        if spec.crop:
            upright = image.crop(center_window(image.height, image.width, *spec.crop))
        upright.load()
        return upright, (height, width)


def _open(stream: io.BytesIO | Path, may_be_heif: bool) -> Image.Image:
    """Open an image of one of the known formats. Raises OSError if it is none."""
    try:
        return Image.open(stream, formats=FORMATS)
    except Image.UnidentifiedImageError:
        if not may_be_heif:
            raise
        return heif.open_heif(stream)


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


def without_texts(data: bytes) -> bytes:
    """Return a PNG file without its texts and colour profile, of which Pillow refuses long ones; others as they are."""
    if not data.startswith(PNG):
        return data
    kept = [PNG]
    start = len(PNG)
    while start + 8 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")  # length, name, content, checksum
        if data[start + 4 : start + 8] not in (b"tEXt", b"zTXt", b"iTXt", b"iCCP"):
            kept.append(data[start:end])
        start = end
    return b"".join(kept)


def _read(file: Path) -> bytes | Path:
    """Return the content of a file: one read takes less time than Pillow's many small ones. A large one stays as it is.

    Raises: OSError if it is empty, or not a file.
    """
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would block
        raise OSError("it is not a regular file")
    if not status.st_size:
        raise OSError("it is empty")
    if status.st_size > LARGE:
        return file
    return file.read_bytes()


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
