"""Image files: read them, leave out the parts that are not the image, and open them with Pillow or pillow-heif."""

from __future__ import annotations

import importlib.metadata
import io
import math
import stat
from pathlib import Path

from PIL import Image

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


def heif_version() -> str:
    """Return the version of pillow-heif; blank if it is not installed."""
    try:
        return importlib.metadata.version("pillow-heif")
    except importlib.metadata.PackageNotFoundError:
        return ""


def read(file: Path) -> bytes:
    """Return the content of a file: one read takes less time than Pillow's many small ones.

    Raises: OSError, also if it is too large, or not a file.
    """
    status = file.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGE:  # opening a pipe would block
        raise OSError(f"it is not a file of at most {LARGE:,} bytes")
    return file.read_bytes()


def pixel_limit() -> float:
    """Return the most pixels of an image that Pillow reads; of half as many it warns, which does not matter."""
    return 2 * (Image.MAX_IMAGE_PIXELS or math.inf)


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
    too_large = OSError(f"it has more than {pixel_limit():,} pixels; make it smaller")
    try:
        image: Image.Image = Image.open(stream, formats=FORMATS)
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
        if math.prod(image.size) > pixel_limit():
            raise too_large from None
    if not isinstance(image.info.get("xmp", b""), bytes):  # of a TIFF file that stores it as text: Pillow's load fails
        del image.info["xmp"]
    return image
