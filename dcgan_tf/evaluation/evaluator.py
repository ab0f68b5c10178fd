"""The real images of a data set and their features, prepared once, to measure the images of any generator."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import numpy as np

from dcgan_tf.data.dataset import Dataset, check_trainable, read_dataset
from dcgan_tf.data.prepare import open_cache
from dcgan_tf.evaluation.distances import NearestSearch, nearest
from dcgan_tf.evaluation.metrics import FEW_LABELS, MAX_COPYING_SAMPLES, METRICS, NETWORKS, Sets, figures_of, svm_labels
from dcgan_tf.evaluation.spaces import Classifier, DiscriminatorSpace, FeatureSpace, choose_space, random_rows
from dcgan_tf.pixels import blocks
from dcgan_tf.runs.weights import Weights
from dcgan_tf.sampling.sampler import Sampler
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import progress, say

PIECE = 512  # generated images that are in memory at the same time
GOLDEN = (5**0.5 - 1) / 2


class Evaluator:
    """Measures generated images.

    `train` and `test` are the data set's parts, `real` the one that is compared; `facts` says how it measures.
    """

    def __init__(self, config: Config):
        """Read the data set and prepare the feature spaces.

        Raises: UserError if the data set cannot be read, or there are too few images.
        """
        self.config = config
        self.train, self.test = load_splits(config)
        self.real = self.train
        if config.hold_out:
            self.real = self.test
        self.classifier: Classifier | None = None
        if config.y_dim > 1:
            self.classifier = Classifier(self.train.images, self.train.labels, config.y_dim, open_cache(config))
        self.space = choose_space(config, self.classifier)
        self.count = config.evaluate_samples or self.space.samples
        if min(self.count, len(self.real.images)) < 2:
            raise UserError(
                "An evaluation compares at least two generated and two real images, but there are"
                f" {self.count} and {len(self.real.images)}; give a larger --evaluate_samples or a larger --hold_out."
            )
        others = {space for metric in METRICS for space in metric.spaces} - {*NETWORKS, type(self.space)}
        # How it measures: only scores with the same facts are compared.
        self.facts = {"generated": self.count, "feature_space": self.space.name}
        if self.classifier:
            self.facts["generated_classes"] = "in the shares of the real images"
        self.sets = {space: self._real_features(space) for space in [self.space, *(other() for other in others)]}

    def _real_features(self, space: FeatureSpace) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the features of the real images, and those of some training images and some unseen ones, if any."""
        some = [space.of(part.images, MAX_COPYING_SAMPLES) for part in (self.train, self.test) if part.has_test]
        features = space.of(self.real.images, space.most or self.count)
        if not space.most:  # so that any part of it is random
            features = np.random.default_rng(0).permutation(features)
        return features, some

    def measure(self, sampler: Sampler, weights: Weights | None = None) -> dict[str, float]:
        """Return the metrics of images of the seeds from that of the sampler's settings on.

        The classes are in the shares of the real images: what is compared then differs in the images only.

        Args:
          weights: of the run, to measure also the real images, and the discriminator's features, with labels.
        Returns: the figures by the names of METRICS, without those that cannot be computed.
        Raises: UserError if the weights cannot be read.
        """
        seeds = sampler.seeds(self.count)
        labels = labels_like(self.real.labels, self.count)
        search = NearestSearch(self.test.images)
        made: dict[FeatureSpace, list[np.ndarray]] = {space: [] for space in self.sets}
        if self.classifier:
            made[self.classifier] = []
        for piece in progress(blocks(self.count, PIECE), desc="Generated images", leave=False):
            images = sampler.images(sampler.z(seeds[piece]), labels[piece])
            if self.classifier:
                search.add(images)
            for space, parts in made.items():
                if piece.start < (space.most or self.count):
                    parts.append(space.of(images))
        measured: dict[Any, Any] = {}
        for space, of_real in self.sets.items():
            measured[space] = Sets(*of_real, np.concatenate(made[space]))
        if self.classifier:
            measured["nearest_neighbour_error"] = labels[search.index] == self.test.labels
            measured["class_accuracy"] = self.classifier.classes(np.concatenate(made[self.classifier])) == labels
            if weights:
                measured |= self._control(self.classifier, weights)
        return figures_of(measured)

    def _control(self, classifier: Classifier, weights: Weights) -> dict[str, np.ndarray]:
        """Return whether the label of each test image is found without generated ones, by the names of metrics."""
        images = self.train.images
        labels = self.train.labels
        test_images = self.test.images
        test_labels = self.test.labels
        right = {"class_accuracy_real": classifier.classes(classifier.of(test_images)) == test_labels}
        if not self.train.has_test:
            return right
        right["control_error"] = labels[nearest(test_images, images)] == test_labels
        if not weights.has_discriminator or not importlib.util.find_spec("sklearn"):
            say("The linear SVM is left out: it needs the discriminator, and scikit-learn (pip install scikit-learn).")
            return right
        space = DiscriminatorSpace(weights)
        features = space.of(images)
        test_features = space.of(test_images)
        chosen = {"svm_error": np.arange(len(labels))}
        if len(labels) > FEW_LABELS:
            chosen["svm_error_few"] = some_rows(self.train, FEW_LABELS)
        for name, rows in chosen.items():
            if len(np.unique(labels[rows])) > 1:  # there may be classes without images
                right[name] = svm_labels(features[rows], labels[rows], test_features) == test_labels
        return right


def labels_like(labels: np.ndarray, count: int) -> np.ndarray:
    """Return `count` labels, int32, in the shares of labels [N]; any part in a row has nearly these shares, too."""
    places = np.arange(count) * GOLDEN % 1  # evenly spread from 0 to 1, any part in a row
    return np.sort(labels)[(places * len(labels)).astype(int)]


def some_rows(dataset: Dataset, count: int) -> np.ndarray:
    """Return that many indices of random images: of idx files the first, which are in random order already."""
    if dataset.shuffle_each_epoch:
        return random_rows(len(dataset.images), count)
    return np.arange(count)


def load_splits(config: Config) -> tuple[Dataset, Dataset]:
    """Return all training images and all test images; if there is no test split, both are the training images."""
    # idx files are shuffled once, by the seed; the same order always trains the same classifier
    config = dataclasses.replace(config, seed=0)
    train = read_dataset(config, "train")
    test = train
    if train.has_test:
        test = read_dataset(config, "test")
    for part in (train, test):
        check_trainable(part, 1, np.inf)
    return train, test
