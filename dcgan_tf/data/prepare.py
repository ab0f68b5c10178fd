"""Decode and resize all images of a data set once, on all cores, into one uint8 array in memory or on disk."""

from __future__ import annotations

import math
import os
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from dcgan_tf.data.decode import ImageSpec, TooSmallError, decode_image
from dcgan_tf.data.sources import Item, Source
from dcgan_tf.system.cache import release
from dcgan_tf.system.errors import UserError, counted, listed, printable, reason
from dcgan_tf.system.messages import progress, report, say
from dcgan_tf.system.startup import usable

LISTED = 10  # images that cannot be read
CHUNK = 8  # images that a thread decodes at a time; Ctrl-C waits for them
CHUNKS = 16  # for each thread, whose encoded images are in memory at the same time


@dataclass
class Prepared:
    """All images of a data set in the size of the networks, and what reading them showed."""

    images: np.ndarray  # uint8 [N, H, W, C]
    labels: np.ndarray  # int32 [N]
    sizes: np.ndarray  # int32 [N, 2], (height, width) before cropping and resizing; 0 for an unreadable one
    unreadable: list[str] = field(default_factory=list)  # "name: reason" for each skipped image
    colour: bool = False  # whether an image is not gray; found out only if the channels are not given
    failed: bool = False  # whether the system, or too little memory, kept one from being read
    from_cache: bool = False


def decode_all(source: Source, spec: ImageSpec, memory_gb: float, folder: Path) -> Prepared:
    """Decode and resize all images as the spec says. Skip those that cannot be read.

    Args:
      memory_gb: images of more than that are in a file.
      folder: for that file.
    Raises: UserError if more than half of the images are unreadable, or one is smaller than the crop.
    """
    if source.arrays and source.shape == (spec.height, spec.width) and spec.channels == 1 and not spec.crop:
        images, labels = source.arrays
        return Prepared(images[..., None], labels, np.full((len(images), 2), source.shape, np.int32))
    prepared = Prepared(
        images=allocate((source.count, spec.height, spec.width, spec.channels or 3), memory_gb, folder),
        labels=np.zeros(source.count, np.int32),
        sizes=np.zeros((source.count, 2), np.int32),
    )
    _read_all(source, spec, prepared)
    kept = np.flatnonzero(prepared.sizes[:, 0])
    if 2 * len(kept) < source.count or not len(kept):
        raise UserError(
            f"Of {counted(source.count, 'image')} in {source.location}, {source.count - len(kept)} cannot be used (the"
            f" first: {next(iter(prepared.unreadable), 'there are none')}); remove or replace them, or choose others"
            " with --input_fname_pattern."
        )
    channels = spec.channels or 1
    if prepared.colour:
        channels = 3
    prepared.images = _compact(prepared.images, kept, channels)
    prepared.labels = prepared.labels[kept]
    prepared.sizes = prepared.sizes[kept]
    return prepared


def _read_all(source: Source, spec: ImageSpec, prepared: Prepared) -> None:
    """Decode all images into `prepared` with a pool of threads."""
    cores, memory = usable()
    # More than cores, because some wait for the disk, but the largest images take 1 GB each
    threads = int(max(min(cores + 2, memory // 1e9), 1))
    numbered = enumerate(islice(source.items, source.count))
    chunks = iter(lambda: list(islice(numbered, CHUNK)), [])
    bar = progress(total=source.count, desc="Reading images", unit="image", leave=False)

    def read(chunk: list[tuple[int, Item]]) -> int:
        for index, item in chunk:
            _read_one(prepared, spec, index, item)
        return len(chunk)

    with bar, ThreadPoolExecutor(threads) as pool:
        while some := list(islice(chunks, CHUNKS * threads)):
            for count in pool.map(read, some):
                bar.update(count)
            release(prepared.images)
    prepared.unreadable.sort()


def _read_one(prepared: Prepared, spec: ImageSpec, index: int, item: Item) -> None:
    """Decode the item into prepared.images[index], or note why it is skipped."""
    try:
        pixels, size = decode_image(item.data, spec)
    except TooSmallError as error:
        raise UserError(
            f"The image {printable(item.name)} cannot be cropped: {error}; give smaller --input_height and"
            " --input_width, leave --crop out, or remove the image."
        ) from error
    except Exception as error:  # decoders raise many kinds of exceptions for damaged files
        if isinstance(error, MemoryError) or getattr(error, "errno", None):
            prepared.failed = True
        prepared.unreadable.append(printable(f"{item.name}: {reason(error)}"))
        return
    if spec.channels is None and not prepared.colour and (pixels != pixels[..., :1]).any():
        prepared.colour = True
    prepared.images[index] = pixels
    prepared.labels[index] = item.label
    prepared.sizes[index] = size


def allocate(shape: tuple[int, ...], memory_gb: float, folder: Path) -> np.ndarray:
    """Return a uint8 array: in memory if it has at most memory_gb and half of what is there, else in a file.

    The file has no name, so nothing of it remains, even if the program is killed.

    Raises: UserError if the folder has no room.
    """
    size = math.prod(shape)
    most = min(memory_gb * 1e9, usable()[1] / 2)
    if size <= most:
        return np.empty(shape, np.uint8)
    why = f"more than {most / 1e9:.1f} GB (--cache_gb, or half of the memory)"
    report("Cache", f"{size / 1e9:.1f} GB on disk in {folder}, as it is {why}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):  # without it, a full disk would later kill the process with SIGBUS
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, "w+", shape=shape)
    except OSError as error:
        raise UserError(
            f"There is no room for {size / 1e9:.1f} GB of resized images in {folder} ({error.strerror}); give another"
            " folder with --cache_dir, or allow more memory with --cache_gb."
        ) from error


def _compact(images: np.ndarray, kept: np.ndarray, channels: int) -> np.ndarray:
    """Move the images with the indices `kept`, and their first `channels` channels, to the front of the same memory."""
    count, height, width, allocated = images.shape
    if len(kept) == count and channels == allocated:
        return images
    shape = (len(kept), height, width, channels)
    compact = images.reshape(-1)[: math.prod(shape)].reshape(shape)
    for number, index in enumerate(kept):
        compact[number] = images[index, ..., :channels]
    release(images)
    return compact


def say_summary(prepared: Prepared, spec: ImageSpec, class_names: tuple[str, ...]) -> None:
    """Say the number, kind and sizes of the images, the classes, and which images could not be read."""
    count, height, width, channels = prepared.images.shape
    by_area = prepared.sizes[np.argsort(prepared.sizes.prod(1), kind="stable")]
    smallest, median, largest = (f"{w}x{h}" for h, w in by_area[[0, count // 2, -1]].tolist())
    colour = {1: "gray", 3: "colour"}[channels]
    report("Images", f"{count:,}, {colour}; width x height: smallest {smallest}, median {median}, largest {largest}")
    cut = []
    if spec.crop:
        cut.append(f"the centre {spec.crop[1]}x{spec.crop[0]}")
    if spec.fit != "stretch":
        cut.append(f"--fit {spec.fit}")
    how = ", ".join(cut) or "whole"
    if prepared.from_cache:
        how = f"read from the cache (--nocache decodes again): {how}"
    report("Prepared", f"{how}, resized to {width}x{height}, {prepared.images.nbytes / 1e6:,.1f} MB")
    if class_names:
        counts = Counter(prepared.labels.tolist())
        classes = [f"{name} ({counts[label]:,})" for label, name in enumerate(class_names)]
        report("Classes", f"{len(classes)}: {listed(classes, 20)}")
    if prepared.unreadable:
        report("Skipped", f"{len(prepared.unreadable):,} that cannot be used")
        for line in prepared.unreadable[:LISTED]:
            say(f"  {line}")
        if len(prepared.unreadable) > LISTED:
            say(f"  ... and {len(prepared.unreadable) - LISTED:,} more")
