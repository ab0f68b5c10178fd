"""The original's visualize (utils.py): a random sheet, and sheets and GIFs that sweep one dimension of z."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dcgan_tf import latents
from dcgan_tf.runs.select import Selection
from dcgan_tf.sampling.sampler import BATCH, Sampler, load_sampler
from dcgan_tf.sampling.sheets import check_sheet, save
from dcgan_tf.settings.config import Config
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import progress, say

RANDOM, SHEETS, GIFS_FROM_RANDOM, GIFS_FROM_ZERO, GIFS_AND_MERGED = range(5)  # the values of --option


def write_random_sheet(selection: Selection, *, classes: Sequence[int]) -> None:
    """Write test_random.png, a sheet of config.batch_size images of the seeds from config.seed on.

    Args:
      classes: with labels, the classes to show, in turn.
    Raises: UserError if the sheet is too large, or the run has no checkpoint that can be read.
    """
    config = selection.config
    check_sheet(selection, 1, config.batch_size)
    seeds = range(config.seed, config.seed + config.batch_size)
    images = _load_sampler(selection).images_of(seeds, classes)
    save(image_files.save_png, selection.run.samples_folder / "test_random.png", image_files.sheet(images))


def visualize(selection: Selection, *, option: int, dims: Sequence[int] | None, classes: Sequence[int]) -> None:
    """Write the files of one option.

    Each sheet and each GIF holds config.batch_size images. A sweep goes from 0 up to 1, as in the original.

    Args:
      option: 0 is a random sheet; 1 a sheet for each dimension of z; 2 a GIF for each dimension, from a random z;
        3 the same, from a z of zeros; 4 as 3, and one more GIF that shows all of them.
      dims: the dimensions to sweep; None for all.
      classes: with labels, the classes to show, in turn: each image of a sheet, or each GIF, has the next one.
    Raises: UserError if z has no such dimension, a GIF would have one frame, a sheet is too large, or the run has no
      checkpoint that can be read.
    """
    if option == RANDOM and dims is not None:
        raise UserError(
            "--option 0 is a random sheet, so --dims has no effect; leave it out, or give another --option."
        )
    if option == RANDOM:
        write_random_sheet(selection, classes=classes)
        return
    if dims is None:
        dims = range(selection.config.z_dim)
    check_sweep(selection, option, dims)
    sampler = _load_sampler(selection)
    folder = selection.run.samples_folder
    folder.mkdir(parents=True, exist_ok=True)
    if option == SHEETS:
        write_sweep_sheets(sampler, folder, selection.config, dims, classes)
        return
    sweeps = []
    for dimension in progress(dims, unit="gif"):
        start = np.zeros((1, sampler.z_dim), np.float32)
        if option == GIFS_FROM_RANDOM:
            seed = selection.config.seed + dimension
            start[:] = 0.2 * latents.z_from_seeds([seed], sampler.z_dim, "uniform_signed")
        frames = sweep_frames(sampler, start, dimension, selection.config.batch_size, classes)
        image_files.save_gif(folder / f"test_gif_{dimension}.gif", list(frames), seconds=2)
        if option == GIFS_AND_MERGED:
            sweeps.append(frames)
    say(f"Wrote {len(dims)} files, test_gif_{dims[0]}.gif to test_gif_{dims[-1]}.gif, to {folder}")
    if option == GIFS_AND_MERGED:
        merged = image_files.append_reversed(list(tile_frames(sweeps)))
        save(image_files.save_gif, folder / "test_gif_merged.gif", merged, 8)


def _load_sampler(selection: Selection) -> Sampler:
    return load_sampler(selection, min(selection.config.batch_size, BATCH))


def check_sweep(selection: Selection, option: int, dims: Sequence[int]) -> None:
    """Raise UserError if the sweeps of these dimensions cannot be written."""
    config = selection.config
    check_sheet(selection, 1, config.batch_size)
    if max(dims) >= config.z_dim:
        raise UserError(
            f"z has {config.z_dim} dimensions, so --dims must be below {config.z_dim}, but has {max(dims)}."
        )
    if option > SHEETS and config.batch_size < 2:
        raise UserError(
            "A GIF needs at least 2 frames, one for each image of a batch; give a --batch_size of at least 2, not"
            f" {config.batch_size}."
        )
    check_sheet(selection, 1, len(dims))


def write_sweep_sheets(
    sampler: Sampler, folder: Path, config: Config, dims: Sequence[int], classes: Sequence[int]
) -> None:
    """Write test_arange_<dimension>.png for each dimension. The sheets use different seeds."""
    for dimension in progress(dims, unit="png"):
        first = config.seed + dimension * config.batch_size
        seeds = range(first, first + config.batch_size)
        z = latents.sweep(sampler.z(seeds), dimension)
        images = sampler.images(z, sampler.labels(seeds, classes))
        image_files.save_png(folder / f"test_arange_{dimension}.png", image_files.sheet(images))
    say(f"Wrote {len(dims)} files, test_arange_{dims[0]}.png to test_arange_{dims[-1]}.png, to {folder}")


def sweep_frames(sampler: Sampler, start: np.ndarray, dimension: int, count: int, classes: Sequence[int]) -> np.ndarray:
    """Return the frames that sweep one dimension of the z `start` [1, Z], uint8 [count, H, W, C].

    Args:
      classes: all frames show the class classes[dimension % len(classes)].
    """
    z = latents.sweep(np.repeat(start, count, 0), dimension)
    labels = np.repeat(sampler.labels([dimension], classes), count)
    return sampler.images(z, labels)


def tile_frames(sweeps: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the frames of one GIF that shows all sweeps: frame i is a sheet of their frames i."""
    for frames in zip(*sweeps, strict=True):
        yield image_files.sheet(np.stack(frames))
