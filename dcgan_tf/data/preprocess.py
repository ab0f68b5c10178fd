"""Pictures of every kind, decoded, cut and resized once by all cores into one uint8 array, in memory or on disk."""

from __future__ import annotations

import io
import math
import mmap
import os
import stat
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
from PIL import ExifTags, Image, ImageOps
from tqdm import tqdm

from dcgan_tf.config import Config
from dcgan_tf.data.sources import Item, Source, printable
from dcgan_tf.errors import UserError, reason

Image.init()
# No formats that run other programs (EPS) or are told by their extension alone.
FORMATS = ("JPEG", "MPO", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000")
FORMATS = tuple(name for name in FORMATS if name in Image.OPEN)
CHUNK = 32  # pictures that a thread decodes at a time


@dataclass
class Prepared:
    """The pictures as training takes them, and what was found on the way."""

    images: np.ndarray  # uint8 [N, H, W, C]
    labels: np.ndarray  # int32 [N]
    sizes: np.ndarray  # int32 [N, 2], (height, width) before cropping and resizing
    unreadable: list[str] = field(default_factory=list)  # "name: reason" of what was skipped
    colour: bool = False  # whether any picture is not gray


def prepare(source: Source, config: Config) -> Prepared:
    """Read all pictures at output_height x output_width, gray if all of them are (or as c_dim says).

    Unreadable pictures are skipped. Raises UserError if more than half are, or one is smaller than the crop.
    """
    shape = (source.count, config.output_height, config.output_width, config.c_dim or 3)
    labels, sizes = np.zeros(source.count, np.int32), np.zeros((source.count, 2), np.int32)
    prepared = Prepared(allocate(shape, config), labels, sizes, colour=bool(config.c_dim))
    as_is = source.size == (config.output_height, config.output_width) and not config.crop
    workers = 1 if as_is else os.cpu_count() + 2  # some wait for the disk; copying alone would wait for Python's lock
    pending: deque[Future] = deque()
    bar = tqdm(total=source.count, desc="Reading pictures", unit="picture", leave=False)
    with _handle_pillow_warnings(), bar, ThreadPoolExecutor(workers) as pool:
        for start, items in _chunks(source.items, source.count):
            pending.append(pool.submit(_read_chunk, prepared, config, start, items))
            while len(pending) > 2 * workers:  # so that few encoded pictures wait in memory
                _collect(pending.popleft(), prepared, bar)
        while pending:
            _collect(pending.popleft(), prepared, bar)
    kept = np.flatnonzero(sizes[:, 0])
    if 2 * len(kept) < source.count or not len(kept):
        raise UserError(
            f"Of {source.count} pictures in {source.location}, {source.count - len(kept)} cannot be read (the first:"
            f" {prepared.unreadable[0] if prepared.unreadable else 'there are none'}); remove or replace them, or"
            " choose others with --input_fname_pattern."
        )
    channels = config.c_dim or (3 if prepared.colour else 1)
    prepared.images = _compact(prepared.images, kept, channels)
    prepared.labels, prepared.sizes = labels[kept], sizes[kept]
    return prepared


def _chunks(items: Iterable[Item], count: int) -> Iterator[tuple[int, list[Item]]]:
    """(number of the first, CHUNK items) until `count` items were taken."""
    items = iter(items)
    for start in range(0, count, CHUNK):
        yield start, list(islice(items, min(CHUNK, count - start)))


def _read_chunk(prepared: Prepared, config: Config, start: int, items: list[Item]) -> tuple[int, list[str]]:
    """Decode into the rows from `start` on; the number of items and "name: reason" of the unreadable ones."""
    unreadable = []
    for row, item in enumerate(items, start):
        try:
            pixels, size = read(item.data, config)
        except UserError as error:
            raise UserError(f"The picture {printable(item.name)} {error}") from error
        except Exception as error:  # decoders stumble over damaged files in many ways; each is reported
            why = "it is no picture" if isinstance(error, Image.UnidentifiedImageError) else reason(error)
            unreadable.append(printable(f"{item.name}: {why}"))
            continue
        if not prepared.colour and (pixels != pixels[..., :1]).any():
            prepared.colour = True
        prepared.images[row] = pixels
        prepared.labels[row] = item.label
        prepared.sizes[row] = size
    return len(items), unreadable


def _collect(chunk: Future, prepared: Prepared, bar: tqdm) -> None:
    count, unreadable = chunk.result()
    prepared.unreadable += unreadable
    bar.update(count)
    release(prepared.images)


def read(data: Path | bytes | np.ndarray, config: Config) -> tuple[np.ndarray, tuple[int, int]]:
    """Decode, turn upright, cut the centre (with crop), resize with antialiasing.

    Crop geometry as in the original's utils.py, center_crop.

    Args:
      data: a picture's file, its encoded bytes, or its uint8 pixels [H, W] or [H, W, 3].
      config: with output sizes; c_dim 1 for gray, else RGB.
    Returns: uint8 [output_height, output_width, C], and the (height, width) that it had.
    Raises: UserError if it is smaller than the crop, whatever Pillow raises if it cannot be read.
    """
    if isinstance(data, np.ndarray) and not config.crop and data.shape == (config.output_height, config.output_width):
        return data[..., None], data.shape  # MNIST as it is
    with _open(data) as image:
        width, height = image.size
        if image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):
            width, height = height, width
        if not config.crop:  # JPEG decodes large photographs at a half, a quarter, an eighth of their size
            image.draft(None, (2 * max(config.output_width, config.output_height),) * 2)
        ImageOps.exif_transpose(image, in_place=True)
        if config.crop:
            image = center_crop(image, config.input_height, config.input_width)
        image = _eight_bits(image, "L" if config.c_dim == 1 else "RGB")
    image = image.resize((config.output_width, config.output_height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None], (height, width)


def _open(data: Path | bytes | np.ndarray) -> Image.Image:
    if isinstance(data, np.ndarray):
        return Image.fromarray(data)
    if isinstance(data, bytes):
        return Image.open(io.BytesIO(data), formats=FORMATS)
    status = data.stat()
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise OSError("it is no file")
    if not status.st_size:
        raise OSError("it is empty")
    return Image.open(data, formats=FORMATS)


def center_crop(image: Image.Image, height: int, width: int) -> Image.Image:
    """The centre, height x width, of a picture. Raises UserError if the picture is smaller."""
    if image.height < height or image.width < width:
        raise UserError(
            f"is {image.width} wide and {image.height} high, too small for a --crop of --input_width {width} and"
            f" --input_height {height}; give smaller ones, leave --crop out, or remove the picture."
        )
    top, left = int(round((image.height - height) / 2)), int(round((image.width - width) / 2))
    return image.crop((left, top, left + width, top + height))


def _eight_bits(image: Image.Image, mode: str) -> Image.Image:
    """A picture of any mode as RGB or L: 16 bits scaled to 8, transparent ones laid on white."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float32)
        image = Image.fromarray(np.rint(values.clip(0, 65535) / 257).astype(np.uint8))
    elif image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == mode else image.convert(mode)


@contextmanager
def _handle_pillow_warnings() -> Iterator[None]:
    """Of Pillow's warnings about odd files, a decompression bomb makes one unreadable; the rest do no harm."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def allocate(shape: tuple[int, ...], config: Config) -> np.ndarray:
    """An uint8 array: in memory up to cache_gb, else a file in cache_dir. Raises UserError if there is no room.

    The file has no name, so that nothing is left of it, whatever ends the program.
    """
    size = math.prod(shape)
    if size <= config.cache_gb * 1e9:
        return np.empty(shape, np.uint8)
    folder = Path(config.cache_dir).expanduser().absolute()
    print(f"Cache:       {size / 1e9:.1f} GB on disk in {folder}, as that is more than --cache_gb {config.cache_gb:g}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):  # a disk that fills up later would end the program without a word
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, "w+", shape=shape)
    except OSError as error:
        raise UserError(
            f"There is no room for {size / 1e9:.1f} GB of resized pictures in {folder} ({error.strerror}); name another"
            " folder with --cache_dir, or allow more memory with --cache_gb."
        ) from error


def release(images: np.ndarray) -> None:
    """Let go of a disk array's pages: they stay with the system as long as it has memory to spare."""
    if isinstance(images, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):
        images._mmap.madvise(mmap.MADV_DONTNEED)


def _compact(images: np.ndarray, kept: np.ndarray, channels: int) -> np.ndarray:
    """The rows `kept`, of the first `channels` channels, moved together within the same memory."""
    count, height, width, allocated = images.shape
    if len(kept) == count and channels == allocated:
        return images
    whole = images.reshape(-1)[: len(kept) * height * width * channels].reshape(len(kept), height, width, channels)
    for start in range(0, len(kept), 1024):
        rows = kept[start : start + 1024]
        whole[start : start + len(rows)] = images[rows][..., :channels]
        release(images)
    return whole
