"""Start TensorFlow. A program hides its messages; in somebody else's process they stay as they are."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from dcgan_tf.system import messages


def start_tensorflow() -> None:
    """Import TensorFlow and find its devices. The start-up messages do not reach the screen of the program."""
    with hidden_stderr():
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # a Python program may have used the GPU already, with its own options
            for gpu in tf.config.list_physical_devices("GPU"):
                tf.config.experimental.set_memory_growth(gpu, True)
        if messages.is_program():
            tf.get_logger().setLevel("ERROR")  # its warnings are about its internals; users' errors are raised
        # Grappler's remapper fails on the gradient of a leaky relu, prints that, and makes nothing faster.
        tf.config.optimizer.set_experimental_options({"remapping": False})


def start_bfloat16() -> None:
    """Multiply once in bfloat16, so that what oneDNN prints once about a CPU without AVX-512 does not reach the screen.

    The devices must have been set up before.
    """
    import tensorflow as tf

    with hidden_stderr(), tf.device("CPU:0"):
        one = tf.ones([1, 1], tf.bfloat16)
        tf.matmul(one, one)


@contextlib.contextmanager
def hidden_stderr() -> Iterator[None]:
    """Hide what Python and TensorFlow's C++ code write to the stderr of the program."""
    if not messages.is_program():  # stderr belongs to the whole process, and to its other threads
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
