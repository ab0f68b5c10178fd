"""Images from a trained generator: single files, grids, paths between seeds, and arithmetic with z."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dcgan_tf import latents
from dcgan_tf.runs.select import Selection
from dcgan_tf.sampling.sampler import BATCH, Sampler, load_sampler
from dcgan_tf.settings.values import Term
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import printable
from dcgan_tf.system.messages import progress, report, say

LOOP_SECONDS = 2  # from one seed to the next
MOST_NAMES = 20  # of classes in one line


def write_images(selection: Selection, count: int, *, classes: Sequence[int]) -> None:
    """Write `count` PNG files into the folder `images`. Their seeds are config.seed, config.seed + 1, ...

    Args:
      count: number of images.
      classes: with labels, the classes; seed s gets classes[s % len(classes)]. Empty without labels.
    Raises: UserError if the run has no checkpoint that can be read.
    """
    folder = selection.run.samples_folder / "images"
    seeds = range(selection.config.seed, selection.config.seed + count)
    sampler = load_sampler(selection)
    write_image_files(sampler, folder, seeds, classes)
    first = file_name(sampler, seeds[0], classes)
    last = file_name(sampler, seeds[-1], classes)
    ends = " to ".join(dict.fromkeys([first, last]))
    say(f"Wrote {count:,} images, {ends}, to {folder}")
    others = sum(file.suffix == ".png" for file in folder.iterdir()) - count
    if others:
        say(f"There are {others:,} more images from earlier calls in that folder.")


def write_image_files(sampler: Sampler, folder: Path, seeds: range, classes: Sequence[int]) -> None:
    """Write the files of `write_images`, with a progress bar."""
    folder.mkdir(parents=True, exist_ok=True)
    # One thread writes a batch while the next one is generated. More are slower: only one thread runs Python at a time.
    with ThreadPoolExecutor(1) as thread, progress(total=len(seeds), unit="image") as bar:
        writing: Future[int] | None = None
        for start in range(0, len(seeds), BATCH):
            batch = seeds[start : start + BATCH]
            images = sampler.images_of(batch, classes)
            if writing:
                bar.update(writing.result())
            paths = [folder / file_name(sampler, seed, classes) for seed in batch]
            writing = thread.submit(_save_pngs, paths, images)
        if writing:
            bar.update(writing.result())


def _save_pngs(paths: Sequence[Path], images: np.ndarray) -> int:
    """Write the files, and return their number."""
    for path, image in zip(paths, images, strict=True):
        image_files.save_png(path, image)
    return len(paths)


def file_name(sampler: Sampler, seed: int, classes: Sequence[int]) -> str:
    """Return a name such as seed0000_class7.png."""
    if not sampler.class_names:
        return f"seed{seed:04d}.png"
    label = sampler.labels([seed], classes)[0]
    return f"seed{seed:04d}_class{name_in_files(sampler.class_names[label])}.png"


def name_in_files(class_name: str) -> str:
    """Return the name of a class for names of files: unusual characters become _."""
    return re.sub(r"[^\w.-]+", "_", class_name)


def write_grid(selection: Selection, shape: tuple[int, int], *, classes: Sequence[int]) -> None:
    """Write one sheet.

    With labels, each row is a class and each column a seed; after the last class, the first one comes again with the
    next seeds. Without labels, each cell shows the next seed.

    Args:
      shape: rows and columns.
      classes: with labels, row r shows class classes[r % len(classes)]; empty without labels.
    Raises: UserError if the sheet is too large, or the run has no checkpoint that can be read.
    """
    rows, columns = shape
    check_sheet(selection, rows, columns)
    sampler = load_sampler(selection)
    rows_of_one_seed = max(1, len(classes))
    seeds: list[int] = []
    for row in range(rows):
        first = selection.config.seed + row // rows_of_one_seed * columns
        seeds += range(first, first + columns)
    labels = np.repeat(sampler.labels(range(rows), classes), columns)
    sheet = image_files.sheet(sampler.images(sampler.z(seeds), labels), columns)
    if classes:
        names = [printable(sampler.class_names[label]) for label in classes[:rows]]
        report("Rows", ", ".join(names[:MOST_NAMES]) + ("" if len(names) <= MOST_NAMES else ", ..."))
    save(image_files.save_png, selection.run.samples_folder / f"grid_{rows}x{columns}.png", sheet)


def write_interpolation(selection: Selection, seeds: Sequence[int], *, steps: int, classes: Sequence[int]) -> None:
    """Interpolate from each seed to the next: write a sheet and a GIF.

    A segment goes from one seed to the next. The sheet has a row for each segment and class. The GIF shows all classes
    next to each other, and runs forwards and then backwards.

    Args:
      seeds: at least two.
      steps: images in each segment, at least 2; both ends are included.
      classes: with labels, the classes to show.
    Raises: UserError if the sheet is too large, or the run has no checkpoint that can be read.
    """
    folder = selection.run.samples_folder
    segments = len(seeds) - 1
    class_count = max(1, len(classes))
    check_sheet(selection, segments * class_count, steps)
    images = interpolate(load_sampler(selection), seeds, steps, classes)
    say_without_seed(selection)
    sheet = image_files.sheet(images.reshape(-1, *images.shape[3:]), steps)
    save(image_files.save_png, folder / "interpolate.png", sheet)

    frames = []
    for segment in images:
        frames += [image_files.row(segment[:, step]) for step in range(steps)]
    save(image_files.save_gif, folder / "interpolate.gif", image_files.append_reversed(frames), 4 * segments)


def write_loop(selection: Selection, seeds: Sequence[int], *, steps: int, classes: Sequence[int]) -> None:
    """Write loop.gif, which goes from seed to seed and back to the first one, so that it repeats without a jump.

    It also writes loop.mp4 if imageio-ffmpeg is installed.

    Args: as in `write_interpolation`.
    Raises: UserError if the images are too large, or the run has no checkpoint that can be read.
    """
    folder = selection.run.samples_folder
    class_count = max(1, len(classes))
    check_sheet(selection, len(seeds) * class_count, steps)
    images = interpolate(load_sampler(selection), [*seeds, seeds[0]], steps, classes)
    say_without_seed(selection)
    # The last image of a segment is the first one of the next.
    frames = [image_files.row(segment[:, step]) for segment in images for step in range(steps - 1)]
    seconds = len(seeds) * LOOP_SECONDS
    save(image_files.save_gif, folder / "loop.gif", frames, seconds)
    if importlib.util.find_spec("imageio_ffmpeg"):
        save(image_files.save_mp4, folder / "loop.mp4", frames, seconds)


def interpolate(sampler: Sampler, seeds: Sequence[int], steps: int, classes: Sequence[int]) -> np.ndarray:
    """Return the images of `write_interpolation`, uint8 [segments, classes or 1, steps, H, W, C]."""
    z = latents.interpolate(sampler.z(seeds), steps, sampler.z_dist)  # [segments, steps, Z]
    segments = len(z)
    class_count = max(1, len(classes))
    z = np.repeat(z[:, None], class_count, axis=1)  # [segments, classes, steps, Z]
    labels = np.tile(np.repeat(sampler.labels(range(class_count), classes), steps), segments)
    images = sampler.images(z.reshape(-1, sampler.z_dim), labels)
    return images.reshape(segments, class_count, steps, *images.shape[1:])


def write_arithmetic(selection: Selection, terms: Sequence[Term], *, classes: Sequence[int]) -> None:
    """Write a sheet with the sum of mean z (Radford et al. 2015, figure 7).

    Each term has a column: the images of its seeds and, in the last row, the image of their mean z. Then
    come an empty column and 3 x 3 images: the image of the sum in the middle, and around it images of the sum plus
    uniform noise of up to 0.25.

    Args:
      terms: for each term its sign, 1 or -1, and the seeds of its mean z.
      classes: with labels, all images are of the first of these classes.
    Raises: UserError if the sheet is too large, or the run has no checkpoint that can be read.
    """
    rows = max(3, max(len(seeds) for _, seeds in terms) + 1)
    columns = len(terms) + 4
    check_sheet(selection, rows, columns)
    sampler = load_sampler(selection)

    cells: dict[tuple[int, int], np.ndarray] = {}  # (row, column) in the sheet: z [Z]
    total = np.zeros(sampler.z_dim, np.float32)
    for column, (sign, seeds) in enumerate(terms):
        z = sampler.z(seeds)
        mean = z.mean(0)
        cells |= {(row, column): z[row] for row in range(len(seeds))}
        cells[rows - 1, column] = mean
        total += sign * mean
    first = selection.config.seed
    noise = 0.25 * latents.z_from_seeds(range(first, first + 9), sampler.z_dim, "uniform_signed")
    noise[4] = 0
    cells |= {(i // 3, columns - 3 + i % 3): total + noise[i] for i in range(9)}

    images = np.zeros((rows, columns, *sampler.image_shape), np.uint8)
    labels = sampler.labels([0] * len(cells), classes)
    for cell, image in zip(cells, sampler.images(np.stack(list(cells.values())), labels), strict=True):
        images[cell] = image
    sheet = image_files.sheet(images.reshape(-1, *sampler.image_shape), columns)
    save(image_files.save_png, selection.run.samples_folder / "arithmetic.png", sheet)


def say_without_seed(selection: Selection) -> None:
    """Say that --seed has no effect, if the user gave one to a command that names its seeds."""
    if selection.config.seed:
        report("Hint", "--seed has no effect here: the command itself names its seeds.")


def check_sheet(selection: Selection, rows: int, columns: int) -> None:
    """Raise UserError if a sheet of rows x columns images of the run is too large."""
    height, width, _ = selection.config.image_shape
    image_files.check_sheet(rows, columns, height, width)


def save(write: Callable[..., None], path: Path, *args: object) -> None:
    """Write a file with a function of image_files, and name it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, *args)
    say(f"Wrote {path}")
