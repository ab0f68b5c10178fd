"""Say how many pixels of a folder's images equal the next one: python equal_neighbours.py FOLDER...

--preset auto decides by this share whether images are photographs or drawings. FOLDER is a --dataset: a folder in
./data, or an absolute path.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.settings.config import Config

SIZES = (32, 64, 128)


def main(*folders: str) -> None:
    print("| folder |" + "".join(f" {size}x{size} | gray |" for size in SIZES))
    print("|---" * (1 + 2 * len(SIZES)) + "|")
    for folder in folders:
        shares = []
        for size in SIZES:
            for channels in (3, 1):
                config = Config(dataset=folder, output_height=size, c_dim=channels, cache=False)
                shares.append(f"{read_dataset(config).equal_neighbours():.0%}")
        print(f"| {Path(folder).name} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
