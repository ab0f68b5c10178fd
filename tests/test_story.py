"""The report of a run: its loss curves, the GIF of its sheets and the sheets of epochs."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import imageio.v3 as iio
import matplotlib
import numpy as np
import pytest
import tensorflow as tf
from compare_runs import curves
from helpers import fails_with_one_sentence, main_here

from dcgan_tf.losses import LOSSES
from dcgan_tf.sampling import story


def test_a_report_shows_losses_sheets_and_epochs(blobs_run: Path, capsys: pytest.CaptureFixture):
    """The losses are those in TensorBoard, the GIF shows every sheet, and the sheets of epochs are side by side."""
    samples = blobs_run / "samples" / "blobs-small"
    names = ["losses.csv", "losses.png", "training.gif", "epochs.png"]
    for name in names:
        (samples / name).unlink()  # training has written them
    main_here("--dataset=blobs", "--story", out_dir=blobs_run)
    assert capsys.readouterr().out.splitlines()[1:] == [f"Wrote {samples / name}" for name in names]

    rows = list(csv.DictReader((samples / "losses.csv").read_text().splitlines()))
    assert [int(row["iteration"]) for row in rows] == [1, 10, 20, 30, 40, 50, 60]
    for name in ("d_loss", "d_loss_real", "d_loss_fake", "g_loss"):
        events = curves(blobs_run / "logs" / "blobs-small").Tensors(name)
        assert [float(row[name]) for row in rows] == [float(tf.make_ndarray(event.tensor_proto)) for event in events]
    plot = iio.imread(samples / "losses.png")
    assert plot.shape[:2] == (450, 900)
    assert len(np.unique(plot[..., :3].reshape(-1, 3), axis=0)) > 50  # the colours of both curves and of their edges

    frames = iio.imread(samples / "training.gif", index=None)
    sheets = np.stack([iio.imread(sheet) for sheet in sorted(samples.glob("train_*.png"))])
    assert frames.shape == sheets.shape and len(frames) == 3
    assert np.abs(frames.astype(int) - sheets).mean() < 6

    assert [sheet.name for sheet in sorted(samples.glob("epoch_*"))] == ["epoch_0005.png", "epoch_0030.png"]
    assert (samples / "epoch_0030.png").read_bytes() == (samples / "train_00000060.png").read_bytes()
    sheet, plot = iio.imread(samples / "epoch_0005.png"), iio.imread(samples / "epochs.png")
    assert 3 * sheet.shape[1] > plot.shape[1] > 2 * sheet.shape[1] and plot.shape[0] > sheet.shape[0]


def test_long_runs_and_large_sheets_give_fewer_frames_and_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(450):
        iio.imwrite(tmp_path / f"epoch_{number:08d}.png", np.full((8, 8), number % 250, np.uint8))
    sheets = sorted(tmp_path.glob("*.png"))
    for pixels, count in ((story.MAX_PIXELS, 200), (640, 10), (63, 2)):
        monkeypatch.setattr(story, "MAX_PIXELS", pixels)
        story.write_training_gif(tmp_path / "training.gif", sheets)
        frames = iio.imread(tmp_path / "training.gif", index=None)
        assert len(frames) == count and frames[0, 0, 0] == 0 and frames[-1, 0, 0] == 449 % 250
    monkeypatch.setattr(story, "MAX_WIDTH", 280)
    story.plot_epochs(tmp_path / "epochs.png", sheets)
    assert iio.imread(tmp_path / "epochs.png").shape[1] == 280
    losses = dict.fromkeys(("iteration", *LOSSES), np.ones(2))
    story.plot_losses(tmp_path / "losses.png", losses, "cost_$5_vs_$6")  # no formula
    assert iio.imread(tmp_path / "losses.png").ndim == 3
    plain = (tmp_path / "losses.png").read_bytes()
    with matplotlib.rc_context({"text.usetex": True, "figure.dpi": 7, "savefig.bbox": "tight", "font.size": 40}):
        story.plot_losses(tmp_path / "losses.png", losses, "cost_$5_vs_$6")
        assert matplotlib.rcParams["font.size"] == 40  # the user's stay, and change nothing
    assert (tmp_path / "losses.png").read_bytes() == plain


def test_a_short_run_has_a_short_report(mnist_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    for part in ("checkpoints", "samples", "logs"):
        shutil.copytree(mnist_run / part / "mnist-small", tmp_path / part / "mnist-small")
    samples = tmp_path / "samples" / "mnist-small"
    (samples / "train_00000020.png").unlink()
    for name in ("train_me.png", "epoch_0010 (copy).png"):  # these are no sheets
        (samples / name).touch()
    main_here("--dataset=mnist", "--story", out_dir=tmp_path)
    assert capsys.readouterr().out.splitlines()[1:] == [f"Wrote {samples}/losses.csv", f"Wrote {samples}/losses.png"]
    shutil.rmtree(tmp_path / "logs")
    fails_with_one_sentence("--dataset=mnist", "--story", cwd=tmp_path, says="is too short for a report")
