"""Measure a run with labels: python classes.py UNSEEN GENERATED...

UNSEEN has a sub-folder of real images for each class, which no training used. GENERATED is a folder that
--generate_test_images wrote, whose files end in _classNAME.png. It needs scikit-learn, and what judges.py says.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as iio
import judges
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from dcgan_tf.evaluation import metrics
from dcgan_tf.sampling.sheets import name_in_files


def read(files: list[Path]) -> np.ndarray:
    """Return the images, uint8 [N, H, W, 3]."""
    return np.stack([iio.imread(file, mode="RGB") for file in files])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a run with labels.")
    parser.add_argument("unseen", help="folder with a sub-folder of unseen real images for each class")
    parser.add_argument("generated", nargs="*", help="folders of generated images")
    judges.add_flags(parser)
    options = parser.parse_args()
    networks = judges.chosen(options)
    names = sorted(path.name for path in Path(options.unseen).iterdir() if path.is_dir())
    images = {name: read(sorted(Path(options.unseen, name).glob("*.png"))) for name in names}
    real = {judge: of_classes(features, images) for judge, features in networks.items()}
    classifier = fit({name: values[::2] for name, values in real["EfficientNet"].items()})
    heads = " | ".join(f"KID x 1000 ({judge}) within {', '.join(names)}" for judge in networks)
    print(f"| images | asked class seen | {heads} |")
    print("|---" * (2 + len(networks)) + "|")
    rate = seen(classifier, {name: values[1::2] for name, values in real["EfficientNet"].items()})
    print(f"| real | {rate:.1%}" + " | " * len(networks) + " |")
    for folder in options.generated:
        images = {name: read(sorted(Path(folder).glob(f"*_class{name_in_files(name)}.png"))) for name in names}
        fake = {judge: of_classes(features, images) for judge, features in networks.items()}
        cells = [f"{seen(classifier, fake['EfficientNet']):.1%}"]
        for judge in networks:
            kids = [metrics.kernel_distance(real[judge][name], fake[judge][name], 20)[0] for name in names]
            cells.append(", ".join(f"{1000 * kid:.4g}" for kid in kids))
        print(f"| {Path(folder).parent.name} | {' | '.join(cells)} |", flush=True)


def of_classes(features: judges.Features, images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the features of each class's images."""
    return {name: features(some) for name, some in images.items()}


def fit(by_class: dict[str, np.ndarray]) -> Pipeline:
    """Return a linear classifier, trained on the features of each class."""
    labels = np.repeat(list(by_class), [len(values) for values in by_class.values()])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    return classifier.fit(np.concatenate(list(by_class.values())), labels)


def seen(classifier: Pipeline, by_class: dict[str, np.ndarray]) -> float:
    """Return the rate at which the classifier sees the class that was asked for."""
    right = [classifier.predict(values) == name for name, values in by_class.items()]
    return float(np.concatenate(right).mean())


if __name__ == "__main__":
    main()
