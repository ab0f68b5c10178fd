"""The original's visualize (utils.py): a random sheet, and sheets and GIFs that sweep one dimension of z."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from dcgan_tf import latents
from dcgan_tf.runs.run import Run
from dcgan_tf.sampling.sheets import BATCH, SampleFn, load_sample_fn, save_and_print
from dcgan_tf.settings.config import Config
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import UserError


def write_random_sheet(run: Run, config: Config, *, classes: Sequence[int]) -> None:
    """Write test_random.png, a sheet of config.batch_size images of the seeds from config.seed on.

    Args:
      classes: with labels, the classes to show, in turn.
    Raises: UserError if the sheet is too large, or the run has no checkpoint that can be read.
    """
    image_files.check_sheet(1, config.batch_size, config.output_height, config.output_width)
    sample_fn = load_sample_fn(run, config, min(config.batch_size, BATCH))
    sheet = random_sheet(sample_fn, config, config.seed, classes)
    save_and_print(image_files.save_png, run.samples / "test_random.png", sheet)


def visualize(run: Run, config: Config, *, option: int, dims: Sequence[int] | None, classes: Sequence[int]) -> None:
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
    if option == 0:
        write_random_sheet(run, config, classes=classes)
        return
    dims = range(config.z_dim) if dims is None else dims
    check_sweep(config, option, dims)
    sample_fn = load_sample_fn(run, config, min(config.batch_size, BATCH))
    run.samples.mkdir(parents=True, exist_ok=True)
    if option == 1:
        write_sweep_sheets(sample_fn, run, config, dims, classes)
    else:
        write_sweep_gifs(sample_fn, run, config, dims, classes, random=option == 2, merged=option == 4)


def check_sweep(config: Config, option: int, dims: Sequence[int]) -> None:
    """Raise UserError if the sweeps of these dimensions cannot be written."""
    image_files.check_sheet(1, config.batch_size, config.output_height, config.output_width)
    if max(dims) >= config.z_dim:
        raise UserError(
            f"z has {config.z_dim} dimensions, so --dims must be below {config.z_dim}, but has {max(dims)}."
        )
    if option > 1 and config.batch_size < 2:
        raise UserError(
            "A GIF needs at least 2 frames, one for each image of a batch; give a --batch_size of at least 2, not"
            f" {config.batch_size}."
        )
    image_files.check_sheet(1, len(dims), config.output_height, config.output_width)


def write_sweep_sheets(
    sample_fn: SampleFn, run: Run, config: Config, dims: Sequence[int], classes: Sequence[int]
) -> None:
    """Write test_arange_<dimension>.png for each dimension. The sheets use different seeds."""
    for dimension in tqdm(dims, unit="png", dynamic_ncols=True):
        first_seed = config.seed + dimension * config.batch_size
        sheet = random_sheet(sample_fn, config, first_seed, classes, dimension)
        image_files.save_png(run.samples / f"test_arange_{dimension}.png", sheet)
    print(f"Wrote {len(dims)} files, test_arange_{dims[0]}.png to test_arange_{dims[-1]}.png, to {run.samples}")


def write_sweep_gifs(
    sample_fn: SampleFn,
    run: Run,
    config: Config,
    dims: Sequence[int],
    classes: Sequence[int],
    *,
    random: bool,
    merged: bool,
) -> None:
    """Write test_gif_<dimension>.gif for each dimension and, if `merged`, test_gif_merged.gif with all of them."""
    kept = []
    for dimension in tqdm(dims, unit="gif", dynamic_ncols=True):
        frames = sweep_frames(sample_fn, config, dimension, classes, random)
        image_files.save_gif(run.samples / f"test_gif_{dimension}.gif", frames, seconds=2)
        if merged:
            kept.append(frames)
    print(f"Wrote {len(dims)} files, test_gif_{dims[0]}.gif to test_gif_{dims[-1]}.gif, to {run.samples}")
    if merged:
        frames = image_files.append_reversed(list(tile_frames(kept)))
        save_and_print(image_files.save_gif, run.samples / "test_gif_merged.gif", frames, 8)


def random_sheet(
    sample_fn: SampleFn, config: Config, seed: int, classes: Sequence[int], dimension: int | None = None
) -> np.ndarray:
    """Return a sheet of the seeds from `seed` on, uint8 [rows * H, columns * W, C].

    Args:
      dimension: of z, to sweep from image to image; None for no sweep.
    """
    seeds = range(seed, seed + config.batch_size)
    z = latents.z_from_seeds(seeds, config.z_dim, config.z_dist)
    if dimension is not None:
        z = latents.sweep(z, dimension)
    return image_files.sheet(sample_fn(z, latents.cycle_labels(seeds, classes)))


def sweep_frames(
    sample_fn: SampleFn, config: Config, dimension: int, classes: Sequence[int], random: bool
) -> np.ndarray:
    """Return the frames that sweep one dimension of one z, uint8 [batch_size, H, W, C].

    Args:
      random: whether the other dimensions come from a random z in (-0.2, 0.2); if not, they are 0.
    """
    z = np.zeros((1, config.z_dim), np.float32)
    if random:
        z = 0.2 * latents.z_from_seeds([config.seed + dimension], config.z_dim, "uniform_signed")
    z = latents.sweep(np.repeat(z, config.batch_size, 0), dimension)
    labels = np.repeat(latents.cycle_labels([dimension], classes), config.batch_size)
    return sample_fn(z, labels)


def tile_frames(gifs: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the frames of one GIF that shows all the GIFs: frame i is a sheet of the frames i."""
    for frames in zip(*gifs, strict=True):
        yield image_files.sheet(np.stack(frames))
