"""Images from a trained generator: single files, grids, paths between seeds, and arithmetic with z."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dcgan_tf import latents
from dcgan_tf.pixels import blocks
from dcgan_tf.runs.select import Selection
from dcgan_tf.sampling.sampler import BATCH, Sampler, load_sampler
from dcgan_tf.settings.values import Term
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import listed
from dcgan_tf.system.files import fitting
from dcgan_tf.system.messages import progress, report, say

SEGMENT_SECONDS = 2  # of GIF and MP4 files, from one seed to the next
MAX_FRAME_WIDTH = 16_384  # of MP4 files; GIF files can be four times as wide


def write_images(selection: Selection, count: int, *, classes: Sequence[int]) -> None:
    """Write `count` PNG files into the folder `images`. Their seeds are config.seed, config.seed + 1, ...

    Args:
      classes: with labels, the classes; seed s gets classes[s % len(classes)]. Empty without labels.
    Raises: UserError.
    """
    folder = selection.run.samples_folder / "images"
    sampler = load_sampler(selection)
    folder.mkdir(parents=True, exist_ok=True)
    seeds = sampler.seeds(count)
    for block in progress(blocks(count, BATCH), unit="batch"):
        some = seeds[block]
        labels = sampler.labels(some, classes)
        images = sampler.images(sampler.z(some), labels)
        for seed, label, image in zip(some, labels, images, strict=True):
            name = f"seed{seed:04d}"
            if classes:
                name += f"_class{name_in_files(sampler.config.class_names[label])}"
            image_files.save_png(folder / fitting(f"{name}.png"), image)
    say(f"Wrote {count:,} images of the seeds {seeds[0]} to {seeds[-1]} to {folder}")


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
    Raises: UserError.
    """
    rows, columns = shape
    sampler = load_sampler(selection, rows, columns)
    rows_of_one_seed = max(1, len(classes))
    first = selection.config.seed
    seeds = [first + row // rows_of_one_seed * columns + column for row in range(rows) for column in range(columns)]
    labels = np.repeat(sampler.labels(range(rows), classes), columns)
    images = sampler.images(sampler.z(seeds), labels)
    if classes:
        names = [sampler.config.class_names[label] for label in classes[:rows]]
        report("Rows", listed(names, rows))
    save_sheet(selection, f"grid_{rows}x{columns}.png", images, columns)


def write_interpolation(selection: Selection, seeds: Sequence[int], *, steps: int, classes: Sequence[int]) -> None:
    """Interpolate from each seed to the next (Radford et al. 2015, section 6.1): write a sheet and a GIF.

    A segment goes from one seed to the next. The sheet has a row for each segment and class. The GIF shows all classes
    next to each other, and runs forwards and then backwards.

    Args:
      seeds: at least two.
      steps: images in each segment, at least 2; both ends are included.
      classes: with labels, the classes to show.
    Raises: UserError.
    """
    images = _interpolate(selection, seeds, steps, classes)
    save_sheet(selection, "interpolate.png", images.reshape(-1, *images.shape[3:]), steps)
    frames = frames_of(images)
    path = selection.run.samples_folder / "interpolate.gif"
    save(image_files.save_gif, path, frames + frames[::-1], 2 * len(images) * SEGMENT_SECONDS)


def write_loop(selection: Selection, seeds: Sequence[int], *, steps: int, classes: Sequence[int]) -> None:
    """Write loop.gif, which goes from seed to seed and back to the first one, so that it repeats without a jump.

    It also writes loop.mp4 if imageio-ffmpeg is installed.

    Args: as in `write_interpolation`.
    Raises: UserError.
    """
    images = _interpolate(selection, [*seeds, seeds[0]], steps, classes)
    frames = frames_of(images[:, :, :-1])  # the last image of a segment is the first one of the next
    folder = selection.run.samples_folder
    seconds = len(seeds) * SEGMENT_SECONDS
    save(image_files.save_gif, folder / "loop.gif", frames, seconds)
    if importlib.util.find_spec("imageio_ffmpeg"):
        save(image_files.save_mp4, folder / "loop.mp4", frames, seconds)


def frames_of(images: np.ndarray) -> list[np.ndarray]:
    """Return each step of each segment of `interpolate`, with all classes next to each other.

    Returns: segments * steps frames, uint8 [H, classes * W, C]; where that is too wide, the classes are a sheet.
    """
    _, columns, _, _, width, _ = images.shape
    if columns * width > MAX_FRAME_WIDTH:
        columns = 0  # as a sheet
    segments = images.swapaxes(1, 2)  # [segments, steps, classes, H, W, C]
    return [image_files.sheet(step, columns) for segment in segments for step in segment]


def _interpolate(selection: Selection, seeds: Sequence[int], steps: int, classes: Sequence[int]) -> np.ndarray:
    rows = (len(seeds) - 1) * max(1, len(classes))
    return interpolate(load_sampler(selection, rows, steps), seeds, steps, classes)


def interpolate(sampler: Sampler, seeds: Sequence[int], steps: int, classes: Sequence[int]) -> np.ndarray:
    """Return the images of `write_interpolation`.

    Args:
      steps: images in each segment; both ends are included.
      classes: with labels, the classes to show; empty without labels.
    Returns: uint8 [segments, classes or 1, steps, H, W, C].
    """
    config = sampler.config
    z = latents.interpolate(sampler.z(seeds), steps, config.z_dist)  # [segments, steps, Z]
    class_count = max(1, len(classes))
    z = np.repeat(z[:, None], class_count, axis=1)  # [segments, classes, steps, Z]
    of_segment = np.repeat(sampler.labels(range(class_count), classes), steps)
    labels = np.tile(of_segment, len(z))
    images = sampler.images(z.reshape(-1, config.z_dim), labels)
    return images.reshape(*z.shape[:3], *config.image_shape)


def write_arithmetic(selection: Selection, terms: Sequence[Term], *, classes: Sequence[int]) -> None:
    """Write a sheet with the sum of mean z (Radford et al. 2015, figure 7).

    Each term has a column: the images of its seeds and, in the last row, the image of their mean z. Then
    come an empty column and 3 x 3 images: the image of the sum in the middle, and around it images of the sum plus
    uniform noise of up to 0.25.

    Args:
      terms: for each term its sign, 1 or -1, and the seeds of its mean z.
      classes: with labels, all images are of the first of these classes.
    Raises: UserError.
    """
    rows = 1 + max(2, *(len(seeds) for _, seeds in terms))
    columns = len(terms) + 4
    sampler = load_sampler(selection, rows, columns)
    z_dim = selection.config.z_dim
    z = np.full((rows, columns, z_dim), np.nan, np.float32)  # where it stays so, there is no image
    results = z[:3, -3:]
    results[:] = 0
    for column, (sign, seeds) in enumerate(terms):
        points = sampler.z(seeds)
        mean = points.mean(0)
        z[: len(seeds), column] = points
        z[-1, column] = mean
        results += sign * mean
    noise = 0.25 * latents.z_from_seeds(sampler.seeds(9), z_dim, "uniform_signed")
    noise[4] = 0
    results += noise.reshape(results.shape)
    cells = z.reshape(-1, z_dim)
    labels = sampler.labels([0] * len(cells), classes)
    images = sampler.images(np.nan_to_num(cells), labels)
    images[np.isnan(cells[:, 0])] = 0
    save_sheet(selection, "arithmetic.png", images, columns)


def save_sheet(selection: Selection, name: str, images: np.ndarray, columns: int = 0) -> None:
    """Write a sheet into the samples of the run, and name the file.

    Args:
      images: uint8 [N, H, W, C].
      columns: images in a row; 0: ceil(sqrt(N)).
    """
    save(image_files.save_png, selection.run.samples_folder / name, image_files.sheet(images, columns))


def save(write: Callable[..., None], path: Path, *args: object) -> None:
    """Write a file with `write(path, *args)`, such as a function of image_files, and name it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, *args)
    say(f"Wrote {path}")
