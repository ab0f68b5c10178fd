"""Show the first 16 images of each folder as a row of one PNG file: python rows.py OUT.png LABEL=FOLDER..."""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw

LINE = 4  # height of the black line between two rows
MARGIN = 150  # width of the labels


def with_label(row: np.ndarray, label: str) -> np.ndarray:
    """Return the row, uint8 [H, W, 3], with its label to the left."""
    left = Image.new("RGB", (MARGIN, len(row)), "white")
    ImageDraw.Draw(left).text((4, len(row) // 2), label, "black", anchor="lm", font_size=13)
    return np.concatenate([np.asarray(left), row], axis=1)


def main(out: str, *arguments: str) -> None:
    rows = []
    for argument in arguments:
        label, folder = argument.split("=", 1)
        images = [iio.imread(file, mode="RGB") for file in sorted(Path(folder).glob("*.png"))[:16]]
        row = with_label(np.concatenate(images, axis=1), label)
        rows += [row, np.zeros((LINE, *row.shape[1:]), np.uint8)]
    iio.imwrite(out, np.concatenate(rows[:-1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
