"""Start TensorFlow without its messages."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

from dcgan_tf.system import messages

OF_TENSORFLOW = re.compile(
    rb"[IWEF]\d{4} \d\d:|\d{4}-\d\d-\d\d .*: [IWEF] |WARNING: All log messages before absl|To enable the following"
)


def start_tensorflow() -> None:
    """Import TensorFlow and find its devices."""
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
    """Hide what TensorFlow's C++ code writes to stderr.

    In somebody else's process, lines of others that come meanwhile are written at the end.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            if not messages.is_program():
                hidden.seek(0)
                for line in hidden:
                    if not OF_TENSORFLOW.match(line):
                        os.write(2, line)
