"""Say how good the images of a run were after each checkpoint: python minutes.py RUN UNSEEN.

RUN is its folder, checkpoints/NAME. Train it with --max_to_keep 100 --ckpt_freq 500, and without a pause: the minutes
are those from the beginning of the training to the checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import judges
import numpy as np
from measure import kid, read

import dcgan_tf
from dcgan_tf.evaluation.sliced_wasserstein import sliced_wasserstein
from dcgan_tf.runs.run import complete_checkpoints, iteration_in
from dcgan_tf.settings import flags_json

GENERATED = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description="How good were the images of a run after each checkpoint?")
    parser.add_argument("run", type=Path, help="its folder, checkpoints/NAME")
    parser.add_argument("unseen", help="folder of real images that no training has used")
    judges.add_flags(parser)
    options = parser.parse_args()
    networks = judges.chosen(options)
    unseen = read(options.unseen)
    unseen_features = {name: features(unseen) for name, features in networks.items()}
    begin = (options.run / flags_json.NAME).stat().st_mtime
    print(f"| iteration | minutes | {' | '.join(f'KID x 1000 ({name}), spread' for name in networks)} | SWD |")
    print("|---" * (3 + len(networks)) + "|")
    for path in complete_checkpoints(options.run):
        iteration = iteration_in(path)
        minutes = (Path(f"{path}.index").stat().st_mtime - begin) / 60
        images = dcgan_tf.load(options.run, iteration=iteration).generate(GENERATED)
        images = np.repeat(images, 3 // images.shape[3], axis=3)
        kids = " | ".join(kid(unseen_features[name], features(images)) for name, features in networks.items())
        swd = sliced_wasserstein(unseen, images)
        print(f"| {iteration:,} | {minutes:.1f} | {kids} | {swd:.0f} |", flush=True)


if __name__ == "__main__":
    main()
