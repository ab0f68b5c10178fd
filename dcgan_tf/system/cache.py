"""Keep arrays, and what XLA compiles, for the next start of the program. What was used longest ago is removed.

An entry of arrays is a folder with an .npy file for each, and names.npy with their names; it is complete or not there.
What XLA compiles for a machine is one folder, which TensorFlow itself writes and reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from dcgan_tf.system.errors import reason
from dcgan_tf.system.files import TEMPORARY, check_writable, remove
from dcgan_tf.system.messages import OWN_PROCESS, report, warn
from dcgan_tf.system.startup import hidden_stderr

KINDS = ("prepared", "classifiers", "compiled")  # the sub-folders; nothing elsewhere in the folder is ever removed
# Nor is what has another name: this is that of an entry (a file in version 1.0.0), or of one that is being written
OWN_NAME = re.compile(rf"([\w-]+-)?[0-9a-f]{{32}}(-\w+)?|{re.escape(TEMPORARY)}.*")
TF_XLA_FLAGS = "TF_XLA_FLAGS"  # the environment variable that tells TensorFlow where to keep what XLA compiles
# What else decides what is compiled, or whether it runs; TensorFlow's own key has the computation only
OF_XLA = (TF_XLA_FLAGS, "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "CUDA_VISIBLE_DEVICES")
OF_MACHINE = ("model name", "flags", "Features", "Model", "NVRM")  # how the lines of its files begin that are the same
_compiled: Path | None = None  # where TensorFlow keeps what this process compiles


def cache_folder(cache_dir: str) -> Path:
    """Return the folder of the setting cache_dir as an absolute path; blank means the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = os.path.expanduser(cache_dir or os.path.join(home, "dcgan_tf"))
    if folder.startswith("~"):  # there is no home directory
        folder = os.path.join(tempfile.gettempdir(), "dcgan_tf")
    return Path(folder).absolute()


@dataclass(frozen=True)
class DiskCache:
    """Entries on disk. If they cannot be read or written, a warning says so, and the program goes on without them."""

    folder: Path
    limit_gb: float  # for all entries together
    enabled: bool = True  # if not, nothing is read or written

    def load(self, kind: str, name: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of an entry, mapped to their files and read-only. One that is damaged is removed.

        Args:
          kind: one of KINDS.
          name: of the entry; it has the form of OWN_NAME.
        Returns: None if there is no entry that can be used.
        """
        entry = self.folder / kind / name
        if not self.enabled or not os.path.isdir(entry):
            return None
        with contextlib.suppress(OSError):
            os.utime(entry)  # the time of its last use
        try:
            return {str(key): _read(entry / f"{key}.npy") for key in _read(entry / "names.npy")}
        except Exception as error:  # NumPy raises many kinds of exceptions for a damaged file
            cause = reason(error)
        with contextlib.suppress(OSError):  # only here, because the exception keeps files open: Windows forbids it
            remove(entry)
        warn(f"{entry} cannot be used ({cause}); its content is computed again.")
        return None

    def save(self, kind: str, name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
        """Write an entry, and remove others so that all are within the limit.

        Args:
          kind, name: as in `load`.
          arrays: of any shape and type, by the names under which `load` returns them.
        Returns: what `load` returns now; None if the arrays cannot be kept.
        """
        if not self.enabled:
            return None
        entry = self.folder / kind / name
        size = sum(array.nbytes for array in arrays.values())
        if size > self.limit_gb * 1e9:
            report("Cache", f"not kept, as {size / 1e9:.3f} GB is more than --cache_limit_gb {self.limit_gb:g}")
            return None
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            self.make_room(size)
            with tempfile.TemporaryDirectory(dir=entry.parent, prefix=TEMPORARY) as temporary:
                folder = Path(temporary, name)
                folder.mkdir()
                _write(folder / "names.npy", np.array(list(arrays)))
                for key, array in arrays.items():
                    _write(folder / f"{key}.npy", array)
                folder.rename(entry)
        except OSError as error:
            if not os.path.isdir(entry):  # else another program was faster
                warn(f"{entry} could not be written ({reason(error)}); the next start computes its content again.")
        return self.load(kind, name)

    def cached(
        self, kind: str, data: Sequence[np.ndarray], compute: Callable[[], list[np.ndarray]]
    ) -> list[np.ndarray]:
        """Return what `compute` returns: from the cache, or compute it and keep it.

        Args:
          kind: one of KINDS.
          data: all arrays that it depends on. A digest of them is the entry's name.
        Returns: arrays in memory, which may be changed.
        """
        digest = hashlib.sha256()
        for array in data:
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        name = digest.hexdigest()[:32]
        kept = self.load(kind, name)
        if kept is not None:
            report("Cache", f"{self.folder / kind / name} is used (--nocache computes it again)")
            return [np.array(array) for array in kept.values()]
        arrays = compute()
        self.save(kind, name, {str(number): array for number, array in enumerate(arrays)})
        return arrays

    def make_room(self, size: int) -> None:
        """Remove the entries that were used longest ago until `size` bytes more are within the limit."""
        found = []
        for kind in KINDS:
            for path in (self.folder / kind).glob("*"):
                with contextlib.suppress(OSError):  # another program has removed it
                    if OWN_NAME.fullmatch(path.name):
                        files = (path, *path.rglob("*"))
                        bytes_used = sum(file.stat().st_size for file in files)
                        found.append((path.stat().st_mtime, bytes_used, path))
        total = size
        for _, bytes_used, path in sorted(found, reverse=True):
            total += bytes_used
            if total > self.limit_gb * 1e9:
                with contextlib.suppress(OSError):  # another program has removed it, or uses it (Windows)
                    remove(path)


def release(array: np.ndarray) -> None:
    """Unmap the memory pages of an array that is mapped to a file; the system caches them while memory is free."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _read(file: Path) -> np.ndarray:
    """Return the array, mapped to the file. Raises: OSError, or another exception if the file is damaged."""
    array = np.lib.format.open_memmap(file, mode="r")
    if file.stat().st_size != array.offset + array.nbytes:
        raise ValueError(f"{file.name} has another size than its header says")
    return array


def _write(file: Path, array: np.ndarray) -> None:
    """Write the array. Raises: OSError."""
    with file.open("wb") as stream:
        # Piece by piece: into a real file NumPy writes all at once, so Ctrl-C has to wait, and a full disk is not said.
        np.save(SimpleNamespace(write=stream.write), array)
    release(array)


def keep_compiled(cache: DiskCache) -> None:
    """Let TensorFlow keep what XLA compiles in this process, which must be the program's own.

    Call it before TensorFlow is imported. Flags that the user gives TensorFlow count more.
    """
    global _compiled
    flags = os.environ.get(TF_XLA_FLAGS, "").strip()
    if not OWN_PROCESS.is_set() or not cache.enabled or re.search(r"[\"\\\n]", str(cache.folder)):
        return
    with contextlib.suppress(PackageNotFoundError, OSError):
        name = hashlib.sha256(f"{version('tensorflow')}{_machine()}".encode()).hexdigest()[:32]
        folder = cache.folder / "compiled" / name
        check_writable(folder)
        if folder.exists():
            os.utime(folder)  # the time of its last use
        cache.make_room(0)
        os.environ[TF_XLA_FLAGS] = f'--tf_xla_persistent_cache_directory="{folder}" {flags}'
        _compiled = folder


def _machine() -> str:
    """Return what is known without TensorFlow of what code is compiled for: processor, GPUs, driver and flags."""
    known = {f"{os.cpu_count()} {[os.environ.get(name) for name in OF_XLA]}"}
    driver = Path("/proc/driver/nvidia")
    for file in (Path("/proc/cpuinfo"), driver / "version", *driver.glob("gpus/*/information")):
        with contextlib.suppress(OSError):
            known |= {line for line in file.read_text(errors="replace").splitlines() if line.startswith(OF_MACHINE)}
    return str(sorted(known))


def first_call(call: Callable[[], None]) -> None:
    """Make the call that traces and compiles the train step; if what was kept is damaged, remove it, and call again.

    Raises: what the call raises, if nothing was kept, or the second time.
    """
    import tensorflow as tf

    if not _compiled or not any(_compiled.glob("*")):
        call()
        return
    with hidden_stderr():  # TensorFlow says of each file that it is no text
        try:
            call()
        except tf.errors.OpError:
            with contextlib.suppress(OSError):  # another program has removed it
                remove(_compiled)
            call()
