"""The original's visualize (utils.py): a random sheet, and sheets and GIFs in which one dimension of z is swept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from dcgan_tf import latents
from dcgan_tf.config import Config
from dcgan_tf.errors import UserError
from dcgan_tf.generation import image_files
from dcgan_tf.generation.generate import SampleFn, save_and_print
from dcgan_tf.runs import Run


def visualize(
    sample_fn: SampleFn, run: Run, config: Config, option: int, dims: Sequence[int] | None, classes: Sequence[int]
) -> None:
    """Write the pictures of one option into the run's samples.

    Every sheet and GIF holds config.batch_size pictures; the swept dimension goes from 0 up to 1, as in the original.

    Args:
      option: 0 a random sheet; 1 a sheet for each dimension of z; 2 a GIF for each dimension, from a random z; 3 the
        same from a z of zeros; 4 as 3, and all of them in one more GIF.
      dims: the dimensions to sweep; None is all of them.
      classes: with labels, the classes to show in turn: from picture to picture on sheets, from GIF to GIF in films.
    Raises: UserError if z has no such dimension, or a GIF would have one frame.
    """
    size = config.batch_size
    image_files.check_sheet(1, size, config.output_height, config.output_width)
    run.samples.mkdir(parents=True, exist_ok=True)
    if option == 0:
        sheet = random_sheet(sample_fn, config, config.seed, classes)
        return save_and_print(image_files.save_png, run.samples / "test_random.png", sheet)
    if dims and max(dims) >= config.z_dim:
        raise UserError(
            f"z has {config.z_dim} dimensions, so --dims must be below {config.z_dim}, but has {max(dims)}."
        )
    if option > 1 and size < 2:
        raise UserError("A GIF of one frame is no film; give a --batch_size of at least 2, one for each frame.")
    dims = range(config.z_dim) if dims is None else dims
    image_files.check_sheet(1, len(dims), config.output_height, config.output_width)
    kind = "png" if option == 1 else "gif"
    paths = [run.samples / f"test_{'arange' if option == 1 else 'gif'}_{dimension}.{kind}" for dimension in dims]
    swept = []
    for path, dimension in zip(paths, tqdm(dims, unit=kind, dynamic_ncols=True), strict=True):
        if option == 1:
            sheet = random_sheet(sample_fn, config, config.seed + dimension * size, classes, dimension)
            image_files.save_png(path, sheet)
        else:
            frames = sweep_frames(sample_fn, config, dimension, classes, random=option == 2)
            image_files.save_gif(path, frames, seconds=2)
            swept += [frames] if option == 4 else []
    print(f"Wrote {len(paths)} files, {paths[0].name} to {paths[-1].name}, to {run.samples}")
    if option == 4:
        save_and_print(
            image_files.save_gif,
            run.samples / "test_gif_merged.gif",
            image_files.append_reversed(list(tile_frames(swept))),
            8,
        )


def random_sheet(
    sample_fn: SampleFn, config: Config, seed: int, classes: Sequence[int], swept: int | None = None
) -> np.ndarray:
    """A sheet of the seeds from `seed` on, uint8 [rows * H, columns * W, C]; one dimension swept if it is given."""
    seeds = range(seed, seed + config.batch_size)
    z = latents.z_from_seeds(seeds, config.z_dim, config.z_dist)
    return image_files.sheet(
        sample_fn(z if swept is None else latents.sweep(z, swept), latents.cycle_labels(seeds, classes))
    )


def sweep_frames(
    sample_fn: SampleFn, config: Config, dimension: int, classes: Sequence[int], random: bool
) -> np.ndarray:
    """One dimension swept, the others those of a z in (-0.2, 0.2), or zeros: uint8 [batch_size, H, W, C]."""
    base = np.zeros((1, config.z_dim), np.float32)
    if random:
        base = 0.2 * latents.z_from_seeds([config.seed + dimension], config.z_dim, "uniform_signed")
    labels = np.repeat(latents.cycle_labels([dimension], classes), config.batch_size)
    return sample_fn(latents.sweep(np.repeat(base, config.batch_size, 0), dimension), labels)


def tile_frames(swept: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """All films as one: for each frame the sheet of that frame of every film."""
    for frame in zip(*swept, strict=True):
        yield image_files.sheet(np.stack(frame))
