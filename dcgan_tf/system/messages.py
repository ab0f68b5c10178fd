"""What the program says: messages go through one logger named dcgan_tf, warnings are Python warnings.

The command line shows both. From Python, messages are shown only with verbose=True, and warnings.filterwarnings
rules over warnings. All that is printed goes through `Screen`, so that it can end or change nothing.
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
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

logger = logging.getLogger("dcgan_tf")
LOG_SECONDS = 30.0  # between two lines of a progress bar in a log file
PROCESS_LOCK = threading.RLock()  # what belongs to the whole process is changed by one thread at a time, and given back
OWN_PROCESS = threading.Event()  # set in a process that is the program's own, not a user's
_shown = ContextVar("dcgan_tf_shown", default=False)  # each thread has its own value


class DcganWarning(UserWarning):
    """Something that the user should know, although the program goes on."""


@dataclass
class Screen:
    """stdout or stderr, where nothing can fail: what cannot be written, as it is closed, full or gone, is lost."""

    stream: Any

    def write(self, text: str) -> int:
        with contextlib.suppress(Exception):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(Exception):
            self.stream.flush()

    def isatty(self) -> bool:
        with contextlib.suppress(Exception):
            return self.stream.isatty()
        return False

    def __getattr__(self, name: str) -> Any:  # its encoding, for example
        return getattr(self.stream, name)


class WholeLines(Screen):
    """Writes what a progress bar writes as whole lines, for a log file, which cannot go back in a line.

    It leaves out the first one, 0%, which would remain there.
    """

    begun = False

    def write(self, text: str) -> int:
        if text.strip() and self.begun:
            super().write(f"{text.strip()}\n")
        self.begun = True
        return len(text)


def say(text: str) -> None:
    """Log a message of one or more lines, and print it where messages are shown."""
    if _shown.get():
        _print(text, sys.stdout)
    with contextlib.suppress(Exception):  # a user's log can fail, too
        logger.info("%s", text)


def _print(text: str, stream: Any) -> None:
    """Write a line between progress bars, which make room."""
    with tqdm.external_write_mode(file=Screen(sys.stderr)):
        Screen(stream).write(f"{text}\n")


def report(label: str, text: str) -> None:
    """Log a fact with its label, in two columns."""
    say(f"{label + ':':12} {text}")


def warn(text: str) -> None:
    """Issue a warning."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # of a stderr that is no stream, or closed
        warnings.warn(text, DcganWarning, stacklevel=2)


@contextlib.contextmanager
def ignored_warnings(category: type[Warning]) -> Iterator[None]:
    """Ignore warnings of a category."""
    with PROCESS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


def progress(*args: Any, **options: Any) -> tqdm:
    """Return a progress bar, which is shown only where messages are. A log file gets a line of it every 30 s.

    Args:
      args, options: those of tqdm, beside file and disable.
    """
    screen = Screen(sys.stderr)
    if OWN_PROCESS.is_set() and not screen.isatty():
        screen = WholeLines(sys.stderr)
        options |= {"mininterval": LOG_SECONDS, "ascii": True}
    return tqdm(*args, file=screen, disable=not _shown.get(), dynamic_ncols=True, **options)


@contextlib.contextmanager
def shown(verbose: bool = True) -> Iterator[None]:
    """Show what this thread says within the block, or hide it."""
    token = _shown.set(verbose)
    try:
        yield
    finally:
        _shown.reset(token)


def show_as_program() -> None:
    """Show all messages and warnings from now on. For a program, which owns its process."""
    for name in ("stdin", "stdout", "stderr"):  # in this order each takes the lowest number that is free, its own
        if getattr(sys, name) is None:  # it is closed (2>&-), and the next file that is opened would take its number
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A pipe or a log file gets each line at once. Names of files can have characters that stdout cannot show.
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    sys.stdout = Screen(sys.stdout)  # for what others print, and what Python does at its end
    sys.stderr = Screen(sys.stderr)
    OWN_PROCESS.set()
    os.environ["MPLBACKEND"] = "agg"  # a notebook's can be missing here, and stops Keras and matplotlib
    _shown.set(True)
    logger.propagate = False  # a library may have set up the root logger, and would print them again
    warnings.simplefilter("always", DcganWarning)
    warnings.filterwarnings("ignore", module="PIL")  # about files that are read all the same
    warnings.showwarning = lambda message, *place: _print(f"Warning: {message}", sys.stderr)
