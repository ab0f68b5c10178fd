"""Data sets ready for the networks: wherever they come from, rows of one uint8 array, in an order that is pure."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dcgan_tf.config import Config
from dcgan_tf.data import preprocess, sources
from dcgan_tf.errors import UserError

PREFETCH = 4  # batches made ready while the networks work


@dataclass(frozen=True)
class Dataset:
    """Pictures ready for the networks."""

    images: np.ndarray  # uint8 [N, H, W, C], in memory or a np.memmap
    labels: np.ndarray  # int32 [N]; all 0 where there are no classes
    source: str  # where it was read from, for people
    shuffle_each_epoch: bool  # anew for each epoch, or once for all (idx files)
    has_test: bool = False  # whether there are the splits train and test

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """The indices [N] of the pictures in that epoch (0, 1, ...): a pure function of (seed, epoch)."""
        if not self.shuffle_each_epoch:
            return np.arange(len(self.images))
        return np.random.default_rng((seed, epoch)).permutation(len(self.images))

    def batches(
        self, config: Config, start: int, shard: Callable[[np.ndarray], np.ndarray] = lambda batch: batch
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Endless (epoch, images [B, H, W, C], labels [B]) from iteration `start` (0 is the first) on.

        The last partial batch of an epoch is dropped. A thread gathers the next batches while one is used. `rows` picks
        what is wanted of a batch's indices [B], as a worker among several does.
        """
        batches = self._batches(config, start, shard)
        with ThreadPoolExecutor(1) as thread:
            ahead = deque(thread.submit(next, batches) for _ in range(PREFETCH))
            while True:
                batch = ahead.popleft().result()
                ahead.append(thread.submit(next, batches))
                yield batch

    def _batches(self, config: Config, start: int, shard: Callable) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        steps, size = steps_per_epoch(self, config), config.batch_size
        epoch, position = divmod(start, steps)
        while True:
            order = self.order(config.seed, epoch)[: steps * size]
            for batch in map(shard, order.reshape(steps, size)[position:]):
                yield epoch, self.images[batch], self.labels[batch]
                preprocess.release(self.images)
            epoch, position = epoch + 1, 0


def steps_per_epoch(dataset: Dataset, config: Config) -> int:
    """min(len(data), train_size) // batch_size."""
    return int(min(len(dataset.images), config.train_size)) // config.batch_size


def load_dataset(config: Config) -> tuple[Dataset, Config]:
    """Read the data set, and complete the settings with what it says: sizes, channels, classes.

    Prints what was found. Raises UserError if there is no such data set, or none that can be trained on.
    """
    source = sources.find(config)
    config = complete(config, source)
    print(f"Reading {source.count:,} pictures of {source.location}", flush=True)
    prepared = preprocess.prepare(source, config)
    config = dataclasses.replace(config, c_dim=prepared.images.shape[3])
    dataset = Dataset(prepared.images, prepared.labels, source.location, source.shuffle_each_epoch, source.has_test)
    print_summary(prepared, config)
    if config.has_labels and prepared.labels.min() < 0:
        raise UserError(f"Pictures of {source.location} have no label; give --split train, or leave --conditional out.")
    if steps_per_epoch(dataset, config) < 1:
        count = int(min(len(dataset.images), config.train_size))
        raise UserError(
            f"A batch of {config.batch_size} is larger than the data, {count} pictures; give a smaller --batch_size,"
            " or more pictures."
        )
    return dataset, config


def complete(config: Config, source: sources.Source) -> Config:
    """The settings with the sizes and classes that the data set says. Raises UserError where they do not agree."""
    own_height, own_width = source.size or (None, None)
    height = config.output_height or own_height or 64
    width = config.output_width or (height if config.output_height or not own_width else own_width)
    crop_height = config.input_height or own_height or 108
    crop_width = config.input_width or (crop_height if config.input_height or not own_width else own_width)
    conditional = source.conditional if config.conditional is None else config.conditional
    if conditional and not source.class_names:
        raise UserError(
            f"--conditional needs a class for every picture: a sub-folder for each class, or the labels of idx files or"
            f" of tensorflow-datasets, but in {source.location} not every picture has one; leave --conditional out."
        )
    names = source.class_names if conditional else ()
    if config.class_names and config.class_names != names:
        raise UserError(
            f"The run was trained on the classes {', '.join(config.class_names)}, but {source.location} has"
            f" {', '.join(names) or 'none'}; give it the same data, or train a new run."
        )
    return dataclasses.replace(
        config,
        output_height=height,
        output_width=width,
        input_height=crop_height,
        input_width=crop_width,
        c_dim=config.c_dim or source.channels,
        conditional=conditional,
        class_names=names,
    )


def print_summary(prepared: preprocess.Prepared, config: Config) -> None:
    """Print what kind of pictures these are, and which could not be read."""
    count, height, width, channels = prepared.images.shape
    by_area = prepared.sizes[np.argsort(prepared.sizes.prod(1), kind="stable")]
    smallest, median, largest = (f"{w}x{h}" for h, w in by_area[[0, count // 2, -1]].tolist())
    colour = "gray" if channels == 1 else "colour"
    print(f"Pictures:    {count:,}, {colour}; width x height: smallest {smallest}, median {median}, largest {largest}")
    crop = f"the centre {config.input_width}x{config.input_height}" if config.crop else "whole"
    print(f"Prepared:    {crop}, resized to {width}x{height}, {prepared.images.nbytes / 1e9:.3f} GB")
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
