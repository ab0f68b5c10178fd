"""Images of every kind, the crop's geometry, unreadable files, and more images than fit into memory."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image, ImageDraw

from dcgan_tf.data import decode, prepare, sources
from dcgan_tf.data.dataset import Dataset, read_dataset
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError

pytestmark = pytest.mark.usefixtures("shown")
SMALL = ImageSpec(8, 8)


def solid(mode: str, colour: object, size: tuple[int, int] = (20, 10)) -> Image.Image:
    return Image.new(mode, size, colour)


def palette(transparent: bool) -> Image.Image:
    image = solid("P", 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    if transparent:
        image.info["transparency"] = 1
    return image


@pytest.mark.parametrize(
    ("name", "image", "colour"),
    [
        ("rgb.png", solid("RGB", (10, 200, 30)), (10, 200, 30)),
        ("rgb.bmp", solid("RGB", (10, 200, 30)), (10, 200, 30)),
        ("rgba.png", solid("RGBA", (255, 0, 0, 128)), (255, 127, 127)),
        ("gray-alpha.png", solid("LA", (0, 51)), (204, 204, 204)),
        ("palette.gif", palette(False), (200, 100, 50)),
        ("palette.png", palette(True), (255, 255, 255)),
        ("bit.png", solid("1", 1), (255, 255, 255)),
        ("gray.webp", solid("L", 128), (128, 128, 128)),
        ("sixteen.png", Image.fromarray(np.full((10, 20), 257 * 100 + 100, np.uint16)), (100, 100, 100)),
        ("sixteen.tiff", Image.fromarray(np.full((10, 20), 65535, np.uint16)), (255, 255, 255)),
        ("thirty-two.tiff", Image.fromarray(np.full((10, 20), 257 * 40, np.int32)), (40, 40, 40)),
        ("cmyk.jpg", solid("CMYK", (0, 255, 255, 0)), (255, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb_or_gray_of_eight_bits(tmp_path, name, image, colour):
    image.save(tmp_path / name)
    pixels, size = decode.decode_image(tmp_path / name, SMALL)
    assert pixels.shape == (8, 8, 3) and pixels.dtype == np.uint8 and size == (10, 20)
    np.testing.assert_allclose(pixels, np.broadcast_to(colour, pixels.shape), atol=2)
    gray, _ = decode.decode_image(tmp_path / name, dataclasses.replace(SMALL, channels=1))
    assert gray.shape == (8, 8, 1)
    np.testing.assert_allclose(gray, np.dot(colour, (0.299, 0.587, 0.114)), atol=3)


def test_first_frame_and_upright(tmp_path):
    first, second = solid("RGB", (255, 0, 0)), solid("RGB", (0, 0, 255))
    first.save(tmp_path / "animation.gif", save_all=True, append_images=[second])
    assert decode.decode_image(tmp_path / "animation.gif", SMALL)[0][0, 0].tolist() == [255, 0, 0]

    exif = Image.Exif()
    exif[0x0112] = 6  # rotated camera: the left side of the stored image is the top
    stored = np.zeros((10, 20, 3), np.uint8)
    stored[:, :10] = 255
    Image.fromarray(stored).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    pixels, size = decode.decode_image(tmp_path / "turned.jpg", SMALL)
    assert size == (20, 10) and pixels[:3].min() > 240 and pixels[-3:].max() < 15


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
    pixels, _ = decode.decode_image(stretched.astype(np.uint8), spec)
    expected = recorded[f"image{number}/output{'_grayscale' if channels == 1 else ''}"].reshape(pixels.shape)
    difference = np.abs(pixels - 127.5 * (expected + 1))
    assert difference.max() < (0.001 if crop else 1.001)  # newer Pillow versions round differently when they enlarge


@pytest.mark.parametrize(("mode", "background"), [("RGB", (200, 100, 50)), ("L", 90)])
def test_cover_and_pad_keep_a_circle_round(mode: str, background: tuple[int, ...] | int):
    image = Image.new(mode, (128, 64), background)
    ImageDraw.Draw(image).ellipse((48, 16, 80, 48), fill="white")  # 33 pixels high and wide
    extents = {}
    for fit in ("stretch", "cover", "pad"):
        pixels = np.asarray(decode.fit_image(image, 32, 32, fit)).reshape(32, 32, -1)
        assert pixels[0, 0].tolist() == pixels[-1, -1].tolist() == list(np.atleast_1d(background))
        white = pixels.mean(2) > (255 + np.mean(background)) / 2
        extents[fit] = (int(white.any(1).sum()), int(white.any(0).sum()))
    height, width = extents["stretch"]
    assert height > 1.7 * width
    for fit, size in (("cover", 16), ("pad", 8)):
        assert extents[fit][0] == extents[fit][1] and abs(extents[fit][0] - size) <= 1


def test_image_smaller_than_the_crop_is_an_error(tmp_path):
    (tmp_path / "few").mkdir()
    solid("RGB", 0, (50, 40)).save(tmp_path / "few" / "small.png")
    with pytest.raises(UserError, match=r"--input_height 64 is larger than 1 of 1 image in .*small.png 50x40"):
        read_dataset(Asked(dataset="few", data_dir=str(tmp_path), crop=True, input_height=64))


@pytest.fixture(scope="module")
def numbered(tmp_path_factory) -> Path:
    """A data_dir with a folder `n` of 100 gray images, number i of gray level i, and 5 broken files."""
    folder = tmp_path_factory.mktemp("data") / "n"
    folder.mkdir()
    for i in range(100):
        solid("RGB", (i, i, i)).save(folder / f"{i:03}.png")
    whole = (folder / "099.png").read_bytes()
    (folder / "007x.png").write_bytes(whole[:-30])
    (folder / "050x.png").write_bytes(b"")
    (folder / "051x.jpg").write_text("not an image")
    Image.new("1", (12000, 8000)).save(folder / "052x.png")  # valid, but above Pillow's limit: 96 million pixels
    (folder / "053x.png").symlink_to(folder / "nowhere")
    return folder.parent


def load(folder: Path, name: str = "n", **settings: object) -> Dataset:
    return read_dataset(Asked(dataset=name, data_dir=str(folder), **{"output_height": 8} | settings))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_broken_files_are_listed_and_skipped(numbered, capsys):
    dataset = load(numbered)
    printed = capsys.readouterr().out
    listed = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    assert [line.split(":")[0] for line in listed] == ["007x.png", "050x.png", "051x.jpg", "052x.png", "053x.png"]
    assert listed[3] == "052x.png: it has 96,000,000 pixels, too many"
    assert "Skipped:     5 " in printed and "100, gray" in printed
    assert dataset.spec.channels == 1 and dataset.images.shape == (100, 8, 8, 1)
    assert dataset.images[:, 3, 3, 0].tolist() == list(range(100))


def test_at_most_ten_broken_files_are_listed(tmp_path, capsys):
    (tmp_path / "n").mkdir()
    for i in range(20):
        solid("RGB", (i, 0, 0)).save(tmp_path / "n" / f"{i:03}.png")
        (tmp_path / "n" / f"{i:03}.jpg").write_bytes(b"no")
    load(tmp_path)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert len(lines) == 11 and lines[-1] == "  ... and 10 more"
    (tmp_path / "n" / "one more.jpg").write_bytes(b"no")
    with pytest.raises(UserError, match=r"Of 41 .* 21 cannot be read \(the first: 000.jpg: it is not an image\)"):
        load(tmp_path)


def test_an_interrupt_does_not_wait_for_the_images_that_were_to_be_read(monkeypatch: pytest.MonkeyPatch):
    decoded: list[object] = []
    interrupted = threading.Event()

    def slowly(data: object, spec: ImageSpec) -> tuple[np.ndarray, tuple[int, int]]:
        decoded.append(data)
        interrupted.wait()
        return np.zeros((8, 8, 3), np.uint8), (8, 8)

    def items() -> Iterator[sources.Item]:
        for number in range(3 * prepare.CHUNK):
            yield sources.Item(str(number), b"", 0)
        threading.Timer(0.2, interrupted.set).start()
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "decode_image", slowly)
    source = sources.Source("memory", items(), 100 * prepare.CHUNK)
    with pytest.raises(KeyboardInterrupt):
        prepare.decode_all(source, ImageSpec(8, 8, 3), 1, Path("unused"))
    assert len(decoded) <= (os.cpu_count() or 1) + 2  # one for each thread


def test_c_dim_forces_channels(numbered):
    assert load(numbered, c_dim=3).images.shape == (100, 8, 8, 3)
    assert load(numbered, c_dim=1).images.shape == (100, 8, 8, 1)


def test_one_colour_image_makes_the_data_set_colour(tmp_path):
    (tmp_path / "n").mkdir()
    for i in range(40):
        solid("L", i).save(tmp_path / "n" / f"{i}.png")
    solid("RGB", (1, 2, 3)).save(tmp_path / "n" / "last.png")
    assert load(tmp_path).spec.channels == 3


def test_file_without_a_name_gives_the_same_images_and_leaves_nothing(numbered, tmp_path, capsys):
    in_memory = load(numbered, cache=False)
    on_disk = load(numbered, cache=False, cache_gb=0, cache_dir=str(tmp_path / "cache"))
    assert f"on disk in {tmp_path / 'cache'}" in capsys.readouterr().out
    assert isinstance(on_disk.images, np.memmap) and not isinstance(in_memory.images, np.memmap)
    np.testing.assert_array_equal(on_disk.images, in_memory.images)
    batches = (dataset.batches(10, 10, seed=0) for dataset in (on_disk, in_memory))
    for a, b in islice(zip(*batches, strict=True), 25):
        np.testing.assert_array_equal(a[0], b[0])
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_room_for_more_than_cache_gb_is_an_error(numbered, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="--cache_dir"):
        load(numbered, cache_gb=0, cache_dir=str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"no room for .* GB"):
        load(numbered, output_height=600_000, cache_dir=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
