"""Keep prepared images in cache_dir/prepared, so that the next start on the same files need not decode them again.

A file there holds a digest, the size of its header, the header (an npz archive), and the pixels of all images.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import PIL

from dcgan_tf.data import prepare as decoding
from dcgan_tf.data.prepare import Prepared
from dcgan_tf.data.sources import Source
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import reason
from dcgan_tf.system.files import TEMPORARY, atomic_write

DECODING = 1  # raise it when decode.py gives other pixels than before, or when the layout of these files changes
ABANDONED = 3600  # seconds after which an unfinished file counts as left by a program that was killed
DIGEST_BYTES, SIZE_BYTES = 32, 8


def prepare(source: Source, config: Config) -> Prepared:
    """Return all images of the source as `decoding.prepare` does: from the cache, or decode them and keep them there.

    Images that need no decoding (idx files) are not kept. A cache that cannot be written never stops the program.

    Raises: UserError, as `decoding.prepare`.
    """
    if not config.cache or not source.files:
        return decoding.prepare(source, config)
    folder, key = Path(config.cache_dir).expanduser().absolute() / "prepared", _key(source, config)
    file = folder / f"{key}-{config.c_dim or 'auto'}"
    prepared = _read(file, config) or (config.c_dim and _read(folder / f"{key}-auto", config))
    if prepared:
        prepared.from_cache = True
        return prepared
    prepared = decoding.prepare(source, config)
    if prepared.final and _write(file, prepared, config) and (kept := _read(file, config)):
        prepared.images = kept.images  # frees the memory in which they were decoded
    return prepared


def _key(source: Source, config: Config) -> str:
    """Return a digest of everything that the images depend on, except c_dim."""
    crop = (config.input_height, config.input_width) if config.crop else None
    size = (config.output_height, config.output_width)
    digest = hashlib.sha256(repr((DECODING, PIL.__version__, crop, size, config.fit, source.class_names)).encode())
    for file in source.files:
        try:
            status = os.stat(file)
            # ctime also changes if another file with the same time and size is moved here, or if it becomes readable
            state = f"{file}\0{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}\0"
        except OSError:  # a link to nowhere, which will be skipped
            state = f"{file}\0\0"
        digest.update(state.encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]


def _read(file: Path, config: Config) -> Prepared | None:
    """Return what the file holds. If it is damaged, warn and remove it.

    Returns: None if there is no usable file, or if its images have other channels than c_dim.
    """
    try:
        prepared = _load(file)
        return prepared if config.c_dim in (None, prepared.images.shape[3]) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        cause, damaged = reason(error), isinstance(error, ValueError)
    _warn(f"the file {file} cannot be used ({cause}); the images are decoded again.")
    if damaged:  # removed only here, because the exception keeps the file open, which forbids that on Windows
        with contextlib.suppress(OSError):
            file.unlink()
    return None


def _load(file: Path) -> Prepared:
    """Map the file; its images are a read-only np.memmap. Raises: OSError, or ValueError if it is damaged."""
    with file.open("rb") as stream:
        expected, size = stream.read(DIGEST_BYTES), int.from_bytes(stream.read(SIZE_BYTES), "little")
        if size >= os.fstat(stream.fileno()).st_size:
            raise ValueError("it is too short")
        header = stream.read(size)
        pixels = np.memmap(stream, np.uint8, "r", stream.tell())
    if _digest(header, pixels) != expected:
        raise ValueError("its digest is wrong")
    with contextlib.suppress(OSError):
        os.utime(file)  # the time of its last use
    about = np.load(io.BytesIO(header))
    images = pixels.reshape(about["shape"])
    return Prepared(images, about["labels"], about["sizes"], about["unreadable"].tolist())


def _write(file: Path, prepared: Prepared, config: Config) -> bool:
    """Write the file, and remove others so that all are within cache_limit_gb. Return whether it is there."""
    if file.exists():  # another program was faster
        return True
    arrays = {"labels": prepared.labels, "sizes": prepared.sizes, "unreadable": np.array(prepared.unreadable, str)}
    header, images = io.BytesIO(), prepared.images
    np.savez(header, shape=images.shape, **arrays)
    header = header.getvalue()
    size = DIGEST_BYTES + SIZE_BYTES + len(header) + images.nbytes
    if size > config.cache_limit_gb * 1e9:
        print(f"Cache:       not kept, as {size / 1e9:.3f} GB is more than --cache_limit_gb {config.cache_limit_gb:g}")
        return False
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _make_room(file.parent, size, config.cache_limit_gb * 1e9)
        with atomic_write(file) as temporary, temporary.open("wb") as stream:
            stream.write(_digest(header, images.reshape(-1)) + len(header).to_bytes(SIZE_BYTES, "little") + header)
            for start in range(0, len(images), 1024):
                stream.write(images[start : start + 1024])
                decoding.release(images)
        return True
    except OSError as error:
        _warn(f"the images could not be kept in {file.parent} ({reason(error)}); the next start decodes them again.")
        return False


def _make_room(folder: Path, size: int, limit: float) -> None:
    """Remove the files that were used longest ago until `size` bytes more are within the limit.

    Raises: OSError if the disk has no room.
    """
    found = []
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another program has removed or renamed it
            found.append((file.stat(), file))
    total = size
    for status, file in sorted(found, key=lambda pair: pair[0].st_mtime, reverse=True):
        if file.name.startswith(TEMPORARY):
            unwanted = time.time() - status.st_mtime > ABANDONED
        else:
            total += status.st_size
            unwanted = total > limit
        if unwanted:
            with contextlib.suppress(OSError):  # another program has removed it, or uses it (Windows)
                file.unlink()
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _digest(header: bytes, pixels: np.ndarray) -> bytes:
    """Return the SHA-256 digest of the header, the number of pixels, and 64 parts of the pixels, uint8 [N]."""
    digest = hashlib.sha256(header + str(pixels.size).encode())
    for start in np.linspace(0, max(pixels.size - 4096, 0), 64).astype(np.int64).tolist():
        digest.update(pixels[start : start + 4096])
    return digest.digest()


def _warn(text: str) -> None:
    print(f"Warning: {text}", file=sys.stderr, flush=True)
