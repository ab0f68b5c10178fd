"""Decode and resize all images of a data set once, on all cores, into one uint8 array in memory or on disk."""

from __future__ import annotations

import errno
import math
import mmap
import os
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from dcgan_tf.data.decode import decode_image
from dcgan_tf.data.sources import Item, Source, printable
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, reason

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
    colour: bool = False  # whether at least one image is not gray
    final: bool = True  # False if a skipped image could perhaps be read another time
    from_cache: bool = False  # whether the images were read from the cache


def prepare(source: Source, config: Config) -> Prepared:
    """Read all images at output_height x output_width, with c_dim channels; if that is None, 1 if all are gray, else 3.

    Unreadable images are skipped.

    Raises: UserError if more than half of the images are unreadable, or if one is smaller than the crop.
    """
    shape = (source.count, config.output_height, config.output_width, config.c_dim or 3)
    labels, sizes = np.zeros(source.count, np.int32), np.zeros((source.count, 2), np.int32)
    prepared = Prepared(allocate(shape, config), labels, sizes, colour=bool(config.c_dim))
    _read_all(source, config, prepared)
    kept = np.flatnonzero(sizes[:, 0])
    if 2 * len(kept) < source.count or not len(kept):
        raise UserError(
            f"Of {source.count} images in {source.location}, {source.count - len(kept)} cannot be read (the first:"
            f" {prepared.unreadable[0] if prepared.unreadable else 'there are none'}); remove or replace them, or"
            " choose others with --input_fname_pattern."
        )
    channels = config.c_dim or (3 if prepared.colour else 1)
    prepared.images = _compact(prepared.images, kept, channels)
    prepared.labels, prepared.sizes = labels[kept], sizes[kept]
    return prepared


def _read_all(source: Source, config: Config, prepared: Prepared) -> None:
    """Decode all images into `prepared` with a pool of threads."""
    raw = source.size == (config.output_height, config.output_width) and not config.crop
    # More threads than cores, because some wait for the disk. Copying raw pixels holds Python's lock: one is enough.
    threads = 1 if raw else os.cpu_count() + 2
    pending: deque[Future] = deque()
    bar = tqdm(total=source.count, desc="Reading images", unit="image", leave=False)
    with _handle_pillow_warnings(), bar, ThreadPoolExecutor(threads) as pool:
        for start, items in _chunks(source.items, source.count):
            pending.append(pool.submit(_read_chunk, prepared, config, start, items))
            while len(pending) > 2 * threads:  # limits the encoded images that wait in memory
                _collect(pending.popleft(), prepared, bar)
        while pending:
            _collect(pending.popleft(), prepared, bar)


def _chunks(items: Iterable[Item], count: int) -> Iterator[tuple[int, list[Item]]]:
    """Yield (index of the chunk's first item, CHUNK items) for the first `count` items."""
    items = iter(items)
    for start in range(0, count, CHUNK):
        yield start, list(islice(items, min(CHUNK, count - start)))


def _read_chunk(prepared: Prepared, config: Config, start: int, items: list[Item]) -> tuple[int, list[str]]:
    """Decode the items into prepared.images[start:]. Return their number, and "name: reason" of unreadable ones."""
    unreadable = []
    for index, item in enumerate(items, start):
        try:
            pixels, size = decode_image(item.data, config)
        except UserError as error:
            raise UserError(f"The image {printable(item.name)} {error}") from error
        except Exception as error:  # decoders raise many kinds of exceptions for damaged files
            cause = "it is not an image" if isinstance(error, Image.UnidentifiedImageError) else reason(error)
            unreadable.append(printable(f"{item.name}: {cause}"))
            if isinstance(error, MemoryError) or getattr(error, "errno", None) in PASSING:
                prepared.final = False
            continue
        if not prepared.colour and (pixels != pixels[..., :1]).any():
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


@contextmanager
def _handle_pillow_warnings() -> Iterator[None]:
    """Make Pillow's warning about decompression bombs an error, so that such an image is skipped; ignore the others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def allocate(shape: tuple[int, ...], config: Config) -> np.ndarray:
    """Return a uint8 array, in memory if it fits into cache_gb, otherwise in a file in cache_dir.

    The file has no name, so nothing of it remains, even if the program is killed.

    Raises: UserError if cache_dir has no room.
    """
    size = math.prod(shape)
    if size <= config.cache_gb * 1e9:
        return np.empty(shape, np.uint8)
    folder = Path(config.cache_dir).expanduser().absolute()
    print(f"Cache:       {size / 1e9:.1f} GB on disk in {folder}, as it is more than --cache_gb {config.cache_gb:g}")
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


def release(images: np.ndarray) -> None:
    """Unmap the memory pages of an array on disk; the system still caches them while memory is free."""
    if isinstance(images, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):
        images._mmap.madvise(mmap.MADV_DONTNEED)


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
