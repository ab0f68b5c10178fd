"""How a program runs and ends: errors become one sentence and an exit code; what SIGINT (Ctrl-C) and SIGTERM do."""

from __future__ import annotations

import contextlib
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
    """Run a program. SIGINT and SIGTERM raise SystemExit, so that no file is left half-written.

    Raises: SystemExit with 1 after an error, 141 if the reader of the output has ended, 128 and the number of a signal
      that ended the program.
    """
    show_as_program()
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_DFL)  # a second one ends the program at once
        raise SystemExit

    for number in STOP_SIGNALS:
        signal.signal(number, receive)
    try:
        main()
    except UserError as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader of the output, such as head, has ended
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)  # else Python reports the broken pipe at its end
        raise SystemExit(141) from None  # what a shell reports of a program that SIGPIPE ended
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


def default_handlers() -> contextlib.AbstractContextManager[None]:
    """Let a signal end the process at once, for waits inside TensorFlow in which Python handlers cannot run."""
    return _handler(signal.SIG_DFL)


@contextlib.contextmanager
def _handler(handler: Any) -> Iterator[None]:
    """Set the handler of the signals that stop within the block."""
    previous = {}
    if threading.current_thread() is threading.main_thread():  # only this may set handlers
        previous = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before or signal.SIG_DFL)  # None: not set by Python
