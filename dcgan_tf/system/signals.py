"""What SIGINT (Ctrl-C) and SIGTERM do: end the program, stop a training, or end a long wait."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def exit_on_signals() -> Iterator[None]:
    """Raise SystemExit on a signal, so that no file is left half-written; the exit code is 128 + the signal's number.

    Python drops an exception that a signal handler raises inside some callbacks, for example those of TensorFlow, and
    prints it. So the handler raises it again every second until the program ends, and what was dropped is not printed.
    On Windows it is raised once only, so there it is printed.
    """
    received: list[int] = []
    raises_again = hasattr(signal, "setitimer")
    print_dropped = sys.unraisablehook

    def dropped(error: sys.UnraisableHookArgs) -> None:
        is_stop = isinstance(error.exc_value, SystemExit) and received
        if not (is_stop and raises_again):
            print_dropped(error)

    def handle(number: int, frame: FrameType | None = None) -> None:
        received.append(number)
        if raises_again:
            signal.signal(signal.SIGALRM, lambda *_: handle(number))
            signal.setitimer(signal.ITIMER_REAL, 1)
        raise SystemExit

    sys.unraisablehook = dropped
    for number in STOP_SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        sys.unraisablehook = print_dropped
        if raises_again:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if received:
            sys.exit(128 + received[0])


class StopRequest:
    """Remembers the first signal that comes within a `with` block; a second SIGINT raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.signal = 0  # its number; 0 before it comes

    @property
    def requested(self) -> bool:
        return self.signal != 0

    def __enter__(self) -> StopRequest:
        self._previous = _set_handlers(self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        _restore_handlers(self._previous)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or number


@contextlib.contextmanager
def default_handlers() -> Iterator[None]:
    """Let a signal end the process at once, for waits inside TensorFlow in which Python handlers cannot run."""
    previous = _set_handlers(signal.SIG_DFL)
    try:
        yield
    finally:
        _restore_handlers(previous)


def _set_handlers(handler: Any) -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}  # only the main thread may set handlers
    # A handler that was not set by Python could not be set again.
    numbers = [number for number in STOP_SIGNALS if signal.getsignal(number) is not None]
    return {number: signal.signal(number, handler) for number in numbers}


def _restore_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
