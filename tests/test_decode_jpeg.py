"""JPEG files of every kind give the pixels that Pillow gives, whichever library decodes them."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dcgan_tf.data import decode, formats
from dcgan_tf.data.decode import ImageSpec

CROP = ImageSpec(24, 32, 3, crop=(60, 52))
WHOLE = dataclasses.replace(CROP, crop=None)


def photo(width: int, height: int) -> Image.Image:
    """Smooth colours, sharp edges and noise."""
    random = np.random.default_rng(width)
    smooth = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8)).resize((width, height), Image.BICUBIC)
    pixels = np.asarray(smooth) + random.normal(0, 12, (height, width, 3))
    pixels[height // 3 : height // 2, :: width // 5] = (255, 0, 0)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def pillow(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def sampled(kind: str, size: tuple[int, int]) -> bytes:
    return simplejpeg.encode_jpeg(np.array(photo(*size)), colorsubsampling=kind)


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tiff:Orientation="6"/></x:xmpmeta>'
# name -> (file, whether simplejpeg decodes it)
KINDS = {kind: (sampled(kind, (178, 218)), True) for kind in ("420", "422", "444", "440", "411")}
KINDS |= {f"{w}x{h} {kind}": (sampled(kind, (w, h)), True) for kind in ("420", "444") for w, h in ((53, 61), (97, 117))}
KINDS |= {
    "progressive": (pillow(photo(131, 97), progressive=True, quality=60), True),
    "optimized": (pillow(photo(130, 99), optimize=True, quality=97, subsampling=0), True),
    "restart markers": (pillow(photo(121, 77), restart_marker_blocks=3), True),
    "comment and profile": (pillow(photo(100, 100), comment=b"words", icc_profile=b"profile" * 99), True),
    "bytes after the end": (pillow(photo(101, 103)) + b"more" * 50, True),
    "gray": (pillow(photo(120, 90).convert("L")), False),
    "CMYK": (pillow(photo(120, 90).convert("CMYK")), False),
    "RGB": (pillow(photo(120, 90), keep_rgb=True), False),
    "truncated": (pillow(photo(120, 90))[:-900], False),
    "XMP": (pillow(photo(120, 90), xmp=XMP), False),
}
KINDS |= {f"EXIF {number}": (pillow(photo(120, 90), exif=exif(number)), False) for number in range(1, 9)}


def outcome(data: bytes | Path, spec: ImageSpec) -> tuple[np.ndarray, object]:
    """The pixels and the size; or an empty array and the error's kind."""
    try:
        return decode.decode_image(data, spec)
    except Exception as error:
        return np.zeros(0), type(error)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("spec", [CROP, WHOLE], ids=["crop", "whole"])
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_pillow(kind, spec, channels, monkeypatch, tmp_path):
    data, direct = KINDS[kind]
    spec = dataclasses.replace(spec, channels=channels)
    assert (decode._plain_jpeg(data, CROP) is not None) == direct
    (tmp_path / "x.jpg").write_bytes(data)
    pixels, size = outcome(tmp_path / "x.jpg", spec)
    monkeypatch.setattr(decode, "_plain_jpeg", lambda data, spec: None)
    expected, expected_size = outcome(data, spec)
    assert size == expected_size and pixels.shape == expected.shape
    np.testing.assert_allclose(pixels.astype(int), expected, atol=1)
    assert (expected.size > 0) == (kind != "truncated")


def test_a_file_that_is_too_large_is_not_read(monkeypatch, tmp_path):
    (tmp_path / "x.png").write_bytes(b"x" * 101)
    monkeypatch.setattr(formats, "LARGE", 100)
    with pytest.raises(OSError, match="it has 101 bytes, too many"):
        decode.decode_image(tmp_path / "x.png", CROP)


def test_a_photo_is_still_reduced_while_it_is_decoded(monkeypatch):
    data = pillow(photo(1000, 700))
    assert decode._plain_jpeg(data, WHOLE) is None and decode._plain_jpeg(data, CROP) is not None
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (64, 64))
        assert image.size == (125, 88)  # an eighth
        expected = np.asarray(image.resize((32, 24), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(decode.decode_image(data, WHOLE)[0], expected)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600_000)
    assert decode._plain_jpeg(data, CROP) is None


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["420", "444", "progressive", "gray"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=3),
    st.floats(0.5, 1),
)
def test_fuzz_damaged_files_are_read_as_pillow_reads_them(kind, changes, cut):
    data = bytearray(KINDS[kind][0])
    for where, value in changes:
        data[int(where * (len(data) - 1))] = value
    data = bytes(data[: int(cut * len(data)) + 1])
    pixels, size = outcome(data, CROP)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "_plain_jpeg", lambda data, spec: None)
        expected, expected_size = outcome(data, CROP)
    assert size == expected_size and pixels.shape == expected.shape
    np.testing.assert_allclose(pixels.astype(int), expected, atol=1)
