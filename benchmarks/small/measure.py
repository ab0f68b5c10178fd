"""Measure folders of generated images against unseen ones: python measure.py TRAIN UNSEEN GENERATED...

The features are those of EfficientNet-Lite0, and with --nsfwjs PACKAGE also those of Inception v3: judges.py says what
both need.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as iio
import judges
import numpy as np

from dcgan_tf.evaluation import metrics
from dcgan_tf.evaluation.distances import sliced_wasserstein


def read(folder: str) -> np.ndarray:
    """Return the images of a folder's PNG files, of which the first 2,000 count, uint8 [N, H, W, 3]."""
    files = sorted(Path(folder).glob("*.png"))[:2000]
    if not files:
        raise SystemExit(f"{folder} has no PNG files.")
    images = np.stack([iio.imread(file, mode="RGB") for file in files])
    if images.shape[1] % 16 or images.shape[2] % 16:
        raise SystemExit(f"{folder} has images of {images.shape[2]}x{images.shape[1]}; both must be multiples of 16.")
    return images


def reduced(images: np.ndarray) -> np.ndarray:
    """Return images of H x W pixels reduced to 16 x 16, float32 [N, 16 * 16 * 3]."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, 16, height // 16, 16, width // 16, channels)
    return blocks.mean((2, 4), dtype=np.float32).reshape(count, -1)


def noise(images: np.ndarray) -> float:
    """Return the standard deviation, in gray levels, that a quarter of all 8 x 8 blocks do not exceed.

    In drawings with areas of one colour, it is 0.
    """
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 8, 8, width // 8, 8, channels)
    return float(np.quantile(blocks.std((2, 4), dtype=np.float32).mean(-1), 0.25))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure folders of generated images against unseen ones.")
    parser.add_argument("train", help="folder of the training images")
    parser.add_argument("unseen", help="folder of real images that no training has used")
    parser.add_argument("generated", nargs="*", help="folders of generated images")
    judges.add_flags(parser)
    options = parser.parse_args()
    networks = judges.chosen(options)
    train = read(options.train)
    unseen = read(options.unseen)
    unseen_features = {name: features(unseen) for name, features in networks.items()}
    train_features = networks["EfficientNet"](train)
    unseen_reduced = reduced(unseen)
    heads = " | ".join(f"KID x 1000 ({name}), spread" for name in networks)
    print(f"| images | {heads} | SWD | noise | precision | recall | copies: pixels | features |")
    print("|---" * (7 + len(networks)) + "|")
    for folder in (options.train, *options.generated):
        images = read(folder)
        fake = {name: features(images) for name, features in networks.items()}
        kids = " | ".join(kid(unseen_features[name], fake[name]) for name in networks)
        # In the network's features, both are near 0 for all generated images.
        precision, recall = metrics.precision_recall(unseen_reduced, reduced(images))
        pixels = metrics.copying(images, train, unseen)
        in_features = metrics.copying(fake["EfficientNet"], train_features, unseen_features["EfficientNet"])
        distances = f"{kids} | {sliced_wasserstein(unseen, images):.0f}"
        shares = " | ".join(f"{value:.0%}" for value in (precision, recall, pixels, in_features))
        name = "/".join(Path(folder).parts[-2:])
        print(f"| {name} | {distances} | {noise(images):.1f} | {shares} |", flush=True)


def kid(a: np.ndarray, b: np.ndarray) -> str:
    """Return 1000 times the kernel distance of features, with its spread."""
    mean, spread = metrics.kernel_distance(a, b, 20)
    return f"{1000 * mean:.4g} ({1000 * spread:.2g})"


if __name__ == "__main__":
    main()
