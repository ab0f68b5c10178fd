"""--evaluate: measure how good a run's images are; write a table, metrics.json, TensorBoard scalars and a sheet."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan_tf import checkpoint, latents
from dcgan_tf.config import Config
from dcgan_tf.data.dataset import Dataset, load_dataset
from dcgan_tf.errors import UserError
from dcgan_tf.evaluation import metrics
from dcgan_tf.evaluation.features import Classifier, Features, discriminator_features, inception, svm_error
from dcgan_tf.files import atomic_write
from dcgan_tf.generation import generate, image_files
from dcgan_tf.runs import Run

FEW_LABELS = 1000  # labels of the second SVM, but at least two for each class
MAX_PR_SAMPLES = 10_000  # real and generated images for precision and recall, which compare every pair
NEAREST_COLUMNS = 10  # images in a row of nearest.png
NEAREST_ROWS = 5  # rows of generated images in nearest.png
# The metrics in the order of the table, and what the table says about them.
TITLES = {
    "nearest_neighbour_error": "1-NN error, classifier knows only generated images",
    "control_error": "1-NN error, classifier knows real training images (control)",
    "class_accuracy": "generated images read as the class asked for",
    "class_accuracy_real": "real test images read correctly (control)",
    "svm_error": "linear SVM on D's features, error with all labels",
    "svm_error_few": f"linear SVM on D's features, error with {FEW_LABELS:,} labels",
    "fid": "Frechet distance (FID)",
    "kid": "kernel distance (KID)",
    "precision": "precision",
    "recall": "recall",
}
ABSOLUTE = ("fid", "kid")  # the others are shares, printed in percent


class Evaluator:
    """Measures generators against the real images of a data set."""

    def __init__(self, config: Config, dataset: Dataset | None = None):
        """Read the data set, or use the one that training has read. Raises UserError if it cannot be read."""
        whole = dataclasses.replace(config, batch_size=1, train_size=float("inf"), split="train")
        reusable = dataset and (config.split == "train" or not dataset.has_test)
        self.config = config
        self.train = dataset if reusable else load_dataset(whole)[0]
        self.has_test = self.train.has_test
        self.test = load_dataset(dataclasses.replace(whole, split="test"))[0] if self.has_test else self.train
        self.classifier = self._train_classifier() if config.has_labels else None
        self.space, self.features = self._feature_space()
        if self.features:
            random = np.random.default_rng(0)
            count = min(len(self.train.images), config.evaluate_samples)
            chosen = np.sort(random.choice(len(self.train.images), count, replace=False))
            self.real_features = random.permutation(self.features(self.train.images[chosen]))

    def _train_classifier(self) -> Classifier:
        print(f"Training a classifier on {len(self.train.images):,} real images ...", flush=True)
        return Classifier(self.train.images, self.train.labels, self.config.y_dim)

    def _feature_space(self) -> tuple[str, Features | None]:
        if self.classifier and self.train.images.shape[1:] == (28, 28, 1):
            return "last hidden layer of a classifier trained on the real images", self.classifier.features
        try:
            return "Keras's InceptionV3, last pooling", inception()
        except UserError as error:
            print(f"FID, KID, precision and recall are left out: {error}")
            return "none", None

    def measure(self, sample_fn: generate.SampleFn) -> dict[str, float]:
        """Return the metrics of evaluate_samples generated images: seeds from config.seed on, all classes in turn."""
        config, scores = self.config, {}
        seeds = range(config.seed, config.seed + config.evaluate_samples)
        labels = latents.cycle_labels(seeds, range(config.y_dim))
        images = sample_fn(latents.z_from_seeds(seeds, config.z_dim, config.z_dist), labels)
        if self.classifier:
            reals = self.test.images, self.test.labels
            scores["nearest_neighbour_error"] = metrics.nearest_neighbour_error(images, labels, *reals)
            scores["class_accuracy"] = self.classifier.accuracy(images, labels)
        if self.features:
            real, fake = self.real_features, self.features(images)
            scores |= {"fid": metrics.frechet_distance(real, fake), "kid": metrics.kernel_distance(real, fake)}
            precision, recall = metrics.precision_recall(real[:MAX_PR_SAMPLES], fake[:MAX_PR_SAMPLES])
            scores |= {"precision": precision, "recall": recall}
        return scores

    def controls(self, run: Run) -> dict[str, float]:
        """Return metrics of real images and of the discriminator's features; nothing without labels."""
        if not self.classifier:
            return {}
        train, test = self.train, self.test
        scores = {"class_accuracy_real": self.classifier.accuracy(test.images, test.labels)}
        if not self.has_test:
            return scores
        reals = train.images, train.labels, test.images, test.labels
        scores["control_error"] = metrics.nearest_neighbour_error(*reals)
        if not importlib.util.find_spec("sklearn"):
            print("The linear SVM is left out: it needs scikit-learn (pip install scikit-learn).")
            return scores
        features = discriminator_features(run, self.config)
        train_features, test_features = features(train.images), features(test.images)
        scores["svm_error"] = svm_error(train_features, train.labels, test_features, test.labels)
        few = slice(max(FEW_LABELS, 2 * self.config.y_dim))
        scores["svm_error_few"] = svm_error(train_features[few], train.labels[few], test_features, test.labels)
        return scores

    def note(self) -> str:
        """Return a sentence that says whether the run has seen these images."""
        if not self.has_test:
            return "The data set has no test part: everything is measured on the images that the run was trained on."
        if self.config.split == "train":
            return "The run has not seen the test images (--split train)."
        return (
            f"The run was also trained on the test images (--split {self.config.split}), so its figures are too good;"
            " for fair figures train with --split train."
        )


def score(scores: dict[str, float]) -> float | None:
    """Return the metric that compares checkpoints (lower is better): the 1-NN error, else FID, else None."""
    return scores.get("nearest_neighbour_error", scores.get("fid"))


def evaluate(run: Run, config: Config) -> None:
    """Measure a saved run: print a table, write metrics.json, TensorBoard's scalars, nearest.png. Raises UserError."""
    generator, path = checkpoint.load_generator(run, config)
    print(f"Generator: {path}")
    evaluator = Evaluator(config)
    sample_fn = generate.make_sample_fn(generator, config)
    scores = evaluator.measure(sample_fn) | evaluator.controls(run)
    iteration = checkpoint.iteration_of(path) or 0
    write_scalars(tf.summary.create_file_writer(str(run.logs)), scores, iteration)
    facts = {
        "checkpoint": path,
        "iteration": iteration,
        "split": config.split,
        "saw_test_pictures": evaluator.has_test and config.split != "train",
        "note": evaluator.note(),
        "generated": config.evaluate_samples,
        "first_seed": config.seed,
        "real_training_pictures": len(evaluator.train.images),
        "real_test_pictures": len(evaluator.test.images) if evaluator.has_test else 0,
        "feature_space": evaluator.space,
    }
    print(table(scores, facts))
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    with atomic_write(run.checkpoints / "metrics.json") as temporary:
        temporary.write_text(json.dumps(facts | scores, indent=1), encoding="utf-8")
    print(f"Wrote {run.checkpoints / 'metrics.json'}")
    generate.save_and_print(image_files.save_png, run.samples / "nearest.png", nearest_sheet(evaluator, sample_fn))


def table(scores: dict[str, float], facts: dict[str, Any]) -> str:
    """Return the table that --evaluate prints."""
    lines = [f"Measured on {facts['generated']:,} generated images of iteration {facts['iteration']:,}:"]
    for name, title in TITLES.items():
        if name in scores:
            value = f"{scores[name]:.4g}" if name in ABSOLUTE else f"{100 * scores[name]:.2f}%"
            lines.append(f"  {title:64}{value:>9}")
    return "\n".join([*lines, f"Feature space: {facts['feature_space']}", facts["note"]])


def write_scalars(writer: tf.summary.SummaryWriter, scores: dict[str, float], iteration: int) -> None:
    """Write the scores to TensorBoard as evaluate/<name>."""
    with writer.as_default(step=iteration):
        for name, value in scores.items():
            tf.summary.scalar(f"evaluate/{name}", value)
    writer.flush()


def nearest_sheet(evaluator: Evaluator, sample_fn: generate.SampleFn) -> np.ndarray:
    """Return a sheet with rows of generated images, and below each row the nearest real training images, by pixels."""
    config, count = evaluator.config, NEAREST_ROWS * NEAREST_COLUMNS
    seeds = range(config.seed, config.seed + count)
    z = latents.z_from_seeds(seeds, config.z_dim, config.z_dist)
    images = sample_fn(z, latents.cycle_labels(seeds, range(config.y_dim)))
    nearest = evaluator.train.images[metrics.nearest(images, evaluator.train.images)]
    shape = (NEAREST_ROWS, NEAREST_COLUMNS, *images.shape[1:])
    rows = np.stack([images.reshape(shape), nearest.reshape(shape)], axis=1)
    return image_files.sheet(rows.reshape(-1, *images.shape[1:]), NEAREST_COLUMNS)
