"""The story of a training (--story): its loss curves, a GIF of its sample sheets, and the sheets of chosen epochs."""

from __future__ import annotations

import csv
from pathlib import Path

import imageio.v3 as iio
import matplotlib.style
import numpy as np
from matplotlib.figure import Figure  # not pyplot, whose backend belongs to the user's notebook
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util.tensor_util import make_ndarray

from dcgan_tf.losses import DRAWN, LOSSES
from dcgan_tf.runs.run import EVENT_FILES, Run
from dcgan_tf.runs.select import Selection
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import atomic_write
from dcgan_tf.system.messages import ignored_warnings, say

MAX_FRAMES = 200  # of training.gif
MAX_PIXELS = 100_000_000  # of all its frames together, for which Pillow takes about 1 GB
MARGIN = 20  # pixels between the sheets of epochs.png
MAX_WIDTH = 60_000  # of epochs.png; matplotlib before 3.10 cannot draw more than 65,535 pixels
DPI = 100
in_own_style = matplotlib.style.context("default")  # whatever the user's matplotlibrc and program set
Losses = dict[str, np.ndarray]  # iteration, and those of LOSSES, all of one length


def tell(selection: Selection) -> None:
    """Write the files of `write_story`.

    Raises: UserError if there is nothing to write.
    """
    run = selection.run
    if not write_story(run):
        raise UserError(
            f"The run {run.name} is too short for a report, which needs one point of the curves or two sample sheets in"
            f" {run.samples_folder}; train longer, or with a smaller --sample_freq and --log_freq."
        )


def write_story(run: Run) -> list[str]:
    """Write each file for which the run has enough data: losses.csv, losses.png, training.gif, epochs.png.

    Returns: the names of these files, which are in the run's samples_folder.
    """
    folder = run.samples_folder
    losses = read_losses(run.logs_folder)
    sheets = run.sheets("train")
    epoch_sheets = run.sheets("epoch")
    written = []
    if losses["iteration"].size:
        written += ["losses.csv", "losses.png"]
        write_csv(folder / "losses.csv", losses)
        plot_losses(folder / "losses.png", losses, run.name)
    if len(sheets) > 1:
        written.append("training.gif")
        write_training_gif(folder / "training.gif", sheets)
    if epoch_sheets:
        written.append("epochs.png")
        plot_epochs(folder / "epochs.png", epoch_sheets)
    for name in written:
        say(f"Wrote {folder / name}")
    return written


def read_losses(logs: Path) -> Losses:
    """Return the losses in the run's TensorBoard files, sorted by iteration. Skip iterations that lack one of them."""
    points: dict[int, dict[str, float]] = {}
    for file in sorted(logs.glob(EVENT_FILES)):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tag in LOSSES:
                    points.setdefault(event.step, {})[value.tag] = float(make_ndarray(value.tensor))
    whole = sorted(iteration for iteration, point in points.items() if len(point) == len(LOSSES))
    columns = {name: np.array([points[iteration][name] for iteration in whole]) for name in LOSSES}
    return {"iteration": np.array(whole, np.int64)} | columns


def write_csv(path: Path, losses: Losses) -> None:
    """Write a line for each logged iteration: iteration,d_loss,d_loss_real,d_loss_fake,g_loss."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([losses, *zip(*losses.values(), strict=True)])


@in_own_style
def plot_losses(path: Path, losses: Losses, title: str) -> None:
    """Plot d_loss and g_loss over the iterations."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, label in DRAWN.items():
        axes.plot(losses["iteration"], losses[name], linewidth=0.8, label=label)
    axes.set(xlabel="iteration", ylabel="loss", ylim=(min(0, axes.dataLim.ymin), None))
    axes.set_title(title, parse_math=False)  # a name can have two $
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def spread(sheets: list[Path], most: int) -> list[Path]:
    """Return at most that many sheets, but two, at equal intervals; the first and the last are among them."""
    count = min(len(sheets), max(2, most))
    chosen = np.linspace(0, len(sheets) - 1, count).round().astype(int)
    return [sheets[i] for i in chosen]


def write_training_gif(path: Path, sheets: list[Path]) -> None:
    """Write a GIF of the sheets, or of some at equal intervals. Skip those whose size differs from the last one."""
    height, width = iio.imread(sheets[-1]).shape[:2]
    chosen = spread(sheets, min(MAX_FRAMES, MAX_PIXELS // (height * width)))
    frames = [np.atleast_3d(iio.imread(sheet)) for sheet in chosen]
    frames = [frame for frame in frames if frame.shape == frames[-1].shape]
    image_files.save_gif(path, frames, seconds=max(2, len(frames) / 10))


@in_own_style
def plot_epochs(path: Path, sheets: list[Path]) -> None:
    """Show the sheets of epochs next to each other in one image, each with its epoch as the title."""
    widest = iio.imread(sheets[-1]).shape[1] + MARGIN
    sheets = spread(sheets, MAX_WIDTH // widest)
    images = [iio.imread(sheet) for sheet in sheets]
    width = sum(image.shape[1] + MARGIN for image in images) / DPI
    height = max(image.shape[0] for image in images) / DPI + 0.5
    figure = Figure(figsize=(width, height), layout="constrained")
    all_axes = figure.subplots(1, len(sheets), squeeze=False)[0]
    for axes, image, sheet in zip(all_axes, images, sheets, strict=True):
        axes.imshow(
            image,
            cmap="gray",
            vmin=0,
            vmax=255,
            interpolation="nearest",
        )
        axes.set_title(f"epoch {int(sheet.stem.removeprefix('epoch_'))}")
        axes.axis("off")
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as a PNG file."""
    with atomic_write(path) as temporary, ignored_warnings(UserWarning):  # no Chinese letters in matplotlib's font
        figure.savefig(temporary, dpi=DPI, format="png")
