"""Decode and resize all images of a data set once, on all cores, into one uint8 array in memory or on disk."""

from __future__ import annotations

import errno
import math
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcgan_tf.data.decode import TooSmallError, decode_image, why_unreadable
from dcgan_tf.data.image_spec import ImageSpec
from dcgan_tf.data.sources import Item, Source
from dcgan_tf.system.cache import release
from dcgan_tf.system.errors import UserError, counted, printable
from dcgan_tf.system.messages import progress, report

LISTED = 5  # images that are too small, in the message
CHUNK = 32  # images that a thread decodes at a time
# Errors of the system that need not occur again: of the disk or network, too many open files, too little memory
PASSING = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT}


@dataclass
class Prepared:
    """All images of a data set in the size of the networks, and what reading them showed."""

    images: np.ndarray  # uint8 [N, H, W, C]
    labels: np.ndarray  # int32 [N]
    sizes: np.ndarray  # int32 [N, 2], (height, width) before cropping and resizing
    unreadable: list[str] = field(default_factory=list)  # "name: reason" for each skipped image
    colour: bool = False  # whether an image is not gray; found out only if the channels are not given
    too_small: list[str] = field(default_factory=list)  # "name 60x40" for each image smaller than the crop
    cacheable: bool = True  # False if a skipped image could perhaps be read another time
    from_cache: bool = False

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what the cache keeps."""
        unreadable = np.array(self.unreadable, str)
        return {"images": self.images, "labels": self.labels, "sizes": self.sizes, "unreadable": unreadable}


def prepare(source: Source, spec: ImageSpec, memory_gb: float, folder: Path) -> Prepared:
    """Decode and resize all images as the spec says. Unreadable images are skipped.

    Args:
      memory_gb: images of more than that are in a file.
      folder: for that file.
    Raises: UserError if more than half of the images are unreadable, or if some are smaller than the crop.
    """
    shape = (source.count, spec.height, spec.width, spec.channels or 3)
    prepared = Prepared(
        images=allocate(shape, memory_gb, folder),
        labels=np.zeros(source.count, np.int32),
        sizes=np.zeros((source.count, 2), np.int32),
    )
    _read_all(source, spec, prepared)
    _check_crop(source, spec, prepared)
    kept = np.flatnonzero(prepared.sizes[:, 0])
    if 2 * len(kept) < source.count or not len(kept):
        first = prepared.unreadable[0] if prepared.unreadable else "there are none"
        raise UserError(
            f"Of {counted(source.count, 'image')} in {source.location}, {source.count - len(kept)} cannot be read (the"
            f" first: {first}); remove or replace them, or choose others with --input_fname_pattern."
        )
    channels = spec.channels
    if channels is None:
        channels = 3 if prepared.colour else 1
    prepared.images = _compact(prepared.images, kept, channels)
    prepared.labels = prepared.labels[kept]
    prepared.sizes = prepared.sizes[kept]
    return prepared


def _check_crop(source: Source, spec: ImageSpec, prepared: Prepared) -> None:
    """Raise UserError if images are smaller than the crop."""
    if not spec.crop or not prepared.too_small:
        return
    names = ", ".join(sorted(prepared.too_small)[:LISTED])
    if len(prepared.too_small) > LISTED:
        names += ", ..."
    raise UserError(
        f"A --crop of --input_width {spec.crop[1]} and --input_height {spec.crop[0]} is larger than"
        f" {len(prepared.too_small):,} of {counted(source.count, 'image')} in {source.location} ({names}); give"
        " smaller ones, leave --crop out, or remove these images."
    )


def _read_all(source: Source, spec: ImageSpec, prepared: Prepared) -> None:
    """Decode all images into `prepared` with a pool of threads."""
    threads = (os.cpu_count() or 1) + 2  # more than cores, because some wait for the disk
    if source.size == (spec.height, spec.width) and not spec.crop:
        threads = 1  # to copy raw pixels holds Python's lock
    pending: deque[Future] = deque()
    stop = threading.Event()
    bar = progress(total=source.count, desc="Reading images", unit="image", leave=False)
    with bar, ThreadPoolExecutor(threads) as pool:
        try:
            for start, items in _chunks(source.items, source.count):
                pending.append(pool.submit(_read_chunk, prepared, spec, start, items, stop))
                while len(pending) > 2 * threads:  # limits the encoded images that wait in memory
                    _collect(pending.popleft(), prepared, bar)
            while pending:
                _collect(pending.popleft(), prepared, bar)
        except BaseException:  # Ctrl-C must not wait for the images that were to be read
            stop.set()
            raise


def _chunks(items: Iterable[Item], count: int) -> Iterator[tuple[int, list[Item]]]:
    """Yield (index of the chunk's first item, CHUNK items) for the first `count` items."""
    items = iter(items)
    for start in range(0, count, CHUNK):
        yield start, list(islice(items, min(CHUNK, count - start)))


def _read_chunk(
    prepared: Prepared, spec: ImageSpec, start: int, items: list[Item], stop: threading.Event
) -> tuple[int, list[str]]:
    """Decode the items into prepared.images[start:], until `stop` is set.

    Returns: their number, and "name: reason" of unreadable ones.
    """
    unreadable = []
    for index, item in enumerate(items, start):
        if stop.is_set():
            break
        try:
            pixels, size = decode_image(item.data, spec)
        except TooSmallError as error:
            prepared.too_small.append(f"{printable(item.name)} {error.width}x{error.height}")
            continue
        except Exception as error:  # decoders raise many kinds of exceptions for damaged files
            unreadable.append(printable(f"{item.name}: {why_unreadable(error)}"))
            if isinstance(error, MemoryError) or getattr(error, "errno", None) in PASSING:
                prepared.cacheable = False
            continue
        if spec.channels is None and not prepared.colour and (pixels != pixels[..., :1]).any():
            prepared.colour = True
        prepared.images[index] = pixels
        prepared.labels[index] = item.label
        prepared.sizes[index] = size
    return len(items), unreadable


def _collect(chunk: Future, prepared: Prepared, bar: tqdm) -> None:
    """Wait for a chunk and add its result."""
    count, unreadable = chunk.result()
    prepared.unreadable += unreadable
    bar.update(count)
    release(prepared.images)


def allocate(shape: tuple[int, ...], memory_gb: float, folder: Path) -> np.ndarray:
    """Return a uint8 array, in memory if it has at most memory_gb, otherwise in a file in the folder.

    The file has no name, so nothing of it remains, even if the program is killed.

    Raises: UserError if the folder has no room.
    """
    size = math.prod(shape)
    if size <= memory_gb * 1e9:
        return np.empty(shape, np.uint8)
    report("Cache", f"{size / 1e9:.1f} GB on disk in {folder}, as it is more than --cache_gb {memory_gb:g}")
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
    compact = images.reshape(-1)[: len(kept) * height * width * channels].reshape(len(kept), height, width, channels)
    for start in range(0, len(kept), 1024):
        indices = kept[start : start + 1024]
        compact[start : start + len(indices)] = images[indices][..., :channels]
        release(images)
    return compact
