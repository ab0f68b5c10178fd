"""The lock of a run: one process trains it at a time. The system releases the lock when the process ends."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import warn

NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)  # of a network file system


def files(folder: Path) -> tuple[Path, Path]:
    """Return the lock file of the run's folder, and the file with the pid of its owner: filelock empties the first."""
    return folder / ".lock", folder / ".pid"


@contextlib.contextmanager
def training_lock(folder: Path) -> Iterator[None]:
    """Lock the run for training. Raises UserError if another process trains it, with the pid of that one."""
    lock = acquire(folder)
    try:
        files(folder)[1].write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()


def acquire(folder: Path) -> filelock.BaseFileLock:
    """Return the lock of the run's folder, locked. Raises UserError if another process has it."""
    lock_file, pid_file = files(folder)
    lock = filelock.FileLock(lock_file, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        owner = "another process"
        if pid_file.exists():
            owner = f"process {pid_file.read_text(errors='replace').strip()}"
        raise UserError(
            f"The run {folder.name} is being trained by {owner}; wait for it, stop it, or choose another --out_name."
        ) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warn(f"The disk of {folder} has no locks ({error.strerror}); make sure that no other training uses the run.")
    return lock
