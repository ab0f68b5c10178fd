"""TensorFlow brought up quietly: every program of the project starts it here."""

from __future__ import annotations

import os
import sys


def start_tensorflow() -> None:
    """Import TensorFlow and find its devices, with its start-up notices kept off the screen."""
    sys.stderr.flush()
    screen = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.get_logger().setLevel("ERROR")  # its warnings speak of TensorFlow's insides; we raise what a user must know
        # Grappler's remapper stumbles over the gradient of a leaky relu, says so on the screen, and gains nothing.
        tf.config.optimizer.set_experimental_options({"remapping": False})
    finally:
        os.dup2(screen, 2)
        os.close(screen)
