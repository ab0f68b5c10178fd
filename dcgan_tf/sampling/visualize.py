"""The original's visualize (utils.py): a random sheet, and sheets and GIFs that sweep one dimension of z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dcgan_tf import latents
from dcgan_tf.runs.select import Selection
from dcgan_tf.sampling.sampler import Sampler, load_sampler
from dcgan_tf.sampling.sheets import save, save_sheet
from dcgan_tf.settings.setting import wrong
from dcgan_tf.system import image_files
from dcgan_tf.system.messages import progress, say

RANDOM, SHEETS, GIFS_FROM_RANDOM, GIFS_FROM_ZERO, GIFS_AND_MERGED = range(5)  # the values of --option


def write_random_sheet(selection: Selection, *, classes: Sequence[int]) -> None:
    """Write test_random.png, a sheet of config.batch_size images of the seeds from config.seed on.

    Args:
      classes: with labels, the classes to show, in turn.
    Raises: UserError.
    """
    count = selection.config.batch_size
    sampler = load_sampler(selection, 1, count, batch=count)
    seeds = sampler.seeds(count)
    save_sheet(selection, "test_random.png", sampler.images(sampler.z(seeds), sampler.labels(seeds, classes)))


def visualize(selection: Selection, *, option: int, dims: Sequence[int] | None, classes: Sequence[int]) -> None:
    """Write the files of one option.

    Each sheet and each GIF holds config.batch_size images. A sweep goes from 0 up to 1, as in the original.

    Args:
      option: 0 is a random sheet; 1 a sheet for each dimension of z; 2 a GIF for each dimension, from a random z;
        3 the same, from a z of zeros; 4 as 3, and one more GIF that shows all of them.
      dims: the dimensions to sweep; None for all.
      classes: with labels, the classes to show, in turn: each image of a sheet, or each GIF, has the next one.
    Raises: UserError.
    """
    if option == RANDOM:
        return write_random_sheet(selection, classes=classes)
    config = selection.config
    dims = dims or range(config.z_dim)
    if max(dims) >= config.z_dim:
        raise wrong("dims", f"below {config.z_dim}, the number of dimensions of z", max(dims))
    sampler = load_sampler(selection, 1, config.batch_size, batch=config.batch_size)
    folder = selection.run.samples_folder
    folder.mkdir(parents=True, exist_ok=True)
    sweeps = []
    for dimension in progress(dims, unit="file"):
        images = sweep(sampler, option, dimension, classes)
        if option == SHEETS:
            image_files.save_png(folder / f"test_arange_{dimension}.png", image_files.sheet(images))
        else:
            image_files.save_gif(folder / f"test_gif_{dimension}.gif", list(images), seconds=2)
        if option == GIFS_AND_MERGED:
            sweeps.append(images)
    say(f"Wrote {len(dims)} files, one for each dimension, to {folder}")
    if option == GIFS_AND_MERGED:
        merged = [image_files.sheet(images) for images in np.stack(sweeps, axis=1)]
        save(image_files.save_gif, folder / "test_gif_merged.gif", merged + merged[::-1], 8)


def sweep(sampler: Sampler, option: int, dimension: int, classes: Sequence[int]) -> np.ndarray:
    """Return the images of one sheet or GIF: in image i of N, one dimension of z is i / N.

    Args:
      option: one of SHEETS, GIFS_FROM_RANDOM, GIFS_FROM_ZERO and GIFS_AND_MERGED.
    Returns: uint8 [config.batch_size, H, W, C].
    """
    config = sampler.config
    count = config.batch_size
    numbers: Sequence[int] = [dimension] * count
    z = np.zeros((count, config.z_dim), np.float32)
    if option == SHEETS:  # the sheets use different seeds
        first = config.seed + dimension * count
        numbers = range(first, first + count)
        z = sampler.z(numbers)
    elif option == GIFS_FROM_RANDOM:
        z += 0.2 * latents.z_from_seeds([config.seed + dimension], config.z_dim, "uniform_signed")
    z[:, dimension] = np.arange(count) / count
    return sampler.images(z, sampler.labels(numbers, classes))
