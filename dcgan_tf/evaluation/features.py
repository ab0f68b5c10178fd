"""Feature spaces that need no download: a classifier of the data set's classes, and the run's discriminator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.evaluation.pieces import blocks, features_of
from dcgan_tf.pixels import to_float
from dcgan_tf.runs.select import Selection
from dcgan_tf.runs.weights import Weights
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.setting import received
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import atomic_write
from dcgan_tf.system.messages import ignored_warnings, say
from dcgan_tf.system.startup import keras_defaults, own_seeds

Features = Callable[[np.ndarray], np.ndarray]  # uint8 images [N, H, W, C] -> float32 [N, D]
EPOCHS = 5  # of the classifier, which then classifies 99% of MNIST's test images correctly
LEAST_STEPS = 300  # of the classifier, which needs more epochs for few images
TRAIN_BATCH = 128  # of the classifier
PREDICT_BATCH = 512  # of the classifier
SVM_STEPS = 1_000_000  # at most, for each class; scikit-learn recommends it; more change the error by 0.05% at most


class Classifier:
    """A small convolutional network that predicts the class of an image. Its last hidden layer is a feature space."""

    @keras_defaults()
    def __init__(self, image_shape: tuple[int, int, int], class_count: int):
        """Make the network, with the same initial weights each time.

        Args:
          image_shape: H, W, C.
        """
        layers = keras.layers
        with own_seeds(0):
            self.hidden = keras.Sequential(
                [
                    keras.Input(image_shape, dtype="uint8"),
                    layers.Rescaling(1 / 255),
                    layers.Conv2D(32, 3, 2, "same", activation="relu"),
                    layers.Conv2D(64, 3, 2, "same", activation="relu"),
                    layers.Flatten(),
                    layers.Dense(128, activation="relu"),
                ]
            )
            self.network = keras.Sequential([self.hidden, layers.Dropout(0.3), layers.Dense(class_count)])
            self.network.build((None, *image_shape))

    @keras_defaults()
    def train(self, images: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        """Train it on uint8 images [N, H, W, C] and their labels, int32 [N]; only once. Returns the weights."""
        steps = max(EPOCHS * -(-len(images) // TRAIN_BATCH), LEAST_STEPS)
        learning_rate = keras.optimizers.schedules.CosineDecay(0.002, steps)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.network.compile(keras.optimizers.Adam(learning_rate), loss, steps_per_execution=10)  # the same, faster
        with own_seeds(0):
            if steps > LEAST_STEPS:
                self.network.fit(images, labels, TRAIN_BATCH, EPOCHS, verbose=0)
            else:  # an epoch of so few images takes less time than Keras takes between two epochs
                repeated = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images), seed=0).repeat()
                self.network.fit(repeated.batch(TRAIN_BATCH).take(steps), shuffle=False, verbose=0)
        return self.network.get_weights()

    @keras_defaults()
    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the last hidden layer, float32 [N, 128], of uint8 images [N, H, W, C]."""
        return in_batches(self.hidden.predict_on_batch, images, PREDICT_BATCH)

    @keras_defaults()
    def classes(self, images: np.ndarray) -> np.ndarray:
        """Return the class that it predicts for each of the uint8 images [N, H, W, C], int64 [N]."""
        return in_batches(self.network.predict_on_batch, images, PREDICT_BATCH).argmax(1)

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        """Return the fraction of uint8 images [N, H, W, C] for which it predicts their labels [N]."""
        return float(np.mean(self.classes(images) == labels))


def discriminator_features(weights: Weights, config: Config) -> Features:
    """Return the run's discriminator as a feature extractor (Radford et al. 2015, section 5.1).

    The features are the activations of all convolutions, max-pooled to 4 x 4 at most, flattened and concatenated. They
    are used to predict the labels, so the discriminator of a run with labels gets zeros instead of them.

    Raises: UserError if the run has no checkpoint that can be read.
    """
    discriminator = weights.discriminator()

    @tf.function
    def batch_features(images: tf.Tensor) -> tf.Tensor:
        no_labels = tf.zeros([tf.shape(images)[0], config.y_dim])
        maps = discriminator.activations(to_float(images, config.value_range), no_labels, training=False)
        return tf.concat([pool(x) for x in maps], axis=1)

    return lambda images: in_batches(batch_features, images, 256)


def pool(x: tf.Tensor) -> tf.Tensor:
    """Max-pool [B, H, W, C] to at most 4 x 4, and flatten to [B, D]."""
    size = [-(-side // 4) for side in x.shape[1:3]]
    x = tf.nn.max_pool2d(x, size, size, "SAME")
    return tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]])


def in_batches(network: Callable[[np.ndarray], tf.Tensor], images: np.ndarray, batch: int) -> np.ndarray:
    """Apply the network to batches of the images, and concatenate the results."""
    return np.concatenate([np.asarray(network(images[rows])) for rows in blocks(len(images), batch)])


def write_features(selection: Selection, path: Path) -> None:
    """Write the discriminator's features of the data set as .npz: features, labels, class_names.

    They are float32 [N, D], int32 [N] and strings [Y].

    Raises: UserError if the data set or the checkpoint cannot be read.
    """
    if path.suffix.lower() != ".npz" or path.is_dir():  # nothing else is ever replaced
        raise UserError(f"--features must be the name of an .npz file to write, but is {received(str(path))}.")
    dataset = read_dataset(selection.config)
    features = features_of(discriminator_features(selection.weights, selection.config), dataset.images)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = np.array(dataset.label_names, str)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, features=features, labels=dataset.labels, class_names=names)
    say(f"Wrote {path.absolute()}: features {features.shape[0]:,} x {features.shape[1]:,}, and labels")


def svm_error(features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray) -> float:
    """Train a linear SVM with scikit-learn, and return its error on the test features.

    Args:
      features, labels: to train on, [N, D] and [N].
      test_features, test_labels: to test on, [M, D] and [M].
    Returns: the fraction of test features that get the wrong label, 0 to 1.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    passes = -(-SVM_STEPS // len(features))
    sgd = SGDClassifier(alpha=1e-3, average=True, max_iter=passes, n_jobs=-1, random_state=0)
    svm = make_pipeline(StandardScaler(), sgd)
    with ignored_warnings(ConvergenceWarning):  # that it ended after `passes`
        svm.fit(features, labels)
    return float(np.mean(svm.predict(test_features) != test_labels))
