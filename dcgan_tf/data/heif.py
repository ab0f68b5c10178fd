"""HEIF images (.heic, .heif), as phones write them: read with the package pillow-heif, if it is installed."""

from __future__ import annotations

import importlib.metadata
import io
from pathlib import Path

from PIL import Image

EXTENSIONS = {".heic", ".heif", ".hif"}
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # of the kind of file, at byte 8
ADVICE = "convert .heic and .heif files, as phones write them, to JPEG, or pip install pillow-heif"


def version() -> str:
    """Return the version of pillow-heif; blank if it is not installed."""
    try:
        return importlib.metadata.version("pillow-heif")
    except importlib.metadata.PackageNotFoundError:
        return ""


def is_heif(data: bytes | Path) -> bool:
    """Return whether a file, or its content, begins like a HEIF image. Raises OSError."""
    if isinstance(data, Path):
        with data.open("rb") as file:
            data = file.read(12)
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def open_heif(stream: io.BytesIO | Path) -> Image.Image:
    """Open a HEIF image.

    The package's class is called here. Nothing is registered with Pillow, so a program that uses this package opens
    the same kinds of files as before.

    Raises: OSError if the package is not installed, and the package's exceptions for damaged files.
    """
    if not version():
        raise OSError(f"it is a HEIF image; {ADVICE}")
    from pillow_heif import HeifImageFile

    return HeifImageFile(stream)
