"""Feature spaces, in which generated and real images are compared: each a class with a name and `features(images)`.

To add one, write such a class, and a row of METRICS (metrics.py) that names it.
"""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dcgan_tf.download.fetch import INCEPTION, KERAS_INCEPTION, try_mirrors
from dcgan_tf.pixels import blocks, to_float
from dcgan_tf.runs.weights import Weights
from dcgan_tf.settings.config import Config
from dcgan_tf.system.cache import DiskCache, cache_folder
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.messages import progress, say
from dcgan_tf.system.startup import keras_defaults

VERSION = np.array(3)  # raise it when Classifier or its training changes
EPOCHS = 5  # of the classifier, which then classifies 99% of MNIST's test images correctly
LEAST_STEPS = 300  # of the classifier, which needs more epochs for few images
TRAIN_BATCH = 128  # of the classifier


class FeatureSpace:
    """What turns images into features that are compared. One that METRICS names is made without arguments.

    A Keras network is built inside `keras_defaults()`. `rgb(images)` makes gray images three channels.
    """

    name = "none"  # as metrics.json calls it
    batch = 512  # images that `features` gets at a time, at most
    samples = 5_000  # generated images if --evaluate_samples is not given
    most: int | None = None  # images that are compared, at most

    def features(self, images: np.ndarray) -> np.ndarray | tf.Tensor:
        """Return the features [N, D] of uint8 images [N, H, W, C], at most `batch`; `of` makes arrays of tensors."""
        raise NotImplementedError

    def of(self, images: np.ndarray, most: int | None = None) -> np.ndarray:
        """Return the features of any number of images, which may be mapped to a file, or of at most `most` of them.

        Those are random ones, but always the same.
        """
        rows = random_rows(len(images), most or len(images))
        pieces = progress(blocks(len(rows), self.batch), desc="Features", leave=False, delay=2)
        return np.concatenate([self.features(images[rows[piece]]) for piece in pieces])


def random_rows(count: int, most: int) -> np.ndarray:
    """Return at most that many of `count` indices, at random but always the same ones, in their order."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, most), replace=False))


class Pixels(FeatureSpace):
    """The images themselves. It needs no network."""

    most = 2_000

    def features(self, images: np.ndarray) -> np.ndarray:
        return images


class Classifier(FeatureSpace):
    """The last hidden layer, 128 features, of a small convolutional network that predicts the class of an image."""

    name = "last hidden layer of a classifier trained on the real images"
    samples = 50_000  # as in the DCGAN paper

    @keras_defaults()
    def __init__(self, images: np.ndarray, labels: np.ndarray, class_count: int, cache: DiskCache):
        """Train it, always in the same way, or take its weights from the cache.

        Args:
          images, labels: uint8 [N, H, W, C] and int32 [N].
        """
        layers = keras.layers
        glorot = keras.initializers.GlorotUniform
        self.network = keras.Sequential(
            [
                keras.Input(images.shape[1:], dtype="uint8"),
                layers.Rescaling(1 / 255),
                layers.Conv2D(32, 3, 2, "same", activation="relu", kernel_initializer=glorot(0)),
                layers.Conv2D(64, 3, 2, "same", activation="relu", kernel_initializer=glorot(1)),
                layers.Flatten(),
                layers.Dense(128, activation="relu", kernel_initializer=glorot(2)),
                layers.Dropout(0.3, seed=4),
                layers.Dense(class_count, kernel_initializer=glorot(3)),
            ]
        )
        self.hidden = keras.Sequential(self.network.layers[:-2])
        self.logits = self.network.layers[-1]
        data = [VERSION, images, labels, np.array(class_count)]
        self.network.set_weights(cache.cached("classifiers", data, lambda: self._train(images, labels)))

    def _train(self, images: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        """Return the weights."""
        say(f"Training a classifier on {len(images):,} real images ...")
        steps = max(EPOCHS * len(images) // TRAIN_BATCH, LEAST_STEPS)
        rows = np.random.default_rng(0).integers(len(images), size=(steps, TRAIN_BATCH))
        x = tf.constant(images)
        y = tf.constant(labels)
        batches = tf.data.Dataset.from_tensor_slices(rows)
        batches = batches.map(lambda batch: (tf.gather(x, batch), tf.gather(y, batch)))
        learning_rate = keras.optimizers.schedules.CosineDecay(0.002, steps)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.network.compile(keras.optimizers.Adam(learning_rate), loss, steps_per_execution=10)  # the same, faster
        self.network.fit(batches, verbose=0, shuffle=False)
        return self.network.get_weights()

    def features(self, images: np.ndarray) -> tf.Tensor:
        return self.hidden(images)

    def classes(self, features: np.ndarray) -> np.ndarray:
        """Return the class that it predicts for each of the features [N, 128], int64 [N]."""
        return self.logits(features).numpy().argmax(1)


class Inception2015(FeatureSpace):
    """The Inception network of 2015 up to pool_3, 2048 features: those of published FID figures.

    It runs as the frozen graph that it is, with its own resizing to 299 x 299 (Heusel et al. 2017).
    """

    name = "Inception of 2015, pool_3, as in published figures"
    batch = 32

    def __init__(self, path: Path):
        """Raises: UserError if the file cannot be read or is another graph."""
        graph = tf.Graph()
        try:
            graph_def = tf.compat.v1.GraphDef.FromString(path.read_bytes())
            with graph.as_default():
                self.x = tf.compat.v1.placeholder(tf.float32)
                feeds = {"ExpandDims:0": self.x}
                self.outputs = tf.graph_util.import_graph_def(graph_def, feeds, ["pool_3:0"], name="")
        except Exception as error:  # another file raises exceptions of many types
            raise UserError(
                f"{path.absolute()} is not the Inception graph of 2015 ({reason(error)}); fetch it with"
                " python -m dcgan_tf.download inception, or give its path with --inception."
            ) from error
        # A session, because a tf.function refuses an operation of this graph that TensorFlow 2 no longer defines.
        self.session = tf.compat.v1.Session(graph=graph)

    def features(self, images: np.ndarray) -> np.ndarray:
        (pooled,) = self.session.run(self.outputs, {self.x: rgb(images)})
        return pooled[:, 0, 0]  # of [N, 1, 1, D]


class KerasInception(FeatureSpace):
    """Keras's InceptionV3 up to its last pooling, 2048 features. They are not those of published FID figures."""

    name = "Keras's InceptionV3, last pooling"
    batch = 32

    @keras_defaults()
    def __init__(self) -> None:
        """Raises: UserError if the weights are not in Keras's cache and cannot be downloaded."""
        path = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "models", KERAS_INCEPTION.name)
        try:
            if not path.exists():
                try_mirrors(KERAS_INCEPTION, path)  # Keras itself would wait for a silent host forever
            self.network = keras.applications.InceptionV3(include_top=False, pooling="avg", weights=str(path))
        except Exception as error:  # a damaged file raises exceptions of many types
            raise UserError(
                f"The weights of InceptionV3 cannot be downloaded or read ({reason(error)}); connect to the network"
                f" once, or put {path.name} into {path.parent}."
            ) from error

    def features(self, images: np.ndarray) -> tf.Tensor:
        inputs = tf.image.resize(rgb(images), (299, 299)) / 127.5 - 1
        return self.network(inputs, training=False)


class DiscriminatorSpace(FeatureSpace):
    """The activations of all of D's convolutions, max-pooled to 4 x 4 at most, flattened and concatenated.

    They are used to predict the labels, so the discriminator of a run with labels gets zeros instead of them (Radford
    et al. 2015, section 5.1).
    """

    batch = 256

    def __init__(self, weights: Weights):
        """Raises: UserError if there is no discriminator, or its weights cannot be read."""
        self.discriminator = weights.discriminator()
        self.config = weights.config

    @tf.function
    def features(self, images: np.ndarray) -> tf.Tensor:
        no_labels = tf.zeros([images.shape[0], self.config.y_dim])
        inputs = to_float(images, self.config.value_range)
        maps = self.discriminator.activations(inputs, no_labels, training=False)
        return tf.concat([pool(x) for x in maps], axis=1)


def pool(x: tf.Tensor) -> tf.Tensor:
    """Max-pool [B, H, W, C] to at most 4 x 4, and flatten to [B, D]."""
    size = [-(-side // 4) for side in x.shape[1:3]]
    x = tf.nn.max_pool2d(x, size, size, "SAME")
    return tf.reshape(x, [x.shape[0], -1])


def choose_space(config: Config, classifier: Classifier | None) -> FeatureSpace:
    """Return the feature space that an evaluation reports: Pixels if there is no network.

    Args: classifier: of the data set's classes, if it has any.
    Raises: UserError if the file of the Inception graph is damaged.
    """
    if classifier and config.image_shape == (28, 28, 1) and not config.inception:
        return classifier
    path = graph_path(config.inception, config.cache_dir)
    if path:
        return Inception2015(path)
    try:
        return KerasInception()
    except UserError as error:
        say(f"KID, precision and recall are left out: {error} FID: python -m dcgan_tf.download inception.")
        return Pixels()


def graph_path(inception: str, cache_dir: str) -> Path | None:
    """Return the file of the 2015 graph: `inception` if given, else the one in a cache if it is there, else None."""
    if inception:
        return Path(inception)
    for folder in (cache_folder(cache_dir), cache_folder("")):  # the second is that of dcgan_tf.download
        path = folder / INCEPTION.name
        if path.is_file():
            return path
    return None


def rgb(images: np.ndarray) -> np.ndarray:
    """Convert uint8 images [N, H, W, 1 or 3] to float32 [N, H, W, 3] in [0, 255]."""
    return np.repeat(images, 3 // images.shape[3], axis=3).astype(np.float32)
