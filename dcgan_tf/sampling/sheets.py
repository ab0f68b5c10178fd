"""Images from a trained generator: single files, grids, interpolations between seeds, and arithmetic with z."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan_tf import latents
from dcgan_tf.pixels import to_uint8
from dcgan_tf.runs import checkpoint
from dcgan_tf.runs.run import Run
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.values import Term
from dcgan_tf.system import image_files

LOOP_SECONDS = 2  # from one seed to the next
BATCH = 256  # images in a batch; larger batches were not faster when measured
SampleFn = Callable[[np.ndarray, np.ndarray], np.ndarray]  # z float32 [N, Z], labels int32 [N] -> uint8 [N, H, W, C]


def make_sample_fn(generator: keras.Model, config: Config, batch: int = BATCH) -> SampleFn:
    """Return the generator as a function from z, which is truncated as in the settings, and labels to images.

    The function fills the last batch with zeros, so that the same z gives the same image for every N.
    """

    @tf.function
    def generate_batch(z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return generator(z, tf.one_hot(labels, config.y_dim), training=False)

    def sample_fn(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
        z = latents.truncate(z, config.truncation, config.z_dist)
        images = np.empty((len(z), config.output_height, config.output_width, config.c_dim), np.uint8)
        for start in range(0, len(z), batch):
            stop = min(start + batch, len(z))
            padding = batch - (stop - start)
            padded_z = np.pad(z[start:stop], ((0, padding), (0, 0)))
            padded_labels = np.pad(labels[start:stop], (0, padding))
            output = generate_batch(padded_z, padded_labels).numpy()
            images[start:stop] = to_uint8(output[: stop - start], config.value_range)
        return images

    return sample_fn


def load_sample_fn(run: Run, config: Config, batch: int = BATCH) -> SampleFn:
    """Load the run's generator, print its checkpoint, and return it as in `make_sample_fn`. Raises UserError."""
    generator, path = checkpoint.load_generator(run, config)
    print(f"Generator: {path}")
    return make_sample_fn(generator, config, batch)


def write_images(run: Run, config: Config, count: int, *, classes: Sequence[int]) -> None:
    """Write `count` PNG files into the folder `images`. Their seeds are config.seed, config.seed + 1, ...

    Args:
      count: number of images.
      classes: with labels, the classes; seed s gets classes[s % len(classes)]. Empty without labels.
    Raises: UserError if the run has no checkpoint that can be read.
    """
    folder = run.samples / "images"
    write_image_files(load_sample_fn(run, config), config, folder, count, classes)
    ends = [file_name(seed, classes, config) for seed in (config.seed, config.seed + count - 1)]
    print(f"Wrote {count:,} images, {' to '.join(dict.fromkeys(ends))}, to {folder}")
    others = sum(file.suffix == ".png" for file in folder.iterdir()) - count
    if others:
        print(f"There are {others:,} more images from earlier calls in that folder.")


def write_image_files(sample_fn: SampleFn, config: Config, folder: Path, count: int, classes: Sequence[int]) -> None:
    """Write the files of `write_images`, with a progress bar."""
    folder.mkdir(parents=True, exist_ok=True)
    # One thread writes a batch while the next one is generated. More are slower: only one thread runs Python at a time.
    with ThreadPoolExecutor(1) as thread, tqdm(total=count, unit="image", dynamic_ncols=True) as progress:
        writing: Future[int] | None = None
        for start in range(config.seed, config.seed + count, BATCH):
            seeds = range(start, min(start + BATCH, config.seed + count))
            z = latents.z_from_seeds(seeds, config.z_dim, config.z_dist)
            images = sample_fn(z, latents.cycle_labels(seeds, classes))
            if writing:
                progress.update(writing.result())
            paths = [folder / file_name(seed, classes, config) for seed in seeds]
            writing = thread.submit(_save_pngs, paths, images)
        progress.update(writing.result())


def _save_pngs(paths: Sequence[Path], images: np.ndarray) -> int:
    """Write the files, and return their number."""
    for path, image in zip(paths, images, strict=True):
        image_files.save_png(path, image)
    return len(paths)


def file_name(seed: int, classes: Sequence[int], config: Config) -> str:
    """Return a name such as seed0000_class7.png; unusual characters in the name of the class become _."""
    if not config.has_labels:
        return f"seed{seed:04d}.png"
    label = latents.cycle_labels([seed], classes)[0]
    class_name = re.sub(r"[^\w.-]+", "_", config.class_names[label])
    return f"seed{seed:04d}_class{class_name}.png"


def write_grid(run: Run, config: Config, shape: tuple[int, int], *, classes: Sequence[int]) -> None:
    """Write one sheet.

    With labels, each row is a class and each column a seed. Without labels, each cell shows the next seed.

    Args:
      shape: rows and columns.
      classes: with labels, row r shows class classes[r % len(classes)]; empty without labels.
    Raises: UserError if the sheet is too large, or the run has no checkpoint that can be read.
    """
    rows, columns = shape
    image_files.check_sheet(rows, columns, config.output_height, config.output_width)
    sample_fn = load_sample_fn(run, config)
    seed_count = columns if classes else rows * columns
    z = latents.z_from_seeds(range(config.seed, config.seed + seed_count), config.z_dim, config.z_dist)
    if classes:
        z = np.tile(z, (rows, 1))
    labels = np.repeat(latents.cycle_labels(range(rows), classes), columns)
    sheet = image_files.sheet(sample_fn(z, labels), columns)
    save_and_print(image_files.save_png, run.samples / f"grid_{rows}x{columns}.png", sheet)


def write_interpolation(run: Run, config: Config, seeds: Sequence[int], *, steps: int, classes: Sequence[int]) -> None:
    """Interpolate from each seed to the next: write a sheet and a GIF.

    A segment goes from one seed to the next. The sheet has a row for each segment and class. The GIF shows all classes
    next to each other, and runs forwards and then backwards.

    Args:
      seeds: at least two.
      steps: images in each segment, at least 2; both ends are included.
      classes: with labels, the classes to show.
    Raises: UserError if the sheet is too large, or the run has no checkpoint that can be read.
    """
    segments, class_count = len(seeds) - 1, max(1, len(classes))
    image_files.check_sheet(segments * class_count, steps, config.output_height, config.output_width)
    images = interpolate(load_sample_fn(run, config), config, seeds, steps, classes)
    sheet = image_files.sheet(images.reshape(-1, *images.shape[3:]), steps)
    save_and_print(image_files.save_png, run.samples / "interpolate.png", sheet)

    frames = []
    for segment in images:
        frames += [image_files.sheet(segment[:, step], class_count) for step in range(steps)]
    frames = image_files.append_reversed(frames)
    save_and_print(image_files.save_gif, run.samples / "interpolate.gif", frames, 4 * segments)


def write_loop(run: Run, config: Config, seeds: Sequence[int], *, steps: int, classes: Sequence[int]) -> None:
    """Write loop.gif, which goes from seed to seed and back to the first one, so that it repeats without a jump.

    It also writes loop.mp4 if imageio-ffmpeg is installed.

    Args: as in `write_interpolation`.
    Raises: UserError if the images are too large, or the run has no checkpoint that can be read.
    """
    class_count = max(1, len(classes))
    image_files.check_sheet(len(seeds) * class_count, steps, config.output_height, config.output_width)
    images = interpolate(load_sample_fn(run, config), config, [*seeds, seeds[0]], steps, classes)
    # The last image of a segment is the first one of the next.
    frames = [image_files.sheet(segment[:, step], class_count) for segment in images for step in range(steps - 1)]
    seconds = len(seeds) * LOOP_SECONDS
    save_and_print(image_files.save_gif, run.samples / "loop.gif", frames, seconds)
    if importlib.util.find_spec("imageio_ffmpeg"):
        save_and_print(image_files.save_mp4, run.samples / "loop.mp4", frames, seconds)


def interpolate(
    sample_fn: SampleFn, config: Config, seeds: Sequence[int], steps: int, classes: Sequence[int]
) -> np.ndarray:
    """Return the images of `write_interpolation`, uint8 [segments, classes or 1, steps, H, W, C]."""
    points = latents.z_from_seeds(seeds, config.z_dim, config.z_dist)
    z = latents.interpolate(points, steps, config.z_dist)  # [segments, steps, Z]
    segments, class_count = len(z), max(1, len(classes))
    z = np.repeat(z[:, None], class_count, axis=1)  # [segments, classes, steps, Z]
    labels = np.tile(np.repeat(latents.cycle_labels(range(class_count), classes), steps), segments)
    images = sample_fn(z.reshape(-1, config.z_dim), labels)
    return images.reshape(segments, class_count, steps, *images.shape[1:])


def write_arithmetic(run: Run, config: Config, terms: Sequence[Term], *, classes: Sequence[int]) -> None:
    """Write a sheet with the sum of mean z (Radford et al. 2015, figure 7).

    Each term has a column: the images of its seeds and, in the last row, the image of their mean z. Then
    come an empty column and 3 x 3 images: the image of the sum in the middle, and around it images of the sum plus
    uniform noise of up to 0.25.

    Args:
      terms: for each term its sign, 1 or -1, and the seeds of its mean z.
      classes: with labels, all images are of the first of these classes.
    Raises: UserError if the sheet is too large, or the run has no checkpoint that can be read.
    """
    rows, columns = max(3, max(len(seeds) for _, seeds in terms) + 1), len(terms) + 4
    image_files.check_sheet(rows, columns, config.output_height, config.output_width)
    sample_fn = load_sample_fn(run, config)

    cells: dict[tuple[int, int], np.ndarray] = {}  # (row, column) in the sheet: z [Z]
    total = np.zeros(config.z_dim, np.float32)
    for column, (sign, seeds) in enumerate(terms):
        z = latents.z_from_seeds(seeds, config.z_dim, config.z_dist)
        mean = z.mean(0)
        cells |= {(row, column): z[row] for row in range(len(seeds))}
        cells[rows - 1, column] = mean
        total += sign * mean
    noise = 0.25 * latents.z_from_seeds(range(config.seed, config.seed + 9), config.z_dim, "uniform_signed")
    noise[4] = 0
    cells |= {(i // 3, columns - 3 + i % 3): total + noise[i] for i in range(9)}

    images = np.zeros((rows, columns, config.output_height, config.output_width, config.c_dim), np.uint8)
    labels = latents.cycle_labels([0] * len(cells), classes)
    for cell, image in zip(cells, sample_fn(np.stack(list(cells.values())), labels), strict=True):
        images[cell] = image
    sheet = image_files.sheet(images.reshape(-1, *images.shape[2:]), columns)
    save_and_print(image_files.save_png, run.samples / "arithmetic.png", sheet)


def save_and_print(save: Callable[..., None], path: Path, *args: object) -> None:
    """Write a file with a function of image_files, and print its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, *args)
    print(f"Wrote {path}")
