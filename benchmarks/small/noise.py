"""Measure real images with noise, to see what the figures make of it: python noise.py UNSEEN REAL."""

from __future__ import annotations

import sys

import numpy as np
from measure import features, load_network, read, reduced

from dcgan_tf.evaluation import metrics
from dcgan_tf.evaluation.sliced_wasserstein import sliced_wasserstein


def main(unseen_folder: str, real_folder: str) -> None:
    network, unseen, real = load_network(), read(unseen_folder), read(real_folder)
    unseen_features, unseen_reduced = features(network, unseen), reduced(unseen)
    print("| noise, standard deviation in gray levels | KID x 1000 | SWD | precision | recall |")
    print("|---|---|---|---|---|")
    for deviation in (0, 1, 2, 4, 8):
        noise = np.random.default_rng(0).normal(0, deviation, real.shape)
        noisy = np.clip(np.round(real + noise), 0, 255).astype(np.uint8)
        kid, _ = metrics.kernel_distance(unseen_features, features(network, noisy), 20)
        precision, recall = metrics.precision_recall(unseen_reduced, reduced(noisy))
        swd = sliced_wasserstein(unseen, noisy)
        print(f"| {deviation} | {1000 * kid:.1f} | {swd:.0f} | {precision:.0%} | {recall:.0%} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
