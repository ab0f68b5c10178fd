"""Draw docs/bfloat16.png from the runs float32, float32-seed1 and bfloat16 (docs/notes/speed.md has their commands).

python benchmarks/draw_precision.py, in the folder that has their samples/.
"""

from __future__ import annotations

import imageio.v3 as iio
import matplotlib.pyplot as plt
import numpy as np


def main() -> None:
    figure, axes = plt.subplots(2, 3, figsize=(12, 8), layout="constrained")
    for column, run in enumerate(("float32", "float32-seed1", "bfloat16")):
        losses = np.genfromtxt(f"samples/{run}/losses.csv", delimiter=",", names=True)
        for name in ("d_loss", "g_loss"):
            axes[0, column].plot(losses["iteration"], losses[name], linewidth=0.7, label=name)
        axes[0, column].set(title=run, ylim=(0.6, 1.5))
        axes[1, column].imshow(iio.imread(f"samples/{run}/train_00001874.png"), cmap="gray")
        axes[1, column].axis("off")
    axes[0, 0].legend()
    figure.savefig("bfloat16.png", dpi=70)


if __name__ == "__main__":
    main()
