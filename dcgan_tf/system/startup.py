"""Start TensorFlow without its messages; every program of the project starts it here."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


def start_tensorflow() -> None:
    """Import TensorFlow and find its devices. Its start-up messages do not reach the screen."""
    with hidden_stderr():
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # a Python program may have used the GPU already, with its own options
            for gpu in tf.config.list_physical_devices("GPU"):
                tf.config.experimental.set_memory_growth(gpu, True)
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
    """Hide what Python and TensorFlow's C++ code write to stderr."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
