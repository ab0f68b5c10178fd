"""Show the first 16 images of each folder as a row of one PNG file: python rows.py OUT.png FOLDER..."""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np


def main(out: str, *folders: str) -> None:
    rows = []
    for folder in folders:
        images = [iio.imread(file, mode="RGB") for file in sorted(Path(folder).glob("*.png"))[:16]]
        row = np.concatenate(images, axis=1)
        rows += [row, np.zeros((4, *row.shape[1:]), np.uint8)]  # and a black line
    iio.imwrite(out, np.concatenate(rows[:-1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
