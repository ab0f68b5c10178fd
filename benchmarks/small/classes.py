"""Measure runs with labels: python classes.py TRAINING UNSEEN RUN... It needs scikit-learn, and what judges.py says.

Both folders have a sub-folder of real images for each class; no training used those of UNSEEN. The figures: seen: the
share of generated images whose class a linear classifier sees that was trained on real ones (GAN-test), and that of
the lowest class; for training images, of unseen ones. teaches: the share of unseen images whose class a classifier
sees that was trained on generated ones (GAN-train). KID x 1000 to unseen images: of all, in the real shares of the
classes, and within classes. R: the mean distance of two classes' images of one z, over that of two images of a class
(of training images: nothing). variety: the mean distance of two images of a class, over that of two real ones. All are
means over the classes, with a standard error over the images (delete-a-tenth jackknife).

The judges mind noise of single pixels more than the eye does: with --average 2 they see the means of 2 x 2 pixels.
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import combinations
from pathlib import Path

import judges
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import dcgan_tf
from dcgan_tf.evaluation.distances import squared_distances

MOST = 500  # images of a class that are read
COUNT = 500  # and generated
PARTS = 10  # of the jackknife
Arrays = list[np.ndarray]  # one of each class


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure runs with labels.")
    parser.add_argument("folders", nargs=2, metavar="FOLDER", help="TRAINING and UNSEEN")
    parser.add_argument("runs", nargs="+", help="runs with these classes, whose images have one size")
    judges.add_flags(parser)
    parser.add_argument("--average", type=int, default=1, help="see means of this many pixels, in height and width (1)")
    options = parser.parse_args()
    height = dcgan_tf.load(options.runs[0]).config.output_height
    for judge, features in judges.chosen(options).items():
        see = partial(embed, features, options.average)
        training, unseen = (see(read(path, height)) for path in options.folders)
        classifier = fit(training)
        print(f"\n| {judge} | seen; lowest | teaches | KID of all | within classes | R | variety |")
        print("|---" * 7 + "|")
        right = hits(classifier, unseen)
        show("training images", training, unseen, right, right)
        for run in options.runs:
            fake = see(generate(run))
            show(run, fake, unseen, hits(classifier, fake), hits(fit(fake), unseen))


def read(folder: str, height: int) -> Arrays:
    """Return the images of each class as a training sees them, uint8 [N, H, W, 3]."""
    images, labels, config = dcgan_tf.read(folder, conditional=True, c_dim=3, output_height=height)
    return [images[labels == label][:MOST] for label in range(config.y_dim)]


def generate(name: str) -> Arrays:
    """Return a run's images of the same z in each class."""
    run = dcgan_tf.load(name)
    return [run.generate(COUNT, classes=[label]) for label in range(run.config.y_dim)]


def embed(features: judges.Features, block: int, by_class: Arrays) -> Arrays:
    """Return the features of each class's images, of which blocks of pixels are averaged."""
    return [features(averaged(images, block)) for images in by_class]


def averaged(images: np.ndarray, block: int) -> np.ndarray:
    """Return the means of blocks of pixels: uint8 [N, H, W, C] -> uint8 [N, H / block, W / block, C]."""
    n, height, width, channels = images.shape
    means = images.reshape(n, height // block, block, width // block, block, channels).mean((2, 4))
    return means.round().astype(np.uint8)


def fit(by_class: Arrays) -> Pipeline:
    """Return a linear classifier, trained on the features of each class."""
    labels = np.repeat(range(len(by_class)), [len(values) for values in by_class])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500, class_weight="balanced"))
    return classifier.fit(np.concatenate(by_class), labels)


def hits(classifier: Pipeline, by_class: Arrays) -> Arrays:
    """Return where the classifier sees the right class."""
    return [classifier.predict(values) == label for label, values in enumerate(by_class)]


def show(name: str, *values: Arrays) -> None:
    """Print a row of the table. Args: values: those of `figures`."""
    parts = []
    for part in range(PARTS):
        rest = [[np.delete(some, slice(part, None, PARTS), 0) for some in arrays] for arrays in values]
        parts.append(figures(*rest))
    errors = np.std(parts, 0) * np.sqrt(PARTS - 1)
    cells = [f"{value:.3g} ± {error:.2g}" for value, error in zip(figures(*values), errors, strict=True)]
    print(f"| {Path(name).name} | {'; '.join(cells[:2])} | {' | '.join(cells[2:])} |", flush=True)


def figures(fake: Arrays, unseen: Arrays, seen: Arrays, taught: Arrays) -> list[float]:
    """Return the figures that the first lines explain. Args: features of each class, and what `hits` returns."""
    rates = [100 * values.mean() for values in seen]
    most = max(map(len, unseen))
    some = [values[: len(values) * len(real) // most] for values, real in zip(fake, unseen, strict=True)]
    within = [distance(values) for values in fake]
    between = [np.linalg.norm(a - b, axis=1).mean() for a, b in combinations(fake, 2) if len(a) == len(b)]
    taught_rate = 100 * np.mean([values.mean() for values in taught])
    kids = [kid(a, b) for a, b in zip(fake, unseen, strict=True)]
    variety = np.mean([a / distance(b) for a, b in zip(within, unseen, strict=True)])
    kid_of_all = kid(np.concatenate(some), np.concatenate(unseen))
    ratio = np.mean(between or 0) / np.mean(within)
    return [np.mean(rates), min(rates), taught_rate, kid_of_all, np.mean(kids), ratio, variety]


def distance(a: np.ndarray) -> float:
    """Return the mean distance of two different rows."""
    return np.sqrt(np.maximum(squared_distances(a, a), 0)).sum() / (len(a) * (len(a) - 1))


def kid(a: np.ndarray, b: np.ndarray) -> float:
    """Return 1000 times the unbiased kernel distance of all rows (metrics.kernel_distance has random ones)."""
    xx, yy, xy = ((x.astype(np.float64) @ y.T / x.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)]
    return 1000 * (sum(within) - 2 * xy.mean())


if __name__ == "__main__":
    main()
