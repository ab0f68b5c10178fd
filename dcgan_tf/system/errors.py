"""Errors that a user can fix, and how those of the system and of libraries become one."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dcgan_tf.system.messages import warn

# What Keras and TensorFlow write before the error of a layer or of a compiled function
PLACE = re.compile(r"Exception encountered when|Graph execution error|Detected at node|<stack traces|\s*File \"")
NAMES = re.compile(r"\{\{.*?\}\} *|\[Op:.*|\x1b\[\d*m")  # of nodes, and what makes letters bold
MEMORY = re.compile(r"\bOOM\b|[Oo]ut of memory|[Ff]ailed to allocate|MemoryError")
# As of a GPU without the files of CUDA's compiler (libdevice), and of Apple's Metal (registered platform)
XLA = re.compile(r"\bXLA(?![a-z])|libdevice|registered platform")
DISK = re.compile("No space left|File too large|[Qq]uota exceeded|Read-only file system|Permission denied")


class UserError(Exception):
    """Wrong flags, files or data. main.py prints its one sentence and exits with 1."""


class StopTraining(Exception):
    """Raise it in on_log or on_evaluate: dcgan_tf.train saves a checkpoint and returns the run."""


def reason(error: Exception) -> str:
    """Return the first line of an exception's message, without TensorFlow's node names, as a part of a sentence.

    Returns: for an error of the system, what the system says, without number and file; the exception's type if there
      is no message.
    """
    inner = getattr(error, "reason", None)  # urllib wraps the error of the network
    if isinstance(inner, Exception):
        error = inner
    text = NAMES.sub("", getattr(error, "strerror", None) or str(error)).strip()
    lines = (line.strip(" .") for line in text.splitlines() if line.strip() and not PLACE.match(line))
    return next(lines, type(error).__name__)


def printable(text: str) -> str:
    """Replace what a terminal cannot show, such as control characters in a file's name, by question marks."""
    return "".join(c if c.isprintable() else "?" for c in text)


def typed(path: Path) -> str:
    """Return a path as one types it in the shell."""
    if os.name == "nt":
        return subprocess.list2cmdline([str(path)])
    return shlex.quote(str(path))


def listed(texts: Sequence[str], most: int) -> str:
    """Return the first of the texts, at most so many, as a part of a sentence: a, b, ..."""
    shown = [printable(text) for text in texts[:most]]
    if len(texts) > most:
        shown.append("...")
    return ", ".join(shown)


def plain(name: str) -> str:
    """Return a name as one compares names that people type: fashionmnist for Fashion-MNIST."""
    return re.sub(r"[\W_]", "", name.lower())


def did_you_mean(typed: str, known: Iterable[str], prefix: str = "") -> str:
    """Return the known name that is like the typed one, begins with it or is a part of it, in brackets; else blank.

    Args:
      known: all names that count; capitals and punctuation make no difference.
      prefix: what is written before the name, such as -- of a flag.
    """
    names = {plain(name): name for name in known}
    wanted = plain(typed)
    found = difflib.get_close_matches(wanted, names, n=1, cutoff=0.75)
    found += sorted((name for name in names if wanted and name.startswith(wanted)), key=len)
    found += sorted((name for name in names if name in wanted and len(name) > 3), key=len, reverse=True)
    return "".join(f" (did you mean {prefix}{names[name]}?)" for name in found[:1])


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: 1 image, 2,000 images."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}s"


@contextlib.contextmanager
def device_errors(advice: str) -> Iterator[None]:
    """Turn errors of TensorFlow about memory, disk and compilers, and Python's MemoryError, into UserErrors.

    Args:
      advice: what needs less memory, as "a smaller --batch_size".
    Raises: UserError that says what to do; every other exception as it is.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, MemoryError) and not type(error).__module__.startswith("tensorflow."):
            raise
        cause = reason(error)
        for kind, what, todo in (
            (DISK, "A file could not be written", "make room on its disk, or use a folder that can be written"),
            (MEMORY, "There is too little memory", f"give {advice}"),
            (XLA, "XLA cannot compile for this device", "give --xla off, which needs no XLA"),
        ):
            if kind.search(f"{type(error).__name__} {cause}"):
                raise UserError(f"{what} ({cause}); {todo}.") from error
        raise


@contextlib.contextmanager
def warn_on_write_error(what: str) -> Iterator[None]:
    """If the block cannot write, warn and go on: a sheet or a curve is not worth the work of hours.

    Args:
      what: the beginning of the warning, such as the name of the file.
    """
    import tensorflow as tf

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        warn(f"{what} could not be written ({reason(error)}); the program goes on.")
