"""Measure real images with noise, to see what the figures make of it: python noise.py UNSEEN REAL."""

from __future__ import annotations

import argparse

import judges
import numpy as np
from measure import kid, read, reduced

from dcgan_tf.evaluation import metrics
from dcgan_tf.evaluation.sliced_wasserstein import sliced_wasserstein


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure real images with noise.")
    parser.add_argument("unseen", help="folder of real images")
    parser.add_argument("real", help="folder of other real images, which get the noise")
    judges.add_flags(parser)
    options = parser.parse_args()
    networks = judges.chosen(options)
    unseen = read(options.unseen)
    real = read(options.real)
    unseen_features = {name: features(unseen) for name, features in networks.items()}
    heads = " | ".join(f"KID x 1000 ({name}), spread" for name in networks)
    print(f"| noise, standard deviation in gray levels | {heads} | SWD | precision | recall |")
    print("|---" * (4 + len(networks)) + "|")
    for deviation in (0, 1, 2, 4, 8):
        noise = np.random.default_rng(0).normal(0, deviation, real.shape)
        noisy = np.clip(np.round(real + noise), 0, 255).astype(np.uint8)
        kids = " | ".join(kid(unseen_features[name], features(noisy)) for name, features in networks.items())
        precision, recall = metrics.precision_recall(reduced(unseen), reduced(noisy))
        swd = sliced_wasserstein(unseen, noisy)
        print(f"| {deviation} | {kids} | {swd:.0f} | {precision:.0%} | {recall:.0%} |", flush=True)


if __name__ == "__main__":
    main()
