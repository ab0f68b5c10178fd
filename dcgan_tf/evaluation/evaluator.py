"""The real images of a data set and their features, prepared once, to measure the images of any generator."""

from __future__ import annotations

import dataclasses
import importlib.util
import math

import numpy as np

from dcgan_tf.data.cache import open_cache
from dcgan_tf.data.dataset import Dataset, check_trainable, read_dataset
from dcgan_tf.evaluation import metrics
from dcgan_tf.evaluation.feature_space import CLASSIFIER_SPACE, FID_SPACE, choose_features, default_samples, say_time
from dcgan_tf.evaluation.features import Classifier, Features, svm_error
from dcgan_tf.evaluation.pieces import features_of, pieces_of
from dcgan_tf.evaluation.sliced_wasserstein import sliced_wasserstein
from dcgan_tf.sampling.sampler import Sampler
from dcgan_tf.settings.config import Config
from dcgan_tf.system import image_files
from dcgan_tf.system.messages import say, warn

VERSION = np.array(2)  # raise it when features.Classifier, its training, or metrics.nearest_neighbour_error changes
FEW_LABELS = 1000  # labels that the second SVM is trained on, or two for each class if that is more
MAX_SWD_SAMPLES = 2_000  # real and generated images for the sliced Wasserstein distance
MAX_COPYING_SAMPLES = 2_000  # generated, training and unseen images for the search for copies
MAX_FIRST = max(MAX_SWD_SAMPLES, MAX_COPYING_SAMPLES)
MAX_PR_SAMPLES = 10_000  # real and generated images for precision and recall, which compare all pairs
NEAREST_ROWS, NEAREST_COLUMNS = 5, 10  # of generated images in nearest.png


class Evaluator:
    """The real images of a data set and what is computed from them once, to measure any generator."""

    def __init__(self, config: Config, first_seed: int, dataset: Dataset | None = None):
        """Read the data set and prepare the feature space.

        Args:
          first_seed: of the generated images.
          dataset: the one that training has already read, if any.
        Raises: UserError if the data set cannot be read.
        """
        self.config = config
        self.train, self.test = load_splits(config, dataset)
        self.has_test = self.train.has_test
        self.real = self.train
        if config.hold_out:
            self.real = self.test
        # Some training and some unseen images, to search for copies
        self.some = [random_images(part.images, MAX_COPYING_SAMPLES) for part in (self.train, self.test)]
        self.classifier: Classifier | None = None
        if config.y_dim == 1:
            say("What a classifier measures is left out: it needs two classes.")
        elif config.has_labels:
            self.classifier = trained_classifier(config, self.train)
        self.space, self.features = choose_features(config, self.classifier, self.train.images.shape[1:])
        self.count = config.evaluate_samples or default_samples(self.space)
        self.seeds = range(first_seed, first_seed + self.count)
        if self.features:
            chosen = random_rows(len(self.real.images), self.count)
            total = self.count + len(chosen)
            if self.has_test:
                total += sum(len(images) for images in self.some)
            if self.space != CLASSIFIER_SPACE:
                say_time(self.features, self.train.images, total)
            features = features_of(self.features, self.real.images, chosen)
            self.real_features = np.random.default_rng(0).permutation(features)
            if self.has_test:
                self.some_features = [features_of(self.features, images) for images in self.some]

    @property
    def test_count(self) -> int:
        """The number of test images."""
        if not self.has_test:
            return 0
        return len(self.test.images)

    @property
    def few_labels(self) -> int:
        """The number of labels that the second SVM is trained on; it is left out if there are no more."""
        return max(FEW_LABELS, 2 * self.config.y_dim)

    def measure(self, sampler: Sampler) -> dict[str, float]:
        """Return the metrics of the images of the seeds, with all classes in turn."""
        labels = self._labels(sampler, self.seeds)
        search = metrics.NearestSearch(self.test.images)
        predicted = []
        features = []
        first = []  # images, for metrics that need a few
        for piece in pieces_of(len(labels), "Generated images"):
            images = sampler.images(sampler.z(self.seeds[piece]), labels[piece])
            if self.classifier:
                search.add(images)
                predicted.append(self.classifier.classes(images))
            if self.features:
                features.append(self.features(images))
            if piece.start < MAX_FIRST:
                first.append(images)
        scores = {}
        if self.classifier:
            scores["nearest_neighbour_error"] = float(np.mean(labels[search.index] != self.test.labels))
            scores["class_accuracy"] = float(np.mean(np.concatenate(predicted) == labels))
        if self.features:
            scores |= self._feature_scores(np.concatenate(features))
        return scores | self._image_scores(np.concatenate(first))

    def _image_scores(self, images: np.ndarray) -> dict[str, float]:
        """Return the metrics of some generated images, which need no network."""
        reals = random_images(self.real.images, MAX_SWD_SAMPLES)
        scores = {"swd": sliced_wasserstein(reals, images[:MAX_SWD_SAMPLES])}
        if self.has_test:
            train, test = self.some
            scores["copying"] = metrics.copying(images[:MAX_COPYING_SAMPLES], train, test)
        return scores

    def _feature_scores(self, fake: np.ndarray) -> dict[str, float]:
        """Return the metrics of generated features [N, D]."""
        real = self.real_features
        scores: dict[str, float] = {}
        if min(len(real), len(fake)) < 2:
            warn(
                f"{len(fake)} generated and {len(real)} real images are too few for FID, KID, precision, recall; give"
                " a larger --evaluate_samples, or --hold_out in a new run."
            )
            return scores
        name = "frechet"
        if self.space == FID_SPACE:
            name = "fid"
        scores[name] = metrics.frechet_distance(real, fake)
        scores["kid"], scores["kid_spread"] = metrics.kernel_distance(real, fake)
        if self.has_test:
            train, test = self.some_features
            scores["copying_features"] = metrics.copying(fake[:MAX_COPYING_SAMPLES], train, test)
        scores["precision"], scores["recall"] = metrics.precision_recall(real[:MAX_PR_SAMPLES], fake[:MAX_PR_SAMPLES])
        return scores

    def _labels(self, sampler: Sampler, seeds: range) -> np.ndarray:
        return sampler.labels(seeds, range(len(sampler.class_names)))

    def controls(self, of_discriminator: Features | None) -> dict[str, float]:
        """Return the metrics of the real images, and the SVM errors on the discriminator's features.

        They need labels and, except for one, a test split.

        Args:
          of_discriminator: these features, if the run has its discriminator.
        """
        if not self.classifier:
            return {}
        train = self.train
        test = self.test
        scores = {"class_accuracy_real": self.classifier.accuracy(test.images, test.labels)}
        if not self.has_test:
            return scores
        data = [train.images, train.labels, test.images, test.labels]
        (error,) = open_cache(self.config).cached(
            "classifiers", "1-NN error", [VERSION, *data], lambda: [np.array(metrics.nearest_neighbour_error(*data))]
        )
        scores["control_error"] = float(error)
        if not of_discriminator:
            say("The linear SVM is left out: this pretrained run has no discriminator.")
            return scores
        if not importlib.util.find_spec("sklearn"):
            say("The linear SVM is left out: it needs scikit-learn (pip install scikit-learn).")
            return scores
        if len(np.unique(train.labels)) < 2:  # classes without images
            say("The linear SVM is left out: it needs images of two classes.")
            return scores
        train_features = features_of(of_discriminator, train.images)
        test_features = features_of(of_discriminator, test.images)
        scores["svm_error"] = svm_error(train_features, train.labels, test_features, test.labels)
        few = some_rows(train, self.few_labels)
        if len(few) < len(train.images) and len(np.unique(train.labels[few])) > 1:
            scores["svm_error_few"] = svm_error(train_features[few], train.labels[few], test_features, test.labels)
        return scores

    def note(self) -> str:
        """Return a sentence that says whether the run was trained on the images that it is measured on."""
        if not self.has_test:
            return "The data set has no test part: everything is measured on the images that the run was trained on."
        if self.config.hold_out:
            return "Measured on the held-out images, which the run has not seen."
        if self.config.split == "train":
            return "The run has not seen the test images (--split train)."
        return (
            f"The run was also trained on the test images (--split {self.config.split}), so its figures are too good;"
            " for fair figures train with --split train."
        )

    def nearest_sheet(self, sampler: Sampler) -> np.ndarray:
        """Return a sheet with rows of generated images, and below each image the nearest real training image.

        The distance is Euclidean, on pixels. Returns: uint8 [10 * H, 10 * W, C].
        """
        seeds = range(self.seeds[0], self.seeds[0] + NEAREST_ROWS * NEAREST_COLUMNS)
        images = sampler.images(sampler.z(seeds), self._labels(sampler, seeds))
        real = self.train.images[metrics.nearest(images, self.train.images)]
        shape = (NEAREST_ROWS, NEAREST_COLUMNS, *images.shape[1:])
        rows = np.stack([images.reshape(shape), real.reshape(shape)], axis=1)
        return image_files.sheet(rows.reshape(-1, *images.shape[1:]), NEAREST_COLUMNS)


def load_splits(config: Config, dataset: Dataset | None) -> tuple[Dataset, Dataset]:
    """Return all training images and all test images; if there is no test split, both are the training images."""
    # idx files are shuffled once, by the seed; the same order always trains the same classifier
    config = dataclasses.replace(config, seed=0)
    train = dataset
    if train is None or not train.shuffle_each_epoch or not is_train_part(config, train):
        train = read_dataset(config, "train")
        check_trainable(train, 1, math.inf)
    if not train.has_test:
        return train, train
    test = read_dataset(config, "test")
    check_trainable(test, 1, math.inf)
    return train, test


def is_train_part(config: Config, dataset: Dataset) -> bool:
    """Return whether a data set that a training has read holds its training images, and no others."""
    return config.split == "train" or config.hold_out > 0 or not dataset.has_test


def trained_classifier(config: Config, train: Dataset) -> Classifier:
    """Return a classifier of the training images: from the cache, or train it now."""
    classifier = Classifier(train.images.shape[1:], config.y_dim)

    def compute() -> list[np.ndarray]:
        say(f"Training a classifier on {len(train.images):,} real images ...")
        return classifier.train(train.images, train.labels)

    data = [VERSION, train.images, train.labels, np.array(config.y_dim)]
    classifier.network.set_weights(open_cache(config).cached("classifiers", "classifier", data, compute))
    return classifier


def some_rows(dataset: Dataset, most: int) -> np.ndarray:
    """Return at most that many indices of random images: of idx files the first, which are in random order already."""
    if dataset.shuffle_each_epoch:
        return random_rows(len(dataset.images), most)
    return np.arange(min(len(dataset.images), most))


def random_images(images: np.ndarray, most: int) -> np.ndarray:
    """Return at most that many random images [N, H, W, C], always the same ones."""
    return images[random_rows(len(images), most)]


def random_rows(count: int, most: int) -> np.ndarray:
    """Return at most that many of `count` indices, at random but always the same ones, in their order."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, most), replace=False))
