"""Images that are read only with a package, too small for the crop, or numbered from 1: nothing is lost in silence."""

from __future__ import annotations

import dataclasses
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

from dcgan_tf.cli import flags
from dcgan_tf.data import formats, idx
from dcgan_tf.data.dataset import Dataset, read_dataset
from dcgan_tf.download import mnist
from dcgan_tf.settings.config import Asked
from dcgan_tf.settings.resolve import check_given
from dcgan_tf.system.errors import UserError, counted

pytestmark = pytest.mark.usefixtures("shown")
HEIC_START = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def load(folder: Path, **settings: object) -> Dataset:
    return read_dataset(Asked(dataset=str(folder), **{"output_height": 16} | settings))


def heic(pixels: np.ndarray, orientation: int = 1) -> bytes:
    """Encode uint8 pixels [H, W, 3] without loss, but for the rounding of YCbCr."""
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = pillow_heif.from_pillow(Image.fromarray(pixels))
    image.info["exif"] = exif.tobytes()
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


def test_heif_is_not_registered_with_pillow(tmp_path: Path):
    """imageio registers it when it opens an image with Pillow, so a process of its own reads the folder."""
    (tmp_path / "0.heic").write_bytes(heic(np.zeros((16, 16, 3), np.uint8)))
    code = f"""
from PIL import Image
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.settings.config import Asked
assert len(read_dataset(Asked(dataset={str(tmp_path)!r}, output_height=16)).images) == 1
assert "HEIF" not in Image.OPEN
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_heif_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(formats, "heif_version", lambda: "")
    for name in ("0.png", "1.png"):
        Image.new("RGB", (16, 16)).save(tmp_path / name)
    for name in ("2.heic", "3.jpg"):
        (tmp_path / name).write_bytes(HEIC_START + bytes(99))
    assert len(load(tmp_path).images) == 2
    out = capsys.readouterr().out
    assert "files of other kinds: 1 .heic; convert .heic and .heif files" in out
    assert "3.jpg: it is a HEIF image; convert" in out and out.count("pip install pillow-heif") == 2


def test_images_too_small_for_the_crop_are_listed_at_once(tmp_path: Path):
    for number in range(40):
        side = 20 if number % 5 == 0 else 40
        Image.new("RGB", (side, side + 1), (9 * side // 2, 9, 5 * number)).save(tmp_path / f"{number:02}.png")
    says = r"larger than 8 of 40 images in .* \(00.png 20x21, 05.png 20x21, .*, 20.png 20x21, \.\.\.\); give"
    with pytest.raises(UserError, match=says) as error:
        load(tmp_path, crop=True, input_height=30)
    assert "\n" not in str(error.value)
    assert len(load(tmp_path, crop=True, input_height=20).images) == 40


def test_a_stray_image_beside_the_classes_is_named(tmp_path: Path):
    for name in ("cat/1.png", "dog/2.png", "preview.png", "cover.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16)).save(tmp_path / name)
    with pytest.raises(UserError, match=r"2 images lie in no sub-folder, such as cover.png; move or remove them"):
        load(tmp_path, conditional=True)
    assert len(load(tmp_path).images) == 4


@pytest.mark.parametrize("name", ["mnist", "mnist/", "./mnist", "MNIST"])
def test_mnist_is_fetched_however_it_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    fetched = []
    monkeypatch.setattr(mnist, "ensure", lambda folder: fetched.append(write_letters(folder)))
    dataset = read_dataset(Asked(dataset=name, data_dir=str(tmp_path)))
    assert len(fetched) == 1 and dataset.images.shape == (30, 8, 8, 1)


def write_letters(folder: Path, prefix: str = "emnist-letters") -> np.ndarray:
    """Write idx files as those of EMNIST's letters: labels 1 to 3, images that are transposed. Returns their images."""
    folder.mkdir(exist_ok=True)
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    labels = (np.arange(30) % 3 + 1).astype(np.uint8)
    (folder / f"{prefix}-train-images-idx3-ubyte").write_bytes(idx.encode(images.swapaxes(1, 2)))
    (folder / f"{prefix}-train-labels-idx1-ubyte").write_bytes(idx.encode(labels))
    return images


def test_labels_that_begin_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_letters(tmp_path)
    dataset = load(tmp_path)
    order = np.random.RandomState(547).permutation(30)
    assert dataset.class_names == ("1", "2", "3") and dataset.labels.tolist() == (order % 3).tolist()
    assert "Classes:     3: 1 10, 2 10, 3 10\n" in capsys.readouterr().out
    new = Asked(dataset=str(tmp_path), output_height=16, class_names=("1", "2", "3"))
    assert read_dataset(new).labels.tolist() == dataset.labels.tolist()


def test_a_run_that_exists_keeps_its_class_0(tmp_path: Path):
    write_letters(tmp_path)
    old = Asked(dataset=str(tmp_path), output_height=16, class_names=("0", "1", "2", "3"))
    dataset = read_dataset(old)
    assert dataset.class_names == old.class_names and set(dataset.labels) == {1, 2, 3}
    with pytest.raises(UserError, match="trained on the classes 2, 3, but"):
        read_dataset(dataclasses.replace(old, class_names=("2", "3")))


def test_letters_are_turned_as_the_documentation_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    upright = write_letters(tmp_path / "letters")
    sideways = load(tmp_path / "letters", output_height=8).images[..., 0]
    assert "Hint:        the images in EMNIST's files lie on their side" in capsys.readouterr().out
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/data.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(code[1].replace("data/letters", str(tmp_path / "letters")), {})
    turned = load(tmp_path / "letters", output_height=8).images[..., 0]
    assert "Hint" not in capsys.readouterr().out
    order = np.random.RandomState(547).permutation(30)
    np.testing.assert_array_equal(sideways, upright[order].swapaxes(1, 2))
    np.testing.assert_array_equal(turned, upright[order])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--is_train", "True"], "--is_train is now --train; give that instead."),
        (["--is_crop=True"], "--is_crop is now --crop; give that instead."),
        (["--nois_crop"], "--is_crop is now --crop; give that instead."),
        (["--image_size", "108"], "--image_size is now --input_height; give that instead."),
        (["--output_size=64"], "--output_size is now --output_height; give that instead."),
        (["--train", "True"], "a switch stands alone, as --train, or is turned off, as --nocrop"),
    ],
)
def test_flags_of_older_versions_name_their_successors(given: list[str], says: str):
    with pytest.raises(UserError, match=re.escape(says)) as error:
        flags.parse(["main.py", "--dataset=mnist", *given])
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize("given", [["--train=True"], ["--train=true"], ["--notrain", "--train"]])
def test_values_of_a_switch_that_work(given: list[str]):
    typed = flags.parse(["main.py", *given, "--c_dim=3", "--crop=False"]).given
    assert check_given(typed) == {"c_dim": 3, "crop": False}


def test_c_dim_of_the_original_works(tmp_path: Path):
    Image.new("RGB", (16, 16), "red").save(tmp_path / "1.png")
    assert load(tmp_path, c_dim=1).images.shape == (1, 16, 16, 1)
    assert load(tmp_path, c_dim=3).images.shape == (1, 16, 16, 3)


def test_counted():
    assert [counted(number, "folder") for number in (0, 1, 2, 3000)] == [
        "no folders",
        "1 folder",
        "2 folders",
        "3,000 folders",
    ]
    assert counted(2, "class") == "2 classes"


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
