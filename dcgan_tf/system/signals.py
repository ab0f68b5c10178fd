"""How a program runs and ends: errors become one sentence and an exit code, SIGINT (Ctrl-C) and SIGTERM stop it."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import show_as_program

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_program(main: Callable[[], None]) -> None:
    """Run a program.

    Raises: SystemExit with 1 after an error, 141 if the reader of the output has ended, 128 and the number of a signal
      that ended the program.
    """
    open_closed_streams()
    show_as_program()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe or a log file gets each line at once
    with exit_on_signals():
        try:
            main()
        except UserError as error:
            _fail(str(error))
        except BrokenPipeError:  # the reader of the output, such as head, has ended
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python reports the broken pipe at its end
            raise SystemExit(141) from None  # what a shell reports of a program that SIGPIPE ended
        except OSError as error:
            _fail(f"{error}; check that it can be read and written, and that its disk has room.")
        except KeyboardInterrupt:  # signals.StopRequest raises it on the second Ctrl-C
            raise SystemExit(130) from None


def open_closed_streams() -> None:
    """Let stdout and stderr that are closed (2>&-) go nowhere; else the next file that is opened takes their number."""
    number = 0
    while number <= 2:
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _fail(text: str) -> None:
    print(f"Error: {text}", file=sys.stderr)
    raise SystemExit(1) from None


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
