"""Loss curves, the film of the sheets and the sheets of epochs, against the run's own files."""

from __future__ import annotations

import csv
import dataclasses
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from conftest import fails_with_one_sentence, main_here
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dcgan_tf.config import Config
from dcgan_tf.errors import UserError
from dcgan_tf.generation import report


@pytest.fixture
def told(blobs_run: Path, capsys: pytest.CaptureFixture) -> Path:
    """The samples of the run, its story just told anew."""
    samples = blobs_run / "samples" / "blobs-small"
    names = ["losses.csv", "losses.png", "training.gif", "epochs.png"]
    for name in names:
        (samples / name).unlink()  # training had written them: else this fails
    main_here("--dataset=blobs", "--story", out_dir=blobs_run)
    assert capsys.readouterr().out.splitlines()[1:] == [f"Wrote {samples / name}" for name in names]
    return samples


def test_the_losses_are_those_of_tensorboard(told: Path, blobs_run: Path):
    rows = list(csv.DictReader((told / "losses.csv").read_text().splitlines()))
    assert [int(row["iteration"]) for row in rows] == [1, 10, 20, 30, 40, 50, 60]
    events = EventAccumulator(str(blobs_run / "logs" / "blobs-small"), size_guidance={"tensors": 0})
    events.Reload()
    for name in ("d_loss", "d_loss_real", "d_loss_fake", "g_loss"):
        saved = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(name)]
        assert [float(row[name]) for row in rows] == saved
    picture = iio.imread(told / "losses.png")
    assert picture.shape[:2] == (450, 900)
    assert len(np.unique(picture[..., :3].reshape(-1, 3), axis=0)) > 50  # both curves' colours, and their edges


def test_the_film_shows_every_sheet(told: Path):
    sweep_frames = iio.imread(told / "training.gif", index=None)
    sheets = np.stack([iio.imread(sheet) for sheet in sorted(told.glob("train_*.png"))])
    assert sweep_frames.shape == sheets.shape and len(sweep_frames) == 3
    assert np.abs(sweep_frames.astype(int) - sheets).mean() < 6


def test_sheets_of_epochs_stand_side_by_side(told: Path):
    assert [sheet.name for sheet in sorted(told.glob("epoch_*"))] == ["epoch_0005.png", "epoch_0030.png"]
    assert (told / "epoch_0030.png").read_bytes() == (told / "train_00000060.png").read_bytes()
    sheet, picture = iio.imread(told / "epoch_0005.png"), iio.imread(told / "epochs.png")
    assert picture.shape[1] > 2 * sheet.shape[1] and picture.shape[0] > sheet.shape[0]
    assert picture.shape[1] < 3 * sheet.shape[1]


def test_a_long_run_gives_a_short_film(tmp_path: Path):
    for number in range(450):
        iio.imwrite(tmp_path / f"train_{number:08d}.png", np.full((8, 8), number % 250, np.uint8))
    report.write_training_gif(tmp_path / "training.gif", sorted(tmp_path.glob("train_*.png")))
    sweep_frames = iio.imread(tmp_path / "training.gif", index=None)
    assert len(sweep_frames) == 200 and sweep_frames[0, 0, 0] == 0 and sweep_frames[-1, 0, 0] == 449 % 250


def test_a_run_too_short_for_a_story(mnist_run: Path, tmp_path: Path):
    for part in ("checkpoints", "samples", "logs"):
        shutil.copytree(mnist_run / part / "mnist-small", tmp_path / part / "mnist-small")
    (tmp_path / "samples" / "mnist-small" / "train_00000020.png").unlink()
    (tmp_path / "samples" / "mnist-small" / "losses.csv").unlink()
    fails_with_one_sentence("--dataset=mnist", "--story", cwd=tmp_path, says="it has 1 sheets in")
    assert not (tmp_path / "samples" / "mnist-small" / "losses.csv").exists()


def test_epochs_to_keep_must_come():
    assert Config(epoch=25, epoch_samples="2,10,25").epochs_to_keep == (2, 10, 25)
    for text in ("26", "0,5", "2;3"):
        with pytest.raises(UserError, match="--epoch_samples"):
            Config(epoch=25, epoch_samples=text)
    with pytest.raises(UserError, match="--epoch, which is 5"):
        dataclasses.replace(Config(epoch=25, epoch_samples="10"), epoch=5)
