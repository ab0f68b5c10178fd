"""Keep arrays in files, so that they need not be computed again. What was used longest ago is removed.

A file holds a digest, one line of JSON with the name, type and shape of each array, and the bytes of the arrays.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import mmap
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan_tf.system.errors import reason
from dcgan_tf.system.files import TEMPORARY, atomic_write
from dcgan_tf.system.messages import report, warn

KINDS = ("prepared", "classifiers")  # the sub-folders; no file elsewhere in the folder is ever removed
OWN_NAME = re.compile(rf"(.+-)?[0-9a-f]{{32}}(-\w+)?|{re.escape(TEMPORARY)}.*")  # nor one that has another name
ABANDONED = 3600  # seconds after which an unfinished file counts as left by a program that was killed
DIGEST_BYTES = 65  # with the end of its line
MAX_HEADER_BYTES = 2**16
PARTS = 64  # the digest is that of so many parts of a file
PART_BYTES = 2**18  # so it is that of the whole file up to 16 MB
CHUNK = 2**24  # bytes that are written at a time


def cache_folder(cache_dir: str) -> Path:
    """Return the folder of the setting cache_dir as an absolute path; blank means the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = os.path.expanduser(cache_dir or os.path.join(home, "dcgan_tf"))
    if folder.startswith("~"):  # there is no home directory
        folder = os.path.join(tempfile.gettempdir(), "dcgan_tf")
    return Path(folder).absolute()


@dataclass(frozen=True)
class DiskCache:
    """Files with arrays. If they cannot be read or written, a warning says so, and the program goes on without them."""

    folder: Path
    limit_gb: float  # for all files together
    enabled: bool = True  # if not, nothing is read or written

    def load(self, kind: str, name: str) -> dict[str, np.ndarray] | None:
        """Return the arrays that were saved, mapped to their file and read-only. A damaged file is removed.

        Args:
          kind: one of KINDS.
          name: of the file.
        Returns: None if there is no file that can be used.
        """
        if not self.enabled:
            return None
        file = self.folder / kind / name
        try:
            arrays = _read(file)
            with contextlib.suppress(OSError):
                os.utime(file)  # the time of its last use
            return arrays
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            cause = reason(error)
            damaged = isinstance(error, ValueError)
        if damaged:  # removed only here, because the exception keeps the file open, which forbids that on Windows
            with contextlib.suppress(OSError):
                file.unlink()
        warn(f"The file {file} cannot be used ({cause}); its content is computed again.")
        return None

    def save(self, kind: str, name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
        """Write the arrays, and remove other files so that all are within the limit.

        Returns: what `load` returns now; None if the arrays cannot be kept.
        """
        if not self.enabled:
            return None
        file = self.folder / kind / name
        header = _header(arrays)
        size = DIGEST_BYTES + len(header) + sum(array.nbytes for array in arrays.values())
        if size > self.limit_gb * 1e9:
            report("Cache", f"not kept, as {size / 1e9:.3f} GB is more than --cache_limit_gb {self.limit_gb:g}")
            return None
        try:
            if not file.exists():  # else another program was faster
                file.parent.mkdir(parents=True, exist_ok=True)
                self._make_room(size)
                with atomic_write(file) as temporary:
                    _write(temporary, header, arrays)
        except OSError as error:
            warn(f"The file {file} could not be written ({reason(error)}); the next start computes its content again.")
            return None
        return self.load(kind, name)

    def cached(
        self, kind: str, title: str, data: Sequence[np.ndarray], compute: Callable[[], Sequence[np.ndarray]]
    ) -> list[np.ndarray]:
        """Return what `compute` returns: from the cache, or compute it and keep it.

        Args:
          kind: one of KINDS.
          title: what it is, for messages and the file's name, such as "classifier".
          data: all arrays that it depends on. A digest of them is a part of the file's name.
        """
        name = f"{title.replace(' ', '-')}-{_digest_of_all(data)}"
        kept = self.load(kind, name)
        if kept is not None:
            report("Cache", f"the {title} comes from {self.folder / kind / name} (--nocache computes it again)")
            return [np.array(array) for array in kept.values()]
        arrays = list(compute())
        self.save(kind, name, {str(number): array for number, array in enumerate(arrays)})
        return arrays

    def _make_room(self, size: int) -> None:
        """Remove the files that were used longest ago until `size` bytes more are within the limit.

        Raises: OSError if the disk has no room.
        """
        found = []
        for kind in KINDS:
            own = [file for file in (self.folder / kind).glob("*") if OWN_NAME.fullmatch(file.name)]
            for file in own:
                with contextlib.suppress(FileNotFoundError):  # another program has removed or renamed it
                    found.append((file.stat(), file))
        total = size
        for status, file in sorted(found, key=lambda pair: pair[0].st_mtime, reverse=True):
            if file.name.startswith(TEMPORARY):
                unwanted = time.time() - status.st_mtime > ABANDONED
            else:
                total += status.st_size
                unwanted = total > self.limit_gb * 1e9
            if unwanted:
                with contextlib.suppress(OSError):  # another program has removed it, or uses it (Windows)
                    file.unlink()
        if shutil.disk_usage(self.folder).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def release(array: np.ndarray) -> None:
    """Unmap the memory pages of an array that is mapped to a file; the system caches them while memory is free."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _header(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the line of JSON."""
    return json.dumps([(name, array.dtype.str, array.shape) for name, array in arrays.items()]).encode() + b"\n"


def _write(file: Path, header: bytes, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the file. Raises: OSError."""
    with file.open("wb") as stream:
        stream.write(bytes(DIGEST_BYTES))  # its place
        stream.write(header)
        for array in arrays.values():
            content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            for start in range(0, content.size, CHUNK):
                stream.write(content[start : start + CHUNK].data)
                release(array)
    _, _, content = _open(file)
    digest = _digest(header, content)
    with file.open("r+b") as stream:
        stream.write(digest)


def _read(file: Path) -> dict[str, np.ndarray]:
    """Return the arrays, mapped to the file. Raises: OSError, or ValueError if the file is damaged."""
    expected, header, content = _open(file)
    if _digest(header, content) != expected:
        raise ValueError("its digest is wrong")
    arrays = {}
    start = 0
    for name, dtype, shape in json.loads(header):
        end = start + math.prod(shape) * np.dtype(dtype).itemsize
        arrays[name] = content[start:end].view(dtype).reshape(shape)
        start = end
    return arrays


def _open(file: Path) -> tuple[bytes, bytes, np.memmap]:
    """Return the digest and the header in the file, and its other bytes, uint8 [N]. Raises: OSError, ValueError."""
    with file.open("rb") as stream:
        digest = stream.read(DIGEST_BYTES)
        header = stream.readline(MAX_HEADER_BYTES)
        return digest, header, np.memmap(stream, np.uint8, "r", stream.tell())


def _digest(header: bytes, content: np.ndarray) -> bytes:
    """Return a line with the SHA-256 digest of the header, of the number of bytes in the content, and of its parts."""
    digest = hashlib.sha256(header + str(content.size).encode())
    for start in range(0, content.size, max(PART_BYTES, content.size // PARTS)):
        digest.update(content[start : start + PART_BYTES].data)
    return digest.hexdigest().encode() + b"\n"


def _digest_of_all(arrays: Sequence[np.ndarray]) -> str:
    """Return 32 hexadecimal digits of the SHA-256 digest of the arrays, with their types and shapes."""
    digest = hashlib.sha256(_header({str(number): array for number, array in enumerate(arrays)}))
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]
