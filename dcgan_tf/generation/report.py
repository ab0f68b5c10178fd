"""The story of a run: its loss curves, the film of its sample sheets, and the sheets of chosen epochs side by side."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import imageio.v3 as iio
import matplotlib
import numpy as np
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util.tensor_util import make_ndarray

from dcgan_tf.errors import UserError
from dcgan_tf.files import atomic_write
from dcgan_tf.generation import image_files
from dcgan_tf.losses import LOSSES
from dcgan_tf.runs import Run

matplotlib.use("Agg")

from matplotlib import pyplot as plt

MAX_FRAMES = 200  # of training.gif


def report(run: Run) -> None:
    """Write losses.csv, losses.png, training.gif and, of the epochs in --epoch_samples, epochs.png into run.samples.

    Raises UserError if the run has no curves, or fewer than two sample sheets.
    """
    sheets = len(list(run.samples.glob("train_*.png")))
    if sheets < 2 or not read_losses(run.logs):
        raise UserError(
            f"The run {run.name} is too short for a film and curves, which need two sample sheets and one point: it has"
            f" {sheets} sheets in {run.samples}; train longer, or with a smaller --sample_freq and --log_freq."
        )
    for path in write_report(run):
        print(f"Wrote {path}")
    if not any(run.samples.glob("epoch_*.png")):
        print("No sheets of epochs were kept: --epoch_samples 2,10,25 beside --train keeps those, to see side by side.")


def write_report(run: Run) -> list[Path]:
    """Write as much of the story as the run has lived, at most these files; returns those written."""
    losses = read_losses(run.logs)
    sheets, epochs = (sorted(run.samples.glob(f"{kind}_*.png")) for kind in ("train", "epoch"))
    parts = [
        ("losses.csv", losses, lambda path: write_csv(path, losses)),
        ("losses.png", losses, lambda path: draw_losses(path, losses, run.name)),
        ("training.gif", sheets[1:], lambda path: write_film(path, sheets)),
        ("epochs.png", epochs, lambda path: draw_epochs(path, epochs)),
    ]
    written = [(run.samples / name, write) for name, enough, write in parts if enough]
    for path, write in written:
        write(path)
    return [path for path, _ in written]


def read_losses(logs: Path) -> dict[int, dict[str, float]]:
    """The losses saved for TensorBoard, read by its own reader: {iteration: {"d_loss": 1.3, ...}}, in order."""
    losses: dict[int, dict[str, float]] = {}
    for file in sorted(logs.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tag in LOSSES:
                    losses.setdefault(event.step, {})[value.tag] = float(make_ndarray(value.tensor))
    return {iteration: point for iteration, point in sorted(losses.items()) if len(point) == len(LOSSES)}


def write_csv(path: Path, losses: dict[int, dict[str, float]]) -> None:
    """A line for each iteration logged: iteration,d_loss,d_loss_real,d_loss_fake,g_loss."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["iteration", *LOSSES])
        writer.writerows([iteration, *(point[name] for name in LOSSES)] for iteration, point in losses.items())


def draw_losses(path: Path, losses: dict[int, dict[str, float]], title: str) -> None:
    """The losses of both networks over the iterations."""
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for name, label in (("d_loss", "discriminator (d_loss)"), ("g_loss", "generator (g_loss)")):
        axes.plot(list(losses), [point[name] for point in losses.values()], linewidth=0.8, label=label)
    axes.set(xlabel="iteration", ylabel="loss", title=title, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def write_film(path: Path, sheets: list[Path]) -> None:
    """The sheets as a GIF, at most MOST_FRAMES of them evenly chosen; only those of the last one's size."""
    chosen = np.linspace(0, len(sheets) - 1, min(MAX_FRAMES, len(sheets))).round().astype(int)
    frames = [np.atleast_3d(iio.imread(sheets[i])) for i in chosen]
    frames = [frame for frame in frames if frame.shape == frames[-1].shape]
    image_files.save_gif(path, frames, seconds=max(2, len(frames) / 10))


def draw_epochs(path: Path, sheets: list[Path]) -> None:
    """The sheets side by side, each under its epoch."""
    images = [iio.imread(sheet) for sheet in sheets]
    wide = sum(image.shape[1] for image in images) / 100
    high = max(image.shape[0] for image in images) / 100
    figure, all_axes = plt.subplots(
        1, len(sheets), figsize=(wide + 0.2 * len(sheets), high + 0.5), squeeze=False, layout="constrained"
    )
    for axes, image, sheet in zip(all_axes[0], images, sheets, strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(f"epoch {int(sheet.stem.removeprefix('epoch_'))}")
        axes.axis("off")
    save_figure(figure, path)


def save_figure(figure: plt.Figure, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100, format="png")
    plt.close(figure)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
