"""The data set as the networks use it: images in one uint8 array, their labels, and the order of the batches."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dcgan_tf.data import cache, prepare, sources
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError

PREFETCH = 4  # batches that are loaded ahead
EpochBatch = tuple[int, np.ndarray, np.ndarray]  # epoch, images [B, H, W, C], labels [B]
Shard = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """Images in the size of the networks, and their labels."""

    images: np.ndarray  # uint8 [N, H, W, C], in memory or a np.memmap
    labels: np.ndarray  # int32 [N]; all 0 if there are no classes
    source: str  # where it was read from, for messages
    shuffle_each_epoch: bool  # False: use the images in the order in which they are stored (idx files)
    has_test: bool = False  # whether there are a train and a test split

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """Return the indices [N] of the images in that epoch (0, 1, ...), a pure function of (seed, epoch)."""
        if not self.shuffle_each_epoch:
            return np.arange(len(self.images))
        return np.random.default_rng((seed, epoch)).permutation(len(self.images))

    def mirrored(self, seed: int, epoch: int) -> np.ndarray:
        """Return bool [N], a pure function of (seed, epoch): whether --mirror mirrors each image in that epoch."""
        return np.random.default_rng((seed, epoch, 1)).random(len(self.images)) < 0.5

    def first_batch(self, config: Config) -> np.ndarray:
        """Return the first images that a training sees, uint8 [B, H, W, C]."""
        _, images, _ = next(self._load_batches(config, 0, lambda indices: indices))
        return images

    def batches(self, config: Config, start: int, shard: Shard = lambda indices: indices) -> Iterator[EpochBatch]:
        """Yield batches without end. A thread loads the next ones while the caller uses one.

        The last partial batch of an epoch is dropped.

        Args:
          start: how many iterations to skip; 0 for a new run.
          shard: takes the indices [B] of a batch, and returns those that this worker needs.
        Yields: (epoch, images [B, H, W, C], labels [B]).
        """
        batches = self._load_batches(config, start, shard)
        with ThreadPoolExecutor(1) as thread:
            pending = deque(thread.submit(next, batches) for _ in range(PREFETCH))
            while True:
                batch = pending.popleft().result()
                pending.append(thread.submit(next, batches))
                yield batch

    def _load_batches(self, config: Config, start: int, shard: Shard) -> Iterator[EpochBatch]:
        steps, size = steps_per_epoch(self, config), config.batch_size
        epoch, position = divmod(start, steps)
        while True:
            order = self.order(config.seed, epoch)[: steps * size]
            mirrored = self.mirrored(config.seed, epoch) if config.mirror else np.zeros(len(self.images), bool)
            for indices in map(shard, order.reshape(steps, size)[position:]):
                yield epoch, mirror(self.images[indices], mirrored[indices]), self.labels[indices]
                prepare.release(self.images)
            epoch, position = epoch + 1, 0


def mirror(images: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mirror the chosen images [B, H, W, C] left to right, in place; chosen is bool [B]. Returns the images."""
    images[chosen] = images[chosen, :, ::-1]
    return images


def total_iterations(dataset: Dataset, config: Config) -> int:
    """Return the number of iterations of the whole training."""
    return config.iterations or config.epoch * steps_per_epoch(dataset, config)


def steps_per_epoch(dataset: Dataset, config: Config) -> int:
    """Return the number of whole batches in an epoch: min(N, train_size) // batch_size."""
    return _epoch_size(dataset, config) // config.batch_size


def lr_decay(dataset: Dataset, config: Config) -> tuple[int, int] | None:
    """Return the first and the last iteration of the epochs in config.lr_decay_epochs; None if there are none.

    With config.iterations, they are at most all iterations.
    """
    last = total_iterations(dataset, config)
    first = max(0, last - config.lr_decay_epochs * steps_per_epoch(dataset, config)) + 1
    return (first, last) if config.lr_decay_epochs else None


def _epoch_size(dataset: Dataset, config: Config) -> int:
    return int(min(len(dataset.images), config.train_size))


def load_dataset(config: Config) -> tuple[Dataset, Config]:
    """Read the data set, and print a summary of it.

    Returns: the data set, and the config with the sizes, channels and classes that the data set decides.
    Raises: UserError if there is no such data set, or if it is not fit for training.
    """
    source = sources.find(config)
    config = complete_config(config, source)
    print(f"Reading {source.count:,} images from {source.location}", flush=True)
    prepared = cache.prepare(source, config)
    config = dataclasses.replace(config, c_dim=prepared.images.shape[3])
    dataset = Dataset(prepared.images, prepared.labels, source.location, source.shuffle_each_epoch, source.has_test)
    print_summary(prepared, config)
    if config.has_labels and prepared.labels.min() < 0:
        raise UserError(
            f"Some images in {source.location} have no label; give --split train, or leave --conditional out."
        )
    if steps_per_epoch(dataset, config) < 1:
        raise UserError(
            f"A batch of {config.batch_size} is larger than the data set, {_epoch_size(dataset, config)} images; give"
            " a smaller --batch_size, or more images."
        )
    return dataset, config


def complete_config(config: Config, source: sources.Source) -> Config:
    """Return the config with the sizes, channels and classes of the data set, where the flags do not give them.

    Raises: UserError if the flags contradict the data set.
    """
    output_height, output_width = _size(config.output_height, config.output_width, source.size, 64)
    input_height, input_width = _size(config.input_height, config.input_width, source.size, 108)
    conditional = source.conditional if config.conditional is None else config.conditional
    return dataclasses.replace(
        config,
        output_height=output_height,
        output_width=output_width,
        input_height=input_height,
        input_width=input_width,
        c_dim=config.c_dim or source.channels,
        conditional=conditional,
        class_names=_class_names(config, source, conditional),
    )


def _size(height: int | None, width: int | None, own: tuple[int, int] | None, default: int) -> tuple[int, int]:
    """Return (height, width) in pixels: as given, else the data set's own, else the default.

    The width defaults to a given height.
    """
    own_height, own_width = own or (default, default)
    if height:
        return height, width or height
    return own_height, width or own_width


def _class_names(config: Config, source: sources.Source, conditional: bool) -> tuple[str, ...]:
    """Return the classes to train with, none for an unconditional run. Raises UserError."""
    if conditional and not source.class_names:
        raise UserError(
            f"--conditional needs a class for every image: a sub-folder for each class, or the labels of idx files or"
            f" of tensorflow-datasets, but not every image in {source.location} has one; leave --conditional out."
        )
    names = source.class_names if conditional else ()
    if config.class_names and config.class_names != names:
        raise UserError(
            f"The run was trained on the classes {', '.join(config.class_names)}, but {source.location} has"
            f" {', '.join(names) or 'none'}; give the same data set, or train a new run."
        )
    return names


def print_summary(prepared: prepare.Prepared, config: Config) -> None:
    """Print the number, kind and sizes of the images, the classes, and which images could not be read."""
    count, height, width, channels = prepared.images.shape
    by_area = prepared.sizes[np.argsort(prepared.sizes.prod(1), kind="stable")]
    smallest, median, largest = (f"{w}x{h}" for h, w in by_area[[0, count // 2, -1]].tolist())
    colour = "gray" if channels == 1 else "colour"
    print(f"Images:      {count:,}, {colour}; width x height: smallest {smallest}, median {median}, largest {largest}")
    fit = "" if config.fit == "stretch" else f" (--fit {config.fit})"
    crop = f"the centre {config.input_width}x{config.input_height}" if config.crop else "whole"
    origin = "read from the cache (--nocache decodes again): " if prepared.from_cache else ""
    print(f"Prepared:    {origin}{crop}, resized to {width}x{height}{fit}, {prepared.images.nbytes / 1e9:.3f} GB")
    if config.has_labels:
        counts = [np.count_nonzero(prepared.labels == label) for label in range(config.y_dim)]
        classes = [f"{sources.printable(name)} {n:,}" for name, n in zip(config.class_names, counts, strict=True)]
        print(f"Classes:     {config.y_dim}: {', '.join(classes[:20])}{', ...' if len(classes) > 20 else ''}")
    if prepared.unreadable:
        print(f"Skipped:     {len(prepared.unreadable):,} that cannot be read")
        for line in prepared.unreadable[:10]:
            print(f"  {line}")
        if len(prepared.unreadable) > 10:
            print(f"  ... and {len(prepared.unreadable) - 10:,} more")
