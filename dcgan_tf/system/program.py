"""How a program runs and ends: its messages are shown, and an error becomes one sentence and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import show_as_program
from dcgan_tf.system.signals import exit_on_signals


def run(main: Callable[[], None]) -> None:
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
