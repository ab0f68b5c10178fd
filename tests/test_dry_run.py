"""--dry_run: what is said of a training before it begins, and that nothing of a run is written."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from helpers import fails_with_one_sentence, main_here, task, write_images

import dcgan_tf
from dcgan_tf.data import decode
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.model import DCGAN
from dcgan_tf.settings.config import Asked
from dcgan_tf.settings.resolve import ask, check_given, resolve
from dcgan_tf.system.errors import UserError
from dcgan_tf.training import dry_run
from dcgan_tf.training.cluster import SINGLE_PROCESS, Cluster
from dcgan_tf.training.hints import hints
from dcgan_tf.training.plan import Plan

SIZES = ["--output_height=16", "--stages=2", "--z_dim=10", "--gf_dim=4", "--df_dim=4", "--batch_size=8"]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No iteration is trained; the first one is said to take 2 s, and the others 0.5 s on average."""
    monkeypatch.setattr(dry_run, "measure", lambda *args: (2.0, 0.5))


@pytest.fixture
def told(images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    """A function that returns what a dry run with these flags says."""

    def tell(*args: str, out_dir: Path = tmp_path) -> str:
        main_here("--train", "--dry_run", f"--data_dir={images_dir}", *args, out_dir=out_dir)
        return capsys.readouterr().out

    return tell


def files_in(folder: Path) -> dict[Path, int]:
    """Return when each file was last written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_nothing_is_written_and_the_numbers_are_right(told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dry_run, "SECONDS", 0.01)
    out = told("--dataset=blobs", "--epoch=3", *SIZES)
    assert list(tmp_path.iterdir()) == []
    assert re.search(r"^Images: +40, colour", out, re.M)
    # linear 10 x 128 + 128; batch norms 2 x 8 and 2 x 4; 5 x 5 x 8 x 4 + 4; 5 x 5 x 4 x 3 + 3
    assert "generator: 2,539 parameters\n" in out
    # 5 x 5 x 3 x 4 + 4; 5 x 5 x 4 x 8 + 8; batch norm 2 x 8; linear 4 x 4 x 8 + 1
    assert "discriminator: 1,257 parameters\n" in out
    assert re.search(r"^Iterations: +15 with batches of 8; 15 are left$", out, re.M)
    assert re.search(r"^Measured: +[\d.]+ s an iteration, [\d,]+ images/s$", out, re.M)
    assert out.endswith("To train, give the same command without --dry_run.\n")


@pytest.mark.usefixtures("measured")
def test_the_preset_that_the_images_choose(told):
    out = told("--dataset=blobs", "--preset=auto", "--precision=float32", "--output_height=32", "--fit=pad")
    assert re.search(r"^Prepared: +--fit pad, resized to 32x32, 0.1 MB$", out, re.M)
    assert re.search(r"^Preset: +small: 40 images, \d\d% of whose pixels equal the next one, as in drawings", out, re.M)
    assert out.count("Preset:") == 1
    assert re.search(r"^Iterations: +15,000 with batches of 16; 15,000 are left$", out, re.M)
    assert re.search(r"^Time: +2:05:0\d .h:mm:ss. to the end", out, re.M)


@pytest.mark.usefixtures("measured")
def test_the_time_that_is_left_of_a_run(told, blobs_run: Path):
    before = files_in(blobs_run)
    flags = ["--dataset=blobs", "--resume", "--out_name=blobs-small", "--epoch=50", "--preset=auto"]
    out = told(*flags, out_dir=blobs_run)
    assert re.search(r"^Continue from .*blobs-small/model-60$", out, re.M)
    assert re.search(r"^Iterations: +100 with batches of 16; 40 are left$", out, re.M)
    assert re.search(r"^Time: +0:00:22 ", out, re.M)
    size = float(re.search(r"^Disk: +([\d.]+) MB a checkpoint; about \d", out, re.M)[1])
    written = sum(file.stat().st_size for file in (blobs_run / "checkpoints" / "blobs-small").glob("model-60.*"))
    assert size * 1e6 == pytest.approx(written, rel=0.1)
    assert files_in(blobs_run) == before


def test_the_first_call_is_not_measured(images_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A train step that sleeps 0.5 s in its first call, and 20 ms an iteration in the others."""
    sizes = {"output_height": 16, "stages": "2", "gf_dim": 4, "df_dim": 4, "batch_size": 8, "steps_per_call": 5}
    asked = Asked("blobs", str(images_dir), cache_dir=str(tmp_path), iterations=2, **sizes)
    dataset = read_dataset(asked)
    config = resolve(asked, dataset.decides)
    calls = []

    def train_step(images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        calls.append(images.shape)
        time.sleep(0.02 * len(images) if len(calls) > 1 else 0.5)
        return {"d_loss": 0.0}

    model = DCGAN(config)
    monkeypatch.setattr(model, "compiled", lambda: train_step)
    monkeypatch.setattr(dry_run, "SECONDS", 0.3)
    compiling, seconds = dry_run.measure(dataset, model)
    assert 0.5 <= compiling < 5
    assert len(calls) - 1 >= dry_run.CALLS
    assert calls[1] == (5, 8, 16, 16, 3)
    assert 0.02 <= seconds < 0.06


def test_it_is_for_one_process_the_command_line_and_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_CONFIG", task([1111, 2222], 1)["TF_CONFIG"])
    flags = ["--dataset=blobs", "--train", "--dry_run"]
    fails_with_one_sentence(*flags, cwd=tmp_path, says="--dry_run is for one process, but TF_CONFIG")
    with pytest.raises(UserError, match="^There is no setting --dry_run here"):
        dcgan_tf.train("blobs", out_dir=tmp_path, dry_run=True)
    fails_with_one_sentence("--dataset=blobs", "--dry_run", cwd=tmp_path, says="--dry_run needs --train.")
    assert list(tmp_path.iterdir()) == []


def test_a_taken_name_is_told_before_the_images_are_read(blobs_run: Path, tmp_path: Path):
    """There are no images: a message about them would come later. Nothing of the run changes."""
    before = files_in(blobs_run)
    flags = ["--train", "--dry_run", "--dataset=nothing", "--out_name=blobs-small", f"--data_dir={tmp_path}"]
    with pytest.raises(UserError, match="The run 'blobs-small' exists already .* add --resume"):
        main_here(*flags, out_dir=blobs_run)
    assert files_in(blobs_run) == before


TRAINED = {"iterations": 2_000, "output_height": 16}


@pytest.mark.parametrize(
    ("images", "others", "devices", "given", "said"),
    [
        (
            {"a": 120},
            {},
            1,
            {},
            ["25 iterations are few: ", "no image is larger than 16x16: --output_height 16 is fas"],
        ),
        ({"a": 70}, {"heic": 5, "png": 5}, 1, TRAINED, ["75 images are very few", "5 files that may", "5 of 75 im"]),
        ({"a": 120}, {"heic": 5, "png": 5}, 1, TRAINED, []),
        ({"a": 120}, {}, 1, TRAINED | {"output_height": 32}, ["photographs of 32x32 are better with --init_from"]),
        ({"a": 100, "b": 99}, {}, 1, TRAINED, ["the images have 2 classes: --conditional trains with them."]),
        ({"a": 100, "b": 99}, {}, 1, TRAINED | {"conditional": True}, ["a class has only 99 images"]),
        ({"wide": 120}, {}, 1, TRAINED, ["most images are squeezed to 16x16; --fit cover"]),
        ({"a": 120}, {}, 4, TRAINED, ["4 devices share each batch: --batch_size 256 is better"]),
    ],
)
def test_hints(tmp_path: Path, monkeypatch, images: dict, others: dict, devices: int, given: dict, said: list[str]):
    monkeypatch.setattr(decode, "heif_version", lambda: "")
    write_images(tmp_path, *(f"{folder}/{number}.png" for folder, count in images.items() for number in range(count)))
    for file in tmp_path.glob("wide/*"):
        iio.imwrite(file, iio.imread(file)[:10])
    for kind, count in others.items():
        for number in range(count):
            shutil.copy(tmp_path / "a" / "0.png", tmp_path / "a" / f"copy{number}.{kind}")
    given = check_given({"dataset": str(tmp_path)} | given)
    asked = ask(given)
    dataset = read_dataset(asked)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(devices)])
    found = hints(resolve(asked, dataset.decides), dataset, Cluster(strategy, SINGLE_PROCESS, 0), Plan(given, asked))
    assert [text[: len(start)] for text, start in zip(found, said, strict=True)] == said
