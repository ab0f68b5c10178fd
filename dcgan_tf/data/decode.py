"""Decode one image of any kind: turn it upright, crop it, and resize it to 8 bits, gray or RGB.

Before that: read its file, leave out the parts that are not the image, and open it with Pillow or pillow-heif.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import math
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError, reason

EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"}
EXTENSIONS |= {".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k"}
HEIF_EXTENSIONS = {".heic", ".heif", ".hif"}  # as phones write them; read with the package pillow-heif
HEIF_ADVICE = "convert .heic and .heif files, as phones write them, to JPEG, or pip install pillow-heif"
Image.init()
# Not the formats that run other programs (EPS) or that Pillow recognizes by the file's extension only.
FORMATS = ["JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000"]
if "AVIF" in Image.OPEN:
    FORMATS.append("AVIF")
PNG = b"\x89PNG\r\n\x1a\n"
LARGE = 2**30  # bytes of a file; one of an image that Pillow takes has less
POINTERS = (b"version https://git-lfs", b"/annex/objects/")  # how files begin in place of those that are elsewhere
DEFAULT_SIZE = (64, 64)  # height and width, as in the original
DEFAULT_CROP = (108, 108)
METADATA = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")  # as Pillow calls them
Size = tuple[int, int]  # height and width


class TooSmallError(ValueError):
    """An image is smaller than the crop."""


@dataclass(frozen=True)
class ImageSpec:
    """How images are prepared. The cache's key is made from all fields, so a new one needs no other change there."""

    height: int  # of the prepared image
    width: int
    channels: int | None = None  # 1 is gray, 3 is RGB; None: 1 if all images are gray, else 3
    crop: Size | None = None  # of the centre that is cut out first; None: the whole image
    fit: str = "stretch"  # how an image of another shape fits, a value of --fit

    @classmethod
    def of(cls, config: Asked, own: tuple[int, ...] | None = None) -> ImageSpec:
        """Return the spec that the settings ask for. What they leave open is the data set's own, else the default.

        Args:
          own: the shape of the data set's images, (height, width) or (height, width, 3), if all have one shape.
        """
        height, width = _size(config.output_height, config.output_width, own or DEFAULT_SIZE)
        crop = None
        if config.crop:
            crop = _size(config.input_height, config.input_width, own or DEFAULT_CROP)
        channels = config.c_dim
        if own and len(own) == 2:
            channels = channels or 1
        return cls(height, width, channels, crop, config.fit)


def _size(height: int | None, width: int | None, own: tuple[int, ...]) -> Size:
    """Return the given size, or the data set's own. A width that is not given is the given height."""
    if height:
        return height, width or height
    return own[0], width or own[1]


def decode_image(data: Path | bytes | np.ndarray, spec: ImageSpec) -> tuple[np.ndarray, Size]:
    """Decode an image, turn it upright, cut out its centre if spec.crop is set, and resize it with antialiasing.

    Args:
      data: an image's file, its encoded bytes, or its uint8 pixels [H, W] or [H, W, 3].
      spec: what to make of it; without channels, RGB.
    Returns: uint8 [spec.height, spec.width, C], and the image's own (height, width).
    Raises: ValueError if the image is smaller than the crop, any of Pillow's exceptions if it cannot be decoded.
    """
    if isinstance(data, Path):
        data = read_file(data)
    if isinstance(data, bytes):
        try:
            image, size = _decode_upright(data, spec)
        except Exception:  # Pillow refuses a PNG for a long text, and for damage of a part that is not its image
            bare = without_metadata(data)
            if len(bare) == len(data):
                raise
            image, size = _decode_upright(bare, spec)
    else:
        image = Image.fromarray(data)
        size = image.size[::-1]
    if spec.crop:
        image = image.crop(center_window(size, spec.crop))
    mode = "RGB"
    if spec.channels == 1:
        mode = "L"
    image = fit_image(_to_eight_bits(image, mode), spec.width, spec.height, spec.fit)
    return np.asarray(image).reshape(spec.height, spec.width, -1), size


def read_image(path: Path, spec: ImageSpec) -> np.ndarray:
    """Read one image file as for a training.

    Returns: uint8 [spec.height, spec.width, C].
    Raises: UserError if the file cannot be read, or its image cannot be decoded or cropped.
    """
    try:
        return decode_image(path, spec)[0]
    except Exception as error:  # decoders raise many kinds of exceptions for damaged files
        raise UserError(
            f"The image {path} cannot be read ({reason(error)}); name the file of another image."
        ) from error


def _decode_upright(data: bytes, spec: ImageSpec) -> tuple[Image.Image, Size]:
    """Decode an encoded image and turn it upright. Returns: it, perhaps reduced, and its own (height, width)."""
    with open_image(data) as image:
        width, height = image.size
        if not spec.crop:  # lets the JPEG decoder reduce a large photo to a half, a quarter or an eighth
            side = 2 * max(spec.height, spec.width)
            image.draft(None, (side, side))
        stored = image.size
        image.load()  # turns a TIFF image
        with contextlib.suppress(Exception):  # Pillow raises many kinds of exceptions for damaged metadata
            image.getexif()  # it remembers them
            for key in METADATA:  # else it would write them again, which fails if a part is damaged
                image.info.pop(key, None)
            ImageOps.exif_transpose(image, in_place=True)
        if (image.width < image.height) != (stored[0] < stored[1]):  # it lay on its side
            width, height = height, width
        return image, (height, width)


def center_window(size: Size, crop: Size) -> tuple[int, int, int, int]:
    """Return where the centre of an image is, with the geometry of the original's center_crop (utils.py).

    Args:
      size, crop: of the image and of its centre, (height, width) in pixels.
    Returns: (left, top, right, bottom), as `Image.crop` takes them.
    Raises: TooSmallError if the image is smaller.
    """
    if size[0] < crop[0] or size[1] < crop[1]:
        raise TooSmallError(
            f"it is {size[1]}x{size[0]}, smaller than the centre {crop[1]}x{crop[0]} that --crop cuts out"
        )
    top = round((size[0] - crop[0]) / 2)
    left = round((size[1] - crop[1]) / 2)
    return left, top, left + crop[1], top + crop[0]


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
    return image.convert(mode)


def fit_image(image: Image.Image, width: int, height: int, fit: str) -> Image.Image:
    """Resize an image to width x height with antialiasing.

    Args:
      image: L or RGB.
      fit: stretch, as the original does, changes the shape of what is in the image; cover cuts off two sides, to keep
        the shape; pad adds a border in the mean colour of the image's edge.
    Returns: an image of the same mode.
    """
    if fit == "cover":
        return ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    if fit == "pad":
        pixels = np.asarray(image)
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        mean = np.rint(edge.mean(0)).astype(int)
        color = tuple(mean.reshape(-1).tolist())
        return ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR, color)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def heif_version() -> str:
    """Return the version of pillow-heif; blank if it is not installed."""
    try:
        return importlib.metadata.version("pillow-heif")
    except importlib.metadata.PackageNotFoundError:
        return ""


def read_file(file: Path) -> bytes:
    """Return the content of a file: one read takes less time than Pillow's many small ones.

    Raises: OSError, also if it is too large, or not a file.
    """
    status = file.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGE:  # opening a pipe would block
        raise OSError(f"it is not a file of at most {LARGE:,} bytes")
    return file.read_bytes()


def without_metadata(data: bytes) -> bytes:
    """Return a PNG file without texts, colour profile and all else that is not its image; another one as it is."""
    if not data.startswith(PNG):
        return data
    kept = [PNG]
    start = len(PNG)
    while start + 8 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")  # length, name, content, checksum
        name = data[start + 4 : start + 8]
        if name[:1].isupper() or name in (b"tRNS", b"eXIf"):  # needed; transparent; upright
            kept.append(data[start:end])
        start = end
    return b"".join(kept)


def open_image(data: bytes) -> Image.Image:
    """Open an encoded image of one of the known formats.

    Nothing is registered with Pillow, so a program that uses this package opens the same kinds of files as before.

    Raises: OSError if it is none, too large, or a HEIF image without pillow-heif; that package's exceptions for damaged
      ones.
    """
    stream = io.BytesIO(data)
    most = 2 * (Image.MAX_IMAGE_PIXELS or math.inf)  # pixels; of half as many Pillow warns, which does not matter
    too_large = OSError(f"it has more than {most:,} pixels; make it smaller")
    try:
        image = Image.open(stream, formats=FORMATS)
    except Image.DecompressionBombError:
        raise too_large from None
    except Image.UnidentifiedImageError:
        if not data:
            raise OSError("it is empty; perhaps it is not downloaded yet") from None
        if data.startswith(POINTERS):
            raise OSError("it only points to an image, which git lfs pull or git annex get fetches") from None
        if data[4:8] != b"ftyp":
            raise OSError("it is not an image") from None
        if not heif_version():
            raise OSError(f"it may be a HEIF image; {HEIF_ADVICE}") from None
        from pillow_heif import HeifImageFile

        image = HeifImageFile(stream)
        if math.prod(image.size) > most:
            raise too_large from None
    if not isinstance(image.info.get("xmp", b""), bytes):  # of a TIFF file that stores it as text: Pillow's load fails
        del image.info["xmp"]
    return image
