"""Decode and resize all images of a data set once, on all cores, into one uint8 array in memory or on disk.

They are kept in the cache folder, so that the next start on the same files need not decode them again.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from dcgan_tf.data.decode import ImageSpec, TooSmallError, decode_image, heif_version
from dcgan_tf.data.sources import Item, Source
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.cache import DiskCache, cache_folder, release
from dcgan_tf.system.errors import UserError, counted, listed, printable, reason
from dcgan_tf.system.messages import progress, report, say
from dcgan_tf.system.startup import usable

DECODING = 4  # raise it when decode.py gives other pixels than before, or when what is kept changes
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


def open_cache(config: Asked) -> DiskCache:
    """Return the cache that the settings name."""
    return DiskCache(cache_folder(config.cache_dir), config.cache_limit_gb, config.cache)


def prepare(source: Source, spec: ImageSpec, config: Asked) -> Prepared:
    """Return all images of the source as `decode_all` does: from the cache, or decode them and keep them there.

    Images that need no decoding (idx files) are not kept.

    Raises: UserError, as `decode_all`.
    """
    cache = open_cache(config)
    key = _key(source, spec)
    names = [f"{key}-{spec.channels or 'auto'}", f"{key}-auto"]  # the second has the channels that the images decided
    if not source.files:
        names = []
    for name in names:
        kept: dict[str, Any] | None = cache.load("prepared", name)
        if kept and spec.channels in (None, kept["images"].shape[3]):  # its arrays stay in their files
            return Prepared(**kept | {"unreadable": kept["unreadable"].tolist(), "from_cache": True})
    prepared = decode_all(source, spec, config.cache_gb, cache.folder)
    if prepared.failed:
        report("Cache", "not kept, as some files may be readable another time")
    elif names:
        arrays = {
            "images": prepared.images,
            "labels": prepared.labels,
            "sizes": prepared.sizes,
            "unreadable": np.array(prepared.unreadable, str),
        }
        kept = cache.save("prepared", names[0], arrays)
        if kept:
            prepared.images = kept["images"]  # frees the memory in which they were decoded
    return prepared


def _key(source: Source, spec: ImageSpec) -> str:
    """Return a digest of all that the images depend on, except the channels."""
    facts = ((DECODING, PIL.__version__, heif_version()), replace(spec, channels=None), source.class_names)
    digest = hashlib.sha256(repr(facts).encode())
    for file in source.files:
        state = ""
        with contextlib.suppress(OSError):  # a link to nowhere
            status = os.stat(file)
            # ctime also changes if another file with the same time and size is moved here, or if it becomes readable
            state = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        digest.update(f"{file}\0{state}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]


def decode_all(source: Source, spec: ImageSpec, memory_gb: float, folder: Path) -> Prepared:
    """Decode and resize all images as the spec says. Skip those that cannot be read.

    Args:
      memory_gb: images of more than that are in a file.
      folder: for that file.
    Returns: the images that could be read, in the order of the source.
    Raises: UserError if more than half of the images are unreadable, or one is smaller than the crop.
    """
    if source.arrays and source.shape == (spec.height, spec.width) and spec.channels == 1 and not spec.crop:
        images, labels = source.arrays
        return Prepared(images[..., None], labels, np.full((len(images), 2), source.shape, np.int32))
    prepared = Prepared(
        allocate((source.count, spec.height, spec.width, spec.channels or 3), memory_gb, folder),
        np.zeros(source.count, np.int32),
        np.zeros((source.count, 2), np.int32),
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
    read = partial(_read_chunk, prepared, spec)
    bar = progress(total=source.count, desc="Reading images", unit="image", leave=False)
    with bar, ThreadPoolExecutor(threads) as pool:
        while some := list(islice(chunks, CHUNKS * threads)):
            for count in pool.map(read, some):
                bar.update(count)
            release(prepared.images)
    prepared.unreadable.sort()


def _read_chunk(prepared: Prepared, spec: ImageSpec, chunk: list[tuple[int, Item]]) -> int:
    """Decode items into prepared.images at their indices, or note why they are skipped. Returns how many there are."""
    for index, item in chunk:
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
            continue
        if spec.channels is None and not prepared.colour and (pixels != pixels[..., :1]).any():
            prepared.colour = True
        prepared.images[index] = pixels
        prepared.labels[index] = item.label
        prepared.sizes[index] = size
    return len(chunk)


def allocate(shape: tuple[int, ...], memory_gb: float, folder: Path) -> np.ndarray:
    """Return a uint8 array: in memory if it has at most memory_gb and half of what is there, else in a file.

    The file has no name, so nothing of it remains, even if the program is killed.

    Args:
      memory_gb: in GB, 10^9 bytes.
      folder: for the file; it is made if it is missing.
    Returns: not initialized, or a np.memmap of zeros.
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
    shape = (len(kept), *images.shape[1:3], channels)
    if shape == images.shape:
        return images
    compact = images.reshape(-1)[: math.prod(shape)].reshape(shape)
    for number, index in enumerate(kept):
        compact[number] = images[index, ..., :channels]
    release(images)
    return compact


def say_summary(prepared: Prepared, spec: ImageSpec, class_names: tuple[str, ...]) -> None:
    """Say the number, kind and sizes of the images, the classes, and which images could not be read.

    Args:
      spec: how the images were prepared.
      class_names: none if the networks get no labels.
    """
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
