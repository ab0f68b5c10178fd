"""Keep in cache_dir/classifiers what an evaluation computes from the real images alone, for the next evaluation."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import reason
from dcgan_tf.system.files import atomic_write

VERSION = 1  # raise it when features.Classifier, its training, or metrics.nearest_neighbour_error changes
DAMAGED = (ValueError, EOFError, KeyError, zipfile.BadZipFile)


def kept(
    config: Config, name: str, data: list[np.ndarray], compute: Callable[[], list[np.ndarray]]
) -> list[np.ndarray]:
    """Return what `compute` returns: from the cache if it is there, otherwise compute it and keep it.

    A cache that cannot be read or written never stops the program.

    Args:
      name: what it is, such as "classifier": part of the file's name.
      data: the arrays that it depends on. A digest of them is part of the file's name.
    """
    if not config.cache:
        return compute()
    folder = Path(config.cache_dir).expanduser().absolute() / "classifiers"
    file = folder / f"{_digest(data)}-{name.replace(' ', '-')}.npz"
    try:
        with file.open("rb") as stream, np.load(stream) as archive:  # checks the CRC of each array
            arrays = [archive[key] for key in archive.files]
        print(f"Cache:       the {name} comes from {file} (--nocache computes it again)")
        return arrays
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, *DAMAGED) as error:
        _warn(f"{file} cannot be used ({reason(error)}); the {name} is computed again.")
    arrays = compute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as temporary, temporary.open("wb") as stream:
            np.savez(stream, *arrays)
    except OSError as error:
        _warn(f"the {name} could not be kept in {folder} ({reason(error)}).")
    return arrays


def _digest(data: list[np.ndarray]) -> str:
    """Return 32 hexadecimal digits of the SHA-256 digest of the arrays, their shapes and VERSION."""
    digest = hashlib.sha256(repr((VERSION, [(array.shape, array.dtype.str) for array in data])).encode())
    for array in data:
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()[:32]


def _warn(text: str) -> None:
    print(f"Warning: {text}", file=sys.stderr, flush=True)
