"""The feature space of an evaluation: which network, and how long it takes."""

from __future__ import annotations

import time

import numpy as np

from dcgan_tf.evaluation.features import Classifier, Features
from dcgan_tf.evaluation.inception import BATCH, graph_path, inception_2015, keras_inception
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import duration, say

FID_SPACE = "Inception of 2015, pool_3, as in published figures"
CLASSIFIER_SPACE = "last hidden layer of a classifier trained on the real images"
CLASSIFIER_SAMPLES = 50_000  # generated images, as in the DCGAN paper, if --evaluate_samples is not given
SAMPLES = 5_000  # and without that classifier, because Inception takes much longer
LONG = 60  # seconds, from which on the time is said before


def choose_features(
    config: Config, classifier: Classifier | None, shape: tuple[int, ...]
) -> tuple[str, Features | None]:
    """Return the name of the feature space and its function, which is None if no network for it is there.

    Args:
      classifier: of the data set's classes, if it has any.
      shape: H, W, C of the images.
    Raises: UserError if the file of the Inception graph is damaged.
    """
    path = graph_path(config.inception, config.cache_dir)
    if classifier and shape == (28, 28, 1) and not config.inception:
        return CLASSIFIER_SPACE, classifier.features
    if path:
        return FID_SPACE, inception_2015(path)
    try:
        return "Keras's InceptionV3, last pooling", keras_inception()
    except UserError as error:
        say(f"KID, precision and recall are left out: {error} FID: python -m dcgan_tf.download inception.")
        return "none", None


def default_samples(space: str) -> int:
    """Return how many images an evaluation generates if --evaluate_samples is not given."""
    if space == CLASSIFIER_SPACE:
        return CLASSIFIER_SAMPLES
    return SAMPLES


def say_time(features: Features, images: np.ndarray, count: int) -> None:
    """Measure how long the features of a few images take in Inception; if those of `count` take long, say it.

    Args:
      images: uint8 [N, H, W, C].
    """
    if count < 10 * BATCH:  # not worth a measurement
        return
    few = images[:BATCH]
    features(few)  # the first call also prepares the network
    start = time.perf_counter()
    features(few)
    seconds = (time.perf_counter() - start) * count / len(few)
    if seconds >= LONG:
        say(
            f"The features of {count:,} images take about {duration(seconds)} on this machine; give a smaller"
            " --evaluate_samples for less."
        )
