"""Two Inception networks: the graph of 2015, in whose features FID is defined, and Keras's InceptionV3."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from dcgan_tf.download.archives import INCEPTION
from dcgan_tf.evaluation.features import Features, in_batches
from dcgan_tf.system.cache import cache_folder
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.messages import is_shown
from dcgan_tf.system.startup import keras_defaults

BATCH = 32  # images


def graph_path(inception: str, cache_dir: str) -> Path | None:
    """Return the file of the 2015 graph: `inception` if given, else the one in a cache if it is there, else None."""
    if inception:
        return Path(inception)
    for folder in (cache_folder(cache_dir), cache_folder("")):  # the second is that of dcgan_tf.download
        if (folder / INCEPTION.name).is_file():
            return folder / INCEPTION.name
    return None


def inception_2015(path: Path) -> Features:
    """Return the Inception network of 2015 up to pool_3, 2048 features: those of published FID figures.

    It runs as the frozen graph that it is, with its own resizing to 299 x 299 (Heusel et al. 2017).

    Raises: UserError if the file cannot be read or is another graph.
    """
    graph_def = tf.compat.v1.GraphDef()
    graph = tf.Graph()
    try:
        graph_def.ParseFromString(path.read_bytes())
        with graph.as_default():
            x = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3])
            (pooled,) = tf.graph_util.import_graph_def(graph_def, {"ExpandDims:0": x}, ["pool_3:0"], name="")
            features = tf.reshape(pooled, [-1, pooled.shape[-1]])
    except (OSError, DecodeError, ValueError, TypeError) as error:
        raise UserError(
            f"{path.absolute()} is not the Inception graph of 2015 ({reason(error)}); fetch it with"
            " python -m dcgan_tf.download inception, or give its path with --inception."
        ) from error
    # A session, because a tf.function refuses an operation of this graph that TensorFlow 2 no longer defines.
    session = tf.compat.v1.Session(graph=graph)
    return lambda images: in_batches(lambda batch: session.run(features, {x: rgb(batch)}), images, BATCH)


def keras_inception() -> Features:
    """Return Keras's InceptionV3 up to its last pooling, 2048 features. They are not those of published FID figures.

    Raises: UserError if its weights are not in Keras's cache and cannot be downloaded.
    """
    try:
        with keras_messages_as_ours(), keras_defaults():
            network = keras.applications.InceptionV3(include_top=False, pooling="avg")
    except Exception as error:  # Keras's download raises exceptions of many types
        raise UserError(
            f"The weights of InceptionV3 are not in Keras's cache and cannot be downloaded ({reason(error)}); connect"
            " to the network once, or put inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 into"
            " ~/.keras/models."
        ) from error
    return lambda images: in_batches(lambda batch: network(keras_input(batch), training=False), images, BATCH)


@contextlib.contextmanager
def keras_messages_as_ours() -> Iterator[None]:
    """Let Keras print, as of its download, only where our own messages are shown; in this thread."""
    if is_shown() or not keras.config.is_interactive_logging_enabled():
        yield
        return
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        keras.config.enable_interactive_logging()


def keras_input(images: np.ndarray) -> tf.Tensor:
    """Convert uint8 images [N, H, W, 1 or 3] to the input of InceptionV3, float32 [N, 299, 299, 3] in [-1, 1]."""
    return tf.image.resize(rgb(images), (299, 299)) / 127.5 - 1


def rgb(images: np.ndarray) -> np.ndarray:
    """Convert uint8 images [N, H, W, 1 or 3] to float32 [N, H, W, 3] in [0, 255]."""
    return np.repeat(images, 3 // images.shape[3], axis=3).astype(np.float32)
