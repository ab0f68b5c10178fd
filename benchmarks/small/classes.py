"""Measure a run with labels: python classes.py UNSEEN GENERATED...

UNSEEN has a sub-folder of real images for each class, which no training used. GENERATED is a folder that
--generate_test_images wrote, whose files end in _classNAME.png. It needs what measure.py needs, and scikit-learn.
"""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from measure import features, load_network
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dcgan_tf.evaluation import metrics


def read(files: list[Path]) -> np.ndarray:
    """Return the images, uint8 [N, H, W, 3]."""
    return np.stack([iio.imread(file, mode="RGB") for file in files])


def main(unseen_folder: str, *folders: str) -> None:
    network = load_network()
    names = sorted(path.name for path in Path(unseen_folder).iterdir() if path.is_dir())
    real = {name: features(network, read(sorted(Path(unseen_folder, name).glob("*.png")))) for name in names}
    train = np.concatenate([values[::2] for values in real.values()])
    train_labels = np.repeat(names, [len(values[::2]) for values in real.values()])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(train, train_labels)

    def seen(by_class: dict[str, np.ndarray]) -> str:
        """Return the rate at which the classifier sees the class that was asked for."""
        right = [classifier.predict(values) == name for name, values in by_class.items()]
        return f"{np.concatenate(right).mean():.1%}"

    print(f"| images | asked class seen | KID x 1000 within {', '.join(names)} |")
    print("|---|---|---|")
    print(f"| real | {seen({name: values[1::2] for name, values in real.items()})} | 0 |")
    for folder in folders:
        found = {name: sorted(Path(folder).glob(f"*_class{name}.png")) for name in names}
        fake = {name: features(network, read(files)) for name, files in found.items()}
        kids = [metrics.kernel_distance(real[name], fake[name], 20)[0] for name in names]
        distances = ", ".join(f"{1000 * kid:.0f}" for kid in kids)
        print(f"| {Path(folder).parent.name} | {seen(fake)} | {distances} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
