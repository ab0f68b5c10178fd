"""Image files: read them, leave out the parts that are not the image, and open them with Pillow or pillow-heif."""

from __future__ import annotations

import io
import stat
from pathlib import Path

from PIL import Image

from dcgan_tf.data import heif

Image.init()
# Not the formats that run other programs (EPS) or that Pillow recognizes by the file's extension only.
KNOWN = ("JPEG", "MPO", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000")
FORMATS = tuple(name for name in KNOWN if name in Image.OPEN)
PNG = b"\x89PNG\r\n\x1a\n"
LARGE = 2**26  # bytes of a file that is not read at once


def read(file: Path) -> bytes | Path:
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


def without_metadata(data: bytes) -> bytes:
    """Return a PNG file without texts, colour profile and all else that is not its image; others as they are.

    Pillow refuses an image for a long text, and for a part that is damaged, even if it does not need it.
    """
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


def open_image(stream: io.BytesIO | Path, may_be_heif: bool) -> Image.Image:
    """Open an image of one of the known formats. Raises OSError if it is none."""
    try:
        image: Image.Image = Image.open(stream, formats=FORMATS)
    except Image.UnidentifiedImageError:
        if not may_be_heif:
            raise
        image = heif.open_heif(stream)
    if not isinstance(image.info.get("xmp", b""), bytes):  # of a TIFF file that stores it as text: Pillow's load fails
        del image.info["xmp"]
    return image
