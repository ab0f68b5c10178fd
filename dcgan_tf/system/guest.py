"""What belongs to the whole process: changed within a block only, by one thread at a time, and then given back."""

from __future__ import annotations

import contextlib
import random
import threading
import warnings
from collections.abc import Iterator

PROCESS_LOCK = threading.RLock()


@contextlib.contextmanager
def ignored_warnings(category: type[Warning]) -> Iterator[None]:
    """Ignore warnings of a category."""
    with PROCESS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


@contextlib.contextmanager
def keras_defaults() -> Iterator[None]:
    """Use Keras's own defaults for layers, whatever the user's keras.json or program sets: float32, channels last."""
    import keras

    with PROCESS_LOCK:
        floatx = keras.config.floatx()
        image_data_format = keras.config.image_data_format()
        dtype_policy = keras.config.dtype_policy()
        keras.config.set_floatx("float32")
        keras.config.set_image_data_format("channels_last")
        keras.config.set_dtype_policy("float32")
        try:
            yield
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_image_data_format(image_data_format)
            keras.config.set_dtype_policy(dtype_policy)


@contextlib.contextmanager
def own_seeds(seed: int) -> Iterator[None]:
    """Set the global seeds of Python, NumPy and TensorFlow, for what Keras draws from them."""
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.eager import context

    with PROCESS_LOCK:
        tensorflow_context = context.context()
        python_state = random.getstate()
        numpy_state = np.random.get_state()
        tensorflow_seed = tensorflow_context._seed
        tensorflow_rng = getattr(tensorflow_context, "_rng", None)  # there is none before the first seed
        random.seed(seed)
        np.random.seed(seed)
        tf.random.set_seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
            tensorflow_context._seed = tensorflow_seed
            tensorflow_context._rng = tensorflow_rng


@contextlib.contextmanager
def forgets_failed_variables() -> Iterator[None]:
    """If a network cannot be built, as for too little memory, let Keras build the next one.

    Keras 3 keeps variables that still need a value in a list. If one cannot get it, all stay there, and no later
    variable of this thread gets one.
    """
    from keras.src.backend.common import global_state

    name = "uninitialized_variables"
    before = list(global_state.get_global_attribute(name, []))
    try:
        yield
    except Exception:
        global_state.set_global_attribute(name, before)
        raise
