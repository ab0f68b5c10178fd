"""What the program says: messages go through one logger named dcgan_tf, warnings are Python warnings.

The command line shows both. From Python, messages are shown only with verbose=True, and warnings.filterwarnings
rules over warnings.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

PACKAGE = str(Path(__file__).parents[1]) + os.sep
logger = logging.getLogger("dcgan_tf")
LOG_SECONDS = 30.0  # between two lines of a progress bar in a log file
LOG_COLUMNS = 160
PROCESS_LOCK = threading.RLock()  # what belongs to the whole process is changed by one thread at a time, and given back
_program = threading.Event()  # set in a process that is the program's own, not a user's
_shown = ContextVar("dcgan_tf_shown", default=False)  # each thread has its own value


class DcganWarning(UserWarning):
    """Something that the user should know, although the program goes on."""


def say(text: str) -> None:
    """Log a message of one or more lines, and print it where messages are shown."""
    logger.info("%s", text)
    if _shown.get():
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        # Names of files can have any character; escapes stand for what stdout cannot show.
        tqdm.write(text.encode(encoding, "backslashreplace").decode(encoding), file=sys.stdout)
        sys.stdout.flush()


def report(label: str, text: str) -> None:
    """Log a fact with its label, in two columns."""
    say(f"{label + ':':12} {text}")


def duration(seconds: float) -> str:
    """Return a time as one reads it: in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def warn(text: str) -> None:
    """Issue a warning at the line outside this package from which the program was called."""
    level = outermost = 1
    frame: FrameType | None = sys._getframe()
    while frame:
        if frame.f_code.co_filename.startswith(PACKAGE):
            outermost = level
        frame = frame.f_back
        level += 1
    warnings.warn(text, DcganWarning, stacklevel=outermost + 1)


@contextlib.contextmanager
def ignored_warnings(category: type[Warning]) -> Iterator[None]:
    """Ignore warnings of a category."""
    with PROCESS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


def progress(*args: Any, **options: Any) -> tqdm:
    """Return a progress bar, which is shown only where messages are. A log file gets a line of it every 30 s."""
    options["disable"] = not _shown.get() or sys.stderr is None
    if options["disable"] or sys.stderr.isatty() or not is_program():  # a notebook shows a bar, too
        return tqdm(*args, dynamic_ncols=True, **options)
    return tqdm(*args, **options | {"file": WholeLines(), "mininterval": LOG_SECONDS, "ncols": LOG_COLUMNS})


class WholeLines(io.TextIOBase):
    """Writes what a progress bar writes to stderr as whole lines, for a log file, which cannot go back in a line."""

    def write(self, text: str) -> int:
        if text.strip():
            sys.stderr.write(f"{text.strip()}\n")
        return len(text)


@contextlib.contextmanager
def shown(verbose: bool = True) -> Iterator[None]:
    """Show what this thread says within the block, or hide it."""
    token = _shown.set(verbose)
    try:
        yield
    finally:
        _shown.reset(token)


def is_program() -> bool:
    """Return whether this process is the program's own, not a user's."""
    return _program.is_set()


def show_as_program() -> None:
    """Show all messages and warnings from now on. For a program, which owns its process."""
    _open_closed_streams()
    _program.set()
    _shown.set(True)
    logger.propagate = False  # a library may have set up the root logger, and would print them again
    warnings.simplefilter("always", DcganWarning)
    warnings.filterwarnings("ignore", module="PIL")  # about files that are read all the same
    show_other = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        if issubclass(category, DcganWarning):
            tqdm.write(f"Warning: {message}", file=sys.stderr)
        else:
            show_other(message, category, *place, **options)

    warnings.showwarning = show


def _open_closed_streams() -> None:
    """Let stdout and stderr that are closed (2>&-) go nowhere; else the next file that is opened takes their number."""
    number = 0
    while number <= 2:
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe or a log file gets each line at once
