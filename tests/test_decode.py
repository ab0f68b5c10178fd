"""One image: modes, metadata, geometry; HEIF."""

from __future__ import annotations

import dataclasses
import io
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soak_folders
from helpers import ROOT, load
from PIL import Image, ImageDraw, PngImagePlugin
from soak_folders import IMAGE, PIXELS

from dcgan_tf.data import decode
from dcgan_tf.data.decode import ImageSpec, decode_image

WHOLE = ImageSpec(24, 32, 3)
SMALL = ImageSpec(8, 8)
RGB16 = ImageSpec(16, 16, 3)


def photo(width: int, height: int) -> Image.Image:
    """Smooth colours, sharp edges and noise."""
    random = np.random.default_rng(width)
    smooth = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8)).resize((width, height), Image.BICUBIC)
    pixels = np.asarray(smooth) + random.normal(0, 12, (height, width, 3))
    pixels[height // 3 : height // 2, :: width // 5] = (255, 0, 0)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pillow(image: Image.Image, **options: object) -> bytes:
    return encoded(image, "JPEG", **options)


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


XMP_TURNED = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tiff:Orientation="6"/></x:xmpmeta>'


def test_a_photo_is_still_reduced_while_it_is_decoded():
    data = pillow(photo(1000, 700))
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (64, 64))
        assert image.size == (125, 88)  # an eighth
        expected = np.asarray(image.resize((32, 24), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(decode_image(data, WHOLE)[0], expected)


def solid(mode: str, colour: object, size: tuple[int, int] = (20, 10)) -> Image.Image:
    return Image.new(mode, size, colour)


def palette() -> Image.Image:
    image = solid("P", 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    return image


@pytest.mark.parametrize(
    ("name", "image", "colour"),
    [
        ("rgba.png", solid("RGBA", (255, 0, 0, 128)), (255, 127, 127)),
        ("gray-alpha.png", solid("LA", (0, 51)), (204, 204, 204)),
        ("palette.gif", palette(), (200, 100, 50)),
        ("bit.png", solid("1", 1), (255, 255, 255)),
        ("sixteen.png", Image.fromarray(np.full((10, 20), 257 * 100 + 100, np.uint16)), (100, 100, 100)),
        ("thirty-two.tiff", Image.fromarray(np.full((10, 20), 257 * 40, np.int32)), (40, 40, 40)),
        ("cmyk.jpg", solid("CMYK", (0, 255, 255, 0)), (255, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb_or_gray_of_eight_bits(tmp_path, name, image, colour):
    image.save(tmp_path / name)
    pixels, size = decode_image(tmp_path / name, SMALL)
    assert pixels.shape == (8, 8, 3) and pixels.dtype == np.uint8 and size == (10, 20)
    np.testing.assert_allclose(pixels, np.broadcast_to(colour, pixels.shape), atol=2)
    gray, _ = decode_image(tmp_path / name, dataclasses.replace(SMALL, channels=1))
    assert gray.shape == (8, 8, 1)
    np.testing.assert_allclose(gray, np.dot(colour, (0.299, 0.587, 0.114)), atol=3)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("number", [0, 1, 2, 4])
def test_geometry_is_that_of_the_original(number, channels):
    """The recorded outputs have stretched contrast. Stretch the input first, so that only the geometry is compared."""
    recorded = np.load(ROOT / "tests/golden/preprocessing.npz")
    image = Image.fromarray(recorded[f"image{number}/input"]).convert("F" if channels == 1 else "RGB")
    crop_height, crop_width, height, width, crop = recorded[f"image{number}/args"].tolist()
    area = np.asarray(image)
    if crop:
        area = np.asarray(image.crop(decode.center_window(area.shape[:2], (crop_height, crop_width))))
    low, high = float(area.min()), float(area.max())
    stretched = ((np.asarray(image, np.float64) - low) * 255 / (high - low)).clip(0, 255) + 0.5
    spec = ImageSpec(height, width, channels, (crop_height, crop_width) if crop else None)
    pixels, _ = decode_image(stretched.astype(np.uint8), spec)
    expected = recorded[f"image{number}/output{'_grayscale' if channels == 1 else ''}"].reshape(pixels.shape)
    difference = np.abs(pixels - 127.5 * (expected + 1))
    assert difference.max() < (0.001 if crop else 1.001)  # newer Pillow versions round differently when they enlarge


def test_cover_and_pad_keep_a_circle_round():
    background = (200, 100, 50)
    image = Image.new("RGB", (128, 64), background)
    ImageDraw.Draw(image).ellipse((48, 16, 80, 48), fill="white")  # 33 pixels high and wide
    extents = {}
    for fit in ("stretch", "cover", "pad"):
        pixels = np.asarray(decode.fit_image(image, 32, 32, fit)).reshape(32, 32, -1)
        assert pixels[0, 0].tolist() == pixels[-1, -1].tolist() == list(background)
        white = pixels.mean(2) > (255 + np.mean(background)) / 2
        extents[fit] = (int(white.any(1).sum()), int(white.any(0).sum()))
    height, width = extents["stretch"]
    assert height > 1.7 * width
    for fit, size in (("cover", 16), ("pad", 8)):
        assert extents[fit][0] == extents[fit][1] and abs(extents[fit][0] - size) <= 1


def turned(place: str, orientation: int) -> dict[str, object]:
    """What `Image.save` takes to write the orientation there: Exif data, XMP, or ImageMagick's text of a PNG."""
    xmp = XMP_TURNED.replace(b"6", str(orientation).encode())
    info = PngImagePlugin.PngInfo()
    if place == "PNG XMP":
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    elif place == "PNG profile":
        data = exif(orientation).tobytes()
        info.add_text("Raw profile type exif", f"\nexif\n{len(data):8}\n{data.hex()}\n", zip=True)
    elif place == "PNG damaged":
        info.add_text("Comment", "x" * 2_000_000, zip=True)  # Pillow refuses it
        return {"pnginfo": info, "exif": exif(orientation)}
    elif place == "TIFF XMP":
        return {"tiffinfo": {700: xmp}}
    elif "XMP" in place:
        return {"xmp": xmp}
    else:
        return {"exif": exif(orientation)}
    return {"pnginfo": info}


PLACES = ["JPEG", "TIFF", "PNG", "WEBP", "JPEG XMP", "TIFF XMP", "PNG XMP", "WEBP XMP", "PNG profile", "PNG damaged"]


@pytest.mark.parametrize(
    ("place", "orientation"), [*((place, 6) for place in PLACES), *(("JPEG", number) for number in range(10))]
)
def test_a_turned_image_is_made_upright_before_it_is_cropped(place: str, orientation: int):
    kind = place.split()[0]
    stream = io.BytesIO()
    options = {"lossless": True, "quality": 100, "subsampling": 0} | turned(place, orientation)
    IMAGE.crop((0, 0, 16, 8)).save(stream, kind, **options)
    pixels, size = decode_image(stream.getvalue(), ImageSpec(4, 4, 3, crop=(4, 4)))
    expected = (8, 16)
    if orientation in (5, 6, 7, 8):
        expected = (16, 8)
    assert size == expected
    middle = PIXELS[2:6, 6:10]
    upright = {2: middle[:, ::-1], 3: middle[::-1, ::-1], 4: middle[::-1], 5: middle.swapaxes(0, 1)}
    upright |= {6: np.rot90(middle, -1), 7: np.rot90(middle.swapaxes(0, 1), 2), 8: np.rot90(middle)}
    np.testing.assert_allclose(pixels.astype(int), upright.get(orientation, middle), atol=8 * (kind == "JPEG"))


def test_odd_files_have_the_pixels_of_pillow():
    """An animation with a still image in front, and a PNG that ends early, in the middle, or after its end."""
    animation = io.BytesIO()
    others = [IMAGE.rotate(90), IMAGE.rotate(180)]
    IMAGE.save(animation, "PNG", save_all=True, append_images=others, default_image=True)
    whole = soak_folders.PNG
    for data in (animation.getvalue(), whole, whole[:-12], whole + b"more" * 9):
        pixels, _ = decode_image(data, RGB16)
        np.testing.assert_array_equal(pixels, PIXELS)
    with pytest.raises(OSError, match="truncated"):
        decode_image(whole[:-30], RGB16)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty; perhaps it is not downloaded yet"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "it only points to an image, which git lfs"),
        (encoded(Image.new("1", (20_000, 10_000))), "it has more than 178,956,970 pixels; make it smaller"),
    ],
    ids=["empty", "LFS", "large"],
)
def test_what_is_no_image_is_named(data: bytes, says: str):
    with pytest.raises(OSError, match=says):
        decode_image(data, RGB16)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_photo_of_108_megapixels():
    pixels, size = decode_image(encoded(Image.new("L", (12_000, 9_000), 70), "JPEG"), SMALL)
    assert size == (9_000, 12_000) and (pixels == 70).all()


@pytest.mark.filterwarnings("ignore")
def test_fuzz_damaged_images(tmp_path: Path):
    soak_folders.try_damaged(random.Random(1), tmp_path, 200)


def heic(pixels: np.ndarray, orientation: int = 1) -> bytes:
    """Encode uint8 pixels [H, W, 3] without loss, but for the rounding of YCbCr."""
    pillow_heif = pytest.importorskip("pillow_heif")
    image = pillow_heif.from_pillow(Image.fromarray(pixels))
    image.info["exif"] = exif(orientation).tobytes()
    stream = io.BytesIO()
    image.save(stream, quality=-1, chroma=444)
    return stream.getvalue()


def test_heif_is_read_if_its_package_is_there(tmp_path: Path):
    pixels = np.linspace(0, 255, 16 * 16 * 3).reshape(16, 16, 3).astype(np.uint8)
    (tmp_path / "0.HEIC").write_bytes(heic(pixels))
    (tmp_path / "1.heif").write_bytes(heic(pixels, orientation=6))
    (tmp_path / "2.jpg").write_bytes(heic(pixels))  # renamed by a program that moved photos
    (tmp_path / "3.heic").write_bytes(heic(pixels)[:300])
    dataset = load(tmp_path)
    assert len(dataset.images) == 3
    for image, expected in zip(dataset.images, (pixels, np.rot90(pixels, -1), pixels), strict=True):
        assert np.abs(image.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("is_program", [True, False])
def test_pillow_and_libtiff_write_nothing_in_the_program(tmp_path: Path, is_program: bool):
    """In a user's own process it writes what it always writes."""
    file = tmp_path / "damaged.tif"
    Image.effect_noise((64, 64), 90).save(file, compression="tiff_lzw")
    content = bytearray(file.read_bytes())
    content[100:600] = bytes(500)
    file.write_bytes(content)
    code = (
        "import logging, sys, pathlib; from dcgan_tf.data import decode;"
        "from dcgan_tf.system import messages, startup;"
        f"{'messages.show_as_program();' if is_program else ''} startup.silence_pillow();"
        "logging.getLogger('PIL.TiffImagePlugin').error('More samples per pixel');"
        "decode.read_image(pathlib.Path(sys.argv[1]), decode.ImageSpec(16, 16))"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, cwd=ROOT)
    *lines, last = done.stderr.strip().splitlines()
    assert "UserError: The image" in last and "cannot be read" in last
    assert ("More samples per pixel" in lines) == (not is_program), lines
    assert any(line.startswith("LZWDecode") for line in lines) == (not is_program), lines
