"""Image files: read them, leave out the parts that are not the image, and open them with Pillow or pillow-heif."""

from __future__ import annotations

import importlib.metadata
import io
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


def heif_version() -> str:
    """Return the version of pillow-heif; blank if it is not installed."""
    try:
        return importlib.metadata.version("pillow-heif")
    except importlib.metadata.PackageNotFoundError:
        return ""


def read(file: Path) -> bytes:
    """Return the content of a file: one read takes less time than Pillow's many small ones.

    Raises: OSError, also if it is not a file.
    """
    if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe would block
        raise OSError("it is not a file")
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

    Raises: OSError if it is none, or a HEIF image without pillow-heif; other exceptions of Pillow and of that package
      if it is damaged or too large.
    """
    stream = io.BytesIO(data)
    try:
        image: Image.Image = Image.open(stream, formats=FORMATS)
    except Image.UnidentifiedImageError:
        if data[4:8] != b"ftyp":
            raise OSError("it is not an image") from None
        if not heif_version():
            raise OSError(f"it may be a HEIF image; {HEIF_ADVICE}") from None
        from pillow_heif import HeifImageFile

        image = HeifImageFile(stream)
    if not isinstance(image.info.get("xmp", b""), bytes):  # of a TIFF file that stores it as text: Pillow's load fails
        del image.info["xmp"]
    return image
