"""Images are read whatever metadata they have, damaged or not; folders and names that nobody would write by hand."""

from __future__ import annotations

import io
import logging
import random
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soak_folders
from fuzz_metadata import IMAGE, KINDS, PIXELS, PNG, encoded
from PIL import Image, TiffImagePlugin

from dcgan_tf.data.decode import ImageSpec, decode_image

SPEC = ImageSpec(16, 16, 3)
XMP = 700  # the tag


def with_chunk(name: bytes, content: bytes) -> bytes:
    """A PNG file with one more part behind its header."""
    checked = name + content
    chunk = struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
    return PNG[:33] + chunk + PNG[33:]


@pytest.mark.parametrize("name", [b"cHRM", b"pHYs", b"gAMA", b"iCCP", b"acTL", b"eXIf"])
def test_a_damaged_part_of_a_png_that_is_not_its_image(name: bytes):
    pixels, size = decode_image(with_chunk(name, b"\x01"), SPEC)
    assert size == (16, 16)
    np.testing.assert_array_equal(pixels, PIXELS)


def test_a_png_stays_transparent_and_is_turned():
    palette = Image.new("P", (16, 16))
    palette.putpalette([9, 9, 9])
    stream = io.BytesIO()
    palette.save(stream, "PNG", transparency=0)
    assert (decode_image(stream.getvalue(), SPEC)[0] == 255).all()
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(decode_image(encoded("PNG", exif=exif), SPEC)[0], np.rot90(PIXELS, -1))


def test_a_tiff_whose_xmp_is_stored_as_text():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[XMP] = 2
    tags[XMP] = "<x:xmpmeta/>"
    np.testing.assert_array_equal(decode_image(encoded("TIFF", tiffinfo=tags), SPEC)[0], PIXELS)


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_the_size_of_a_turned_image_is_that_of_the_upright_one(kind: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    IMAGE.crop((0, 0, 16, 8)).save(stream, kind, exif=exif, lossless=True)
    pixels, size = decode_image(stream.getvalue(), ImageSpec(4, 4, 3, crop=(4, 4)))
    expected = (8, 16)
    if orientation in (5, 6, 7, 8):
        expected = (16, 8)
    assert size == expected
    middle = PIXELS[2:6, 6:10]
    turned = {2: middle[:, ::-1], 3: middle[::-1, ::-1], 4: middle[::-1], 5: middle.swapaxes(0, 1)}
    turned |= {6: np.rot90(middle, -1), 7: np.rot90(middle.swapaxes(0, 1), 2), 8: np.rot90(middle)}
    np.testing.assert_array_equal(pixels, turned.get(orientation, middle))


@pytest.fixture
def quiet() -> Iterator[None]:
    """Without the warnings of images that are all the same, and of Pillow about damaged ones."""
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("kind", [*KINDS, "damaged"])
def test_fuzz_metadata(quiet: None, kind: str):
    read = soak_folders.try_images(random.Random(1), 100, kind)
    assert read == 100 or kind == "damaged"


def test_fuzz_names(quiet: None, tmp_path: Path):
    soak_folders.try_names(random.Random(1), tmp_path, 200)


def test_fuzz_layouts(quiet: None, tmp_path: Path):
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "whole.png").write_bytes(PNG)
        soak_folders.try_layout(random.Random(number), folder)
