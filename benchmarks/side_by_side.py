"""Show sheets side by side, each with a title: python benchmarks/side_by_side.py OUT.png TITLE=SHEET.png..."""

from __future__ import annotations

import sys

import imageio.v3 as iio
import matplotlib.pyplot as plt


def main(out: str, *arguments: str) -> None:
    figure, axes = plt.subplots(
        1, len(arguments), figsize=(3 * len(arguments), 3.3), layout="constrained", squeeze=False
    )
    for panel, argument in zip(axes[0], arguments, strict=True):
        title, sheet = argument.split("=", 1)
        panel.imshow(iio.imread(sheet), cmap="gray", interpolation="nearest")
        panel.set_title(title, fontsize=11)
        panel.axis("off")
    figure.savefig(out, dpi=80)


if __name__ == "__main__":
    main(*sys.argv[1:])
