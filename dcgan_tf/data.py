"""Data sets: MNIST's idx files and folders of pictures -> uint8 pictures and labels, in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from dcgan_tf import idx
from dcgan_tf.config import Config
from dcgan_tf.errors import UserError


@dataclass(frozen=True)
class Dataset:
    """Pictures ready for the networks."""

    images: np.ndarray  # uint8 [N, H, W, C]
    labels: np.ndarray  # int32 [N]; all 0 where there are no classes
    source: str  # where it was read from, for people
    reshuffled: bool  # anew for each epoch (folders), or once for all (MNIST)

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """The indices [N] of the pictures in that epoch (0, 1, ...): a pure function of (seed, epoch)."""
        if not self.reshuffled:
            return np.arange(len(self.images))
        return np.random.default_rng((seed, epoch)).permutation(len(self.images))

    def batches(self, config: Config, start: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Endless (epoch, images [B, H, W, C], labels [B]) from iteration `start` (0 is the first) on.

        The last partial batch of an epoch is dropped.
        """
        steps, size = steps_per_epoch(self, config), config.batch_size
        epoch, position = divmod(start, steps)
        while True:
            order = self.order(config.seed, epoch)[: steps * size]
            for batch in order.reshape(steps, size)[position:]:
                yield epoch, self.images[batch], self.labels[batch]
            epoch, position = epoch + 1, 0


def steps_per_epoch(dataset: Dataset, config: Config) -> int:
    """min(len(data), train_size) // batch_size."""
    return int(min(len(dataset.images), config.train_size)) // config.batch_size


def load(config: Config) -> tuple[Dataset, Config]:
    """Read the data set, and complete the settings with what it says: sizes, channels, classes.

    Raises UserError if there is no such data set, or none that can be trained on.
    """
    if config.dataset == "mnist":
        dataset, class_names = load_mnist(config), tuple("0123456789")
    else:
        dataset, class_names = load_folder(config), ()
    _, height, width, channels = dataset.images.shape
    sizes = {"output_height": height, "output_width": width, "c_dim": channels}
    config = dataclasses.replace(config, **sizes, class_names=class_names)
    if steps_per_epoch(dataset, config) < 1:
        count = int(min(len(dataset.images), config.train_size))
        raise UserError(
            f"A batch of {config.batch_size} is larger than the data, {count} pictures; give a smaller --batch_size,"
            " or more pictures."
        )
    return dataset, config


def load_mnist(config: Config) -> Dataset:
    """MNIST's digits, train then test (or train alone), shuffled once (model.py, load_mnist; its seed is 547)."""
    folder = Path(config.data_dir) / "mnist"
    idx.ensure_mnist(folder)
    parts = ("train", "t10k") if config.split == "all" else ("train",)
    images, labels = (
        np.concatenate([idx.read(folder, f"{part}-{what}") for part in parts])
        for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    order = np.random.RandomState(config.seed).permutation(len(images))
    height = config.output_height or images.shape[1]
    width = config.output_width or (config.output_height or images.shape[2])
    images = images[order]
    if (height, width) != images.shape[1:]:
        images = np.stack([np.asarray(Image.fromarray(i).resize((width, height), Image.BILINEAR)) for i in images])
    if config.c_dim == 3:
        raise UserError("MNIST is gray, so --c_dim must be 1, but is 3.")
    return Dataset(images[..., None], labels[order].astype(np.int32), str(folder.absolute()), reshuffled=False)


def load_folder(config: Config) -> Dataset:
    """The pictures in data_dir/dataset, resized to output_height x output_width, as RGB (or gray with c_dim 1)."""
    folder = Path(config.data_dir) / config.dataset
    if not folder.is_dir():
        raise UserError(
            f"There is no data set {config.dataset!r}: the folder {folder.absolute()} does not exist; put your pictures"
            " there, or name another with --dataset and --data_dir."
        )
    pattern = config.input_fname_pattern or "*"
    kinds = Image.registered_extensions()
    files = sorted(f for f in folder.rglob(pattern) if f.suffix.lower() in kinds and f.is_file())
    if not files:
        raise UserError(
            f"No pictures {pattern!r} in {folder.absolute()}; put pictures there, or give their --input_fname_pattern."
        )
    with ThreadPoolExecutor() as pool:
        decoded = pool.map(lambda file: read_picture(file, config), files)
        images = np.stack(list(tqdm(decoded, "Reading pictures", len(files), unit="picture", leave=False)))
    return Dataset(images, np.zeros(len(images), np.int32), str(folder.absolute()), reshuffled=True)


def read_picture(file: Path, config: Config) -> np.ndarray:
    """Decode, cut the centre (with crop), resize with antialiasing: uint8 [output_height, output_width, C].

    Crop geometry as in the original's utils.py, center_crop. Raises UserError if unreadable or smaller than the crop.
    """
    height = config.output_height or 64
    width = config.output_width or height
    crop_height = config.input_height or 108
    crop_width = config.input_width or crop_height
    try:
        with Image.open(file) as picture:
            picture = picture.convert("L" if config.c_dim == 1 else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"The picture {file} cannot be read ({error}); remove or replace it.") from error
    if config.crop:
        if picture.height < crop_height or picture.width < crop_width:
            raise UserError(
                f"The picture {file} is {picture.width} wide and {picture.height} high, too small for a --crop of"
                f" --input_width {crop_width} and --input_height {crop_height}; give smaller ones, or leave --crop out."
            )
        top = int(round((picture.height - crop_height) / 2))
        left = int(round((picture.width - crop_width) / 2))
        picture = picture.crop((left, top, left + crop_width, top + crop_height))
    pixels = np.asarray(picture.resize((width, height), Image.BILINEAR))
    return pixels if pixels.ndim == 3 else pixels[..., None]
