"""The real images of a data set and their features, prepared once, to measure the images of any generator."""

from __future__ import annotations

import importlib.util

import numpy as np

from dcgan_tf import latents
from dcgan_tf.data.cache import open_cache
from dcgan_tf.data.dataset import Dataset, check_trainable, read_dataset
from dcgan_tf.evaluation import metrics
from dcgan_tf.evaluation.features import Classifier, Features, discriminator_features, svm_error
from dcgan_tf.evaluation.inception import graph_path, inception_2015, keras_inception
from dcgan_tf.evaluation.sliced_wasserstein import sliced_wasserstein
from dcgan_tf.runs.pretrained import has_discriminator
from dcgan_tf.runs.run import Run
from dcgan_tf.sampling import sheets
from dcgan_tf.settings.config import Config
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import UserError

VERSION = np.array(1)  # raise it when features.Classifier, its training, or metrics.nearest_neighbour_error changes
FEW_LABELS = 1000  # labels that the second SVM is trained on; at least two for each class
MAX_SWD_SAMPLES = 2_000  # real and generated images for the sliced Wasserstein distance
MAX_COPYING_SAMPLES = 2_000  # generated, training and unseen images for the search for copies
MAX_PR_SAMPLES = 10_000  # real and generated images for precision and recall, which compare all pairs
NEAREST_ROWS, NEAREST_COLUMNS = 5, 10  # of generated images in nearest.png
FID_SPACE = "Inception of 2015, pool_3, as in published figures"


class Evaluator:
    """The real images of a data set and what is computed from them once, to measure any generator."""

    def __init__(self, config: Config, dataset: Dataset | None = None):
        """Read the data set and prepare the feature space.

        Args:
          dataset: the one that training has already read, if any.
        Raises: UserError if the data set cannot be read.
        """
        self.config = config
        self.train, self.test = load_splits(config, dataset)
        self.has_test = self.train.has_test
        self.real = self.test if config.hold_out else self.train
        self.samples = [random_images(x.images, MAX_COPYING_SAMPLES) for x in (self.train, self.test)]
        self.classifier: Classifier | None = None
        if config.has_labels:
            self.classifier = trained_classifier(config, self.train)
        self.space, self.features = choose_features(config, self.classifier, self.train)
        if self.features:
            chosen = random_images(self.real.images, config.evaluate_samples)
            self.real_features = np.random.default_rng(0).permutation(self.features(chosen))
            self.sample_features = [self.features(images) for images in self.samples] if self.has_test else []

    def measure(self, sample_fn: sheets.SampleFn) -> dict[str, float]:
        """Return the metrics of the images of evaluate_samples seeds from config.seed on, with all classes in turn."""
        config = self.config
        seeds = range(config.seed, config.seed + config.evaluate_samples)
        z, labels = sample_inputs(config, seeds)
        images = sample_fn(z, labels)
        scores = {}
        if self.classifier:
            scores["nearest_neighbour_error"] = metrics.nearest_neighbour_error(
                images, labels, self.test.images, self.test.labels
            )
            scores["class_accuracy"] = self.classifier.accuracy(images, labels)
        if self.features:
            real, fake = self.real_features, self.features(images)
            name = "fid" if self.space == FID_SPACE else "frechet"
            scores[name] = metrics.frechet_distance(real, fake)
            scores["kid"], scores["kid_spread"] = metrics.kernel_distance(real, fake)
            if self.has_test:
                scores["copying_features"] = metrics.copying(fake[:MAX_COPYING_SAMPLES], *self.sample_features)
            scores["precision"], scores["recall"] = metrics.precision_recall(
                real[:MAX_PR_SAMPLES], fake[:MAX_PR_SAMPLES]
            )
        reals = random_images(self.real.images, MAX_SWD_SAMPLES)
        scores["swd"] = sliced_wasserstein(reals, images[:MAX_SWD_SAMPLES])
        if self.has_test:
            scores["copying"] = metrics.copying(images[:MAX_COPYING_SAMPLES], *self.samples)
        return scores

    def controls(self, run: Run) -> dict[str, float]:
        """Return the metrics of the real images, and the SVM errors on the discriminator's features.

        They need labels and, except for one, a test split.
        """
        if not self.classifier:
            return {}
        train, test = self.train, self.test
        scores = {"class_accuracy_real": self.classifier.accuracy(test.images, test.labels)}
        if not self.has_test:
            return scores
        data = [train.images, train.labels, test.images, test.labels]
        (error,) = open_cache(self.config).cached(
            "classifiers", "1-NN error", [VERSION, *data], lambda: [np.array(metrics.nearest_neighbour_error(*data))]
        )
        scores["control_error"] = float(error)
        if run.pretrained and not has_discriminator(run.pretrained):
            print("The linear SVM is left out: this pretrained run has no discriminator.")
            return scores
        if not importlib.util.find_spec("sklearn"):
            print("The linear SVM is left out: it needs scikit-learn (pip install scikit-learn).")
            return scores
        features = discriminator_features(run, self.config)
        train_features, test_features = features(train.images), features(test.images)
        scores["svm_error"] = svm_error(train_features, train.labels, test_features, test.labels)
        few = max(FEW_LABELS, 2 * self.config.y_dim)
        scores["svm_error_few"] = svm_error(train_features[:few], train.labels[:few], test_features, test.labels)
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

    def nearest_sheet(self, sample_fn: sheets.SampleFn) -> np.ndarray:
        """Return a sheet with rows of generated images, and below each image the nearest real training image.

        The distance is Euclidean, on pixels. Returns: uint8 [10 * H, 10 * W, C].
        """
        seeds = range(self.config.seed, self.config.seed + NEAREST_ROWS * NEAREST_COLUMNS)
        images = sample_fn(*sample_inputs(self.config, seeds))
        real = self.train.images[metrics.nearest(images, self.train.images)]
        shape = (NEAREST_ROWS, NEAREST_COLUMNS, *images.shape[1:])
        rows = np.stack([images.reshape(shape), real.reshape(shape)], axis=1)
        return image_files.sheet(rows.reshape(-1, *images.shape[1:]), NEAREST_COLUMNS)


def load_splits(config: Config, dataset: Dataset | None) -> tuple[Dataset, Dataset]:
    """Return all training images and all test images; if there is no test split, both are the training images."""
    reusable = dataset and (config.split == "train" or config.hold_out or not dataset.has_test)
    train = dataset if reusable else read_dataset(config, "train")
    check_trainable(train, 1, float("inf"))
    if not train.has_test:
        return train, train
    test = read_dataset(config, "test")
    check_trainable(test, 1, float("inf"))
    return train, test


def trained_classifier(config: Config, train: Dataset) -> Classifier:
    """Return a classifier of the training images: from the cache, or train it now."""
    classifier = Classifier(train.images.shape[1:], config.y_dim)

    def compute() -> list[np.ndarray]:
        print(f"Training a classifier on {len(train.images):,} real images ...", flush=True)
        return classifier.train(train.images, train.labels)

    data = [VERSION, train.images, train.labels, np.array(config.y_dim)]
    classifier.network.set_weights(open_cache(config).cached("classifiers", "classifier", data, compute))
    return classifier


def random_images(images: np.ndarray, most: int) -> np.ndarray:
    """Return at most that many random images [N, H, W, C], always the same ones."""
    count = min(len(images), most)
    return images[np.sort(np.random.default_rng(0).choice(len(images), count, replace=False))]


def choose_features(config: Config, classifier: Classifier | None, train: Dataset) -> tuple[str, Features | None]:
    """Return the name of the feature space and its function, which is None if no network for it is there.

    Raises: UserError if the file of the Inception graph is damaged.
    """
    path = graph_path(config)
    if classifier and train.images.shape[1:] == (28, 28, 1) and not config.inception:
        return "last hidden layer of a classifier trained on the real images", classifier.features
    if path:
        return FID_SPACE, inception_2015(path)
    try:
        return "Keras's InceptionV3, last pooling", keras_inception()
    except UserError as error:
        print(f"KID, precision and recall are left out: {error} FID: python -m dcgan_tf.download inception.")
        return "none", None


def sample_inputs(config: Config, seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """Return z [N, Z] and labels [N] of the seeds, with all classes in turn."""
    z = latents.z_from_seeds(seeds, config.z_dim, config.z_dist)
    return z, latents.cycle_labels(seeds, range(config.y_dim))
