"""How a program of the project ends: an error becomes one sentence and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

from dcgan_tf.system import messages
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.signals import exit_on_signals


def run(main: Callable[[], None]) -> None:
    """Run a program that shows its messages. It ends with the exit code 1 after an error that a user can fix."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe or a log file gets each line at once
    messages.show_as_program()
    with exit_on_signals():
        try:
            main()
        except UserError as error:
            raise SystemExit(_say_error(str(error))) from None
        except BrokenPipeError:  # the reader of the output, such as head, has ended
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python reports the broken pipe at its end
            raise SystemExit(141) from None  # what a shell reports of a program that SIGPIPE ended
        except OSError as error:
            text = f"{error}; check that it can be read and written, and that its disk has room."
            raise SystemExit(_say_error(text)) from None
        except KeyboardInterrupt:  # signals.StopRequest raises it on the second Ctrl-C
            raise SystemExit(130) from None


def _say_error(text: str) -> int:
    print(f"Error: {text}", file=sys.stderr)
    return 1
