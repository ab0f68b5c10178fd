"""Pictures by their seeds: single files, grids, walks between seeds, and arithmetic with z."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan_tf import latents
from dcgan_tf.cli_values import Term
from dcgan_tf.config import Config
from dcgan_tf.generation import image_files
from dcgan_tf.runs import Run
from dcgan_tf.value_range import to_uint8

BATCH = 256  # pictures at once: larger batches were measured no faster
SampleFn = Callable[[np.ndarray, np.ndarray], np.ndarray]


def make_sample_fn(generator: keras.Model, config: Config, batch: int = BATCH) -> SampleFn:
    """The trained generator as a function: z float32 [N, Z], classes int32 [N] -> pictures uint8 [N, H, W, C].

    It works through batches of one size, the last one filled up, so that the picture of a z does not depend on N.
    """

    @tf.function
    def run(z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return generator(z, tf.one_hot(labels, config.y_dim), training=False)

    def sample_fn(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
        images = np.empty((len(z), config.output_height, config.output_width, config.c_dim), np.uint8)
        for start in range(0, len(z), batch):
            part = slice(start, min(start + batch, len(z)))
            missing = batch - (part.stop - part.start)
            out = run(np.pad(z[part], ((0, missing), (0, 0))), np.pad(labels[part], (0, missing)))
            images[part] = to_uint8(out.numpy()[: batch - missing], config.value_range)
        return images

    return sample_fn


def write_images(sample_fn: SampleFn, run: Run, config: Config, count: int, classes: Sequence[int]) -> None:
    """One PNG for each of the seeds config.seed, config.seed + 1, ..., in images/; the seed picks the class in turn."""
    folder = run.samples / "images"
    folder.mkdir(parents=True, exist_ok=True)
    # One thread writes while the next batch is made: more take turns at Python's lock, and were measured slower.
    with ThreadPoolExecutor(1) as writer, tqdm(total=count, unit="picture", dynamic_ncols=True) as progress:
        written: Iterable[None] = ()
        for start in range(config.seed, config.seed + count, BATCH):
            seeds = range(start, min(start + BATCH, config.seed + count))
            labels = latents.cycle_labels(seeds, classes)
            images = sample_fn(latents.z_from_seeds(seeds, config.z_dim, config.z_dist), labels)
            progress.update(len(list(written)))
            paths = [folder / file_name(seed, label, config) for seed, label in zip(seeds, labels, strict=True)]
            written = writer.map(image_files.save_png, paths, images)
        progress.update(len(list(written)))
    last = config.seed + count - 1
    ends = {seed: file_name(seed, latents.cycle_labels([seed], classes)[0], config) for seed in (config.seed, last)}
    print(f"Wrote {count:,} pictures, {' to '.join(ends.values())}, to {folder}")
    others = sum(file.suffix == ".png" for file in folder.iterdir()) - count
    if others:
        print(f"There are {others:,} more pictures from earlier calls in that folder.")


def file_name(seed: int, label: int, config: Config) -> str:
    """seed0000_class7.png; what a file name should not hold becomes _ in the class's name."""
    name = re.sub(r"[^\w.-]+", "_", config.class_names[label]) if config.has_labels else ""
    return f"seed{seed:04d}{'_class' * config.has_labels}{name}.png"


def write_grid(sample_fn: SampleFn, run: Run, config: Config, shape: tuple[int, int], classes: Sequence[int]) -> None:
    """One sheet: a row for each class and a column for each seed; without labels a seed for each place."""
    rows, columns = shape
    image_files.check_sheet(rows, columns, config.output_height, config.output_width)
    seeds = config.seed + np.arange(columns if classes else rows * columns)
    z = latents.z_from_seeds([int(seed) for seed in seeds], config.z_dim, config.z_dist)
    labels = np.repeat(latents.cycle_labels(range(rows), classes), columns)
    images = sample_fn(np.tile(z, (rows, 1)) if classes else z, labels)
    save_and_print(image_files.save_png, run.samples / f"grid_{rows}x{columns}.png", image_files.sheet(images, columns))


def write_interpolation(
    sample_fn: SampleFn, run: Run, config: Config, seeds: Sequence[int], steps: int, classes: Sequence[int]
) -> None:
    """From each seed to the next: a sheet with a row for each leg and class, and a GIF of all classes side by side."""
    kinds = max(1, len(classes))
    segments = len(seeds) - 1
    image_files.check_sheet(segments * kinds, steps, config.output_height, config.output_width)
    z = latents.interpolate(latents.z_from_seeds(seeds, config.z_dim, config.z_dist), steps, config.z_dist)
    z = np.broadcast_to(z[:, None], (segments, kinds, steps, config.z_dim)).reshape(-1, config.z_dim)
    labels = np.tile(np.repeat(latents.cycle_labels(range(kinds), classes), steps), segments)
    images = sample_fn(z, labels)
    save_and_print(image_files.save_png, run.samples / "interpolate.png", image_files.sheet(images, steps))
    images = images.reshape(segments, kinds, steps, *images.shape[1:])
    frames = [
        image_files.sheet(images[segment, :, step], kinds) for segment in range(segments) for step in range(steps)
    ]
    save_and_print(
        image_files.save_gif, run.samples / "interpolate.gif", image_files.append_reversed(frames), 4 * segments
    )


def write_arithmetic(
    sample_fn: SampleFn, run: Run, config: Config, terms: Sequence[Term], classes: Sequence[int]
) -> None:
    """The DCGAN paper's figure 7 as one sheet.

    A column for each term: its seeds' pictures and, in the last row, that of their mean z. At the right, behind an
    empty column, nine pictures: the result in the middle, and around it the result with noise of +-0.25 on z.
    With labels all pictures are of the first of the classes.
    """
    rows, columns = max(3, max(len(seeds) for _, seeds in terms) + 1), len(terms) + 4
    image_files.check_sheet(rows, columns, config.output_height, config.output_width)
    places, z = [], []
    result = np.zeros(config.z_dim, np.float32)
    for column, (sign, seeds) in enumerate(terms):
        of_term = latents.z_from_seeds(seeds, config.z_dim, config.z_dist)
        places += [(row, column) for row in range(len(seeds))] + [(rows - 1, column)]
        z += [*of_term, of_term.mean(0)]
        result += sign * of_term.mean(0)
    noise = 0.25 * latents.z_from_seeds(range(config.seed, config.seed + 9), config.z_dim, "uniform_signed")
    noise[4] = 0
    places += [(row, columns - 3 + column) for row in range(3) for column in range(3)]
    z += list(result + noise)
    images = np.zeros((rows, columns, config.output_height, config.output_width, config.c_dim), np.uint8)
    images[tuple(zip(*places, strict=True))] = sample_fn(np.stack(z), latents.cycle_labels([0] * len(z), classes))
    save_and_print(
        image_files.save_png,
        run.samples / "arithmetic.png",
        image_files.sheet(images.reshape(-1, *images.shape[2:]), columns),
    )


def save_and_print(write: Callable, path: Path, *args: object) -> None:
    """Write a file with one of images' functions, and say where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, *args)
    print(f"Wrote {path}")
