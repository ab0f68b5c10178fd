"""How a program runs and ends: errors become one sentence and an exit code; what signals such as SIGINT (Ctrl-C) do."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import OWN_PROCESS, show_as_program

# What schedulers send before they end a job, and terminals that are closed, as far as the system has it
NAMES = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGBREAK")
OF_SCHEDULERS = [number for number in signal.Signals if number.name in NAMES]


def run_program(main: Callable[[], None]) -> None:
    """Run a program. A signal that stops it raises SystemExit, so that no file is left half-written.

    Args:
      main: may raise UserError or OSError, which is printed as one sentence.
    Raises: SystemExit with 1 after an error, 128 and the number of a signal that ended the program.
    """
    show_as_program()
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_DFL)  # a second one ends the program at once
        raise SystemExit

    _set(receive)
    try:
        main()
    except UserError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error}; check that it can be read and written, and that its disk has room.")
    except KeyboardInterrupt:  # StopRequest raises it on the second Ctrl-C
        raise SystemExit(130) from None
    finally:
        if received:  # also if a library has made another exception of it
            raise SystemExit(128 + received[0])


def _fail(text: str) -> None:
    print(f"Error: {text}", file=sys.stderr)  # a notebook does not show the text of a SystemExit
    raise SystemExit(1)


class StopRequest(contextlib.ExitStack):
    """Remembers the first signal that comes within a `with` block; a second SIGINT raises KeyboardInterrupt."""

    signal = 0  # its number; 0 before it comes

    def __enter__(self) -> StopRequest:
        self.enter_context(_handler(self._receive))
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or number


def pass_on(number: int) -> None:
    """Give a signal that stopped a training to the program's own handler. Raises SystemExit if there is none.

    Ctrl-C without a handler is done: it stops the training only.
    """
    handler = signal.getsignal(number)
    if handler == signal.SIG_DFL:
        raise SystemExit(128 + number)
    if callable(handler) and handler is not signal.default_int_handler:
        handler(number, None)


def default_handlers() -> contextlib.AbstractContextManager[None]:
    """Let a signal end the process at once, for waits inside TensorFlow in which Python handlers cannot run."""
    return _handler(signal.SIG_DFL)


@contextlib.contextmanager
def _handler(handler: Any) -> Iterator[None]:
    """Set the handler of the signals that stop within the block."""
    previous = {}
    if threading.current_thread() is threading.main_thread():  # only this may set handlers
        previous = _set(handler)
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before or signal.SIG_DFL)  # None: not set by Python


def _set(handler: Any) -> dict[signal.Signals, Any]:
    """Set the handler of the signals that stop. Returns the handlers before.

    A signal that is ignored, as nohup does, stays ignored. In a user's process, those of schedulers count only if they
    would end it.
    """
    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM, *OF_SCHEDULERS):
        before = signal.getsignal(number)
        is_users = number in OF_SCHEDULERS and before != signal.SIG_DFL and not OWN_PROCESS.is_set()
        if before != signal.SIG_IGN and not is_users:
            previous[number] = signal.signal(number, handler)
    return previous
