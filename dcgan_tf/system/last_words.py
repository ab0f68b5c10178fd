"""Show what was kept of stderr if the process is killed meanwhile, as by TensorFlow on a processor without AVX."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator

from dcgan_tf.system import messages

DEADLY = [getattr(signal, name) for name in ("SIGABRT", "SIGILL") if hasattr(signal, name)]


@contextlib.contextmanager
def shown_if_killed(kept: int, stderr: int) -> Iterator[None]:
    """Show what the file `kept` holds if C++ code of this block aborts.

    Python's own handlers would not run any more, so this sets one of the C library's, and gives the former ones back.

    Args: kept, stderr: file descriptors.
    """
    if os.name != "posix" or not messages.is_program():  # a library sets no handlers
        yield
        return
    libc = ctypes.CDLL(None)
    libc.signal.restype = ctypes.c_void_p
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]

    def show(number: int) -> None:
        libc.signal(number, None)  # so that the process ends
        name = signal.Signals(number).name
        os.write(stderr, f"Error: TensorFlow ended the process ({name}) while it was loaded; its messages:\n".encode())
        os.write(stderr, os.pread(kept, os.fstat(kept).st_size, 0))

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(show)
    former = {number: libc.signal(number, ctypes.cast(handler, ctypes.c_void_p)) for number in DEADLY}
    try:
        yield
    finally:
        for number, before in former.items():
            libc.signal(number, before)
