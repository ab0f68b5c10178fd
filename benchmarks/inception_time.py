"""python benchmarks/inception_time.py: how long --evaluate takes for the features of InceptionV3.

The weights are random, which changes no time. Images of 64x64 in colour, resized to 299x299 as an evaluation does. To
make the images, and the distances, come on top.
"""

from __future__ import annotations

import os
import statistics

import numpy as np
from turns import milliseconds

from dcgan_tf.system.messages import duration
from dcgan_tf.system.startup import start_tensorflow

REAL = 300  # images of a small folder, each measured once


def main() -> None:
    start_tensorflow()
    import keras

    from dcgan_tf.evaluation.feature_space import CLASSIFIER_SAMPLES, SAMPLES
    from dcgan_tf.evaluation.inception import BATCH, keras_input

    network = keras.applications.InceptionV3(include_top=False, pooling="avg", weights=None)
    images = np.random.default_rng(0).integers(256, size=(BATCH, 64, 64, 3), dtype=np.uint8)
    times = milliseconds(lambda: network(keras_input(images), training=False).numpy(), 8)[2:]
    each = statistics.median(times) / BATCH
    low, high = min(times) / BATCH, max(times) / BATCH
    cores = len(os.sched_getaffinity(0))
    print(f"{1000 / each:.1f} images/s ({1000 / high:.1f} to {1000 / low:.1f}), {BATCH} at a time, {cores} cores")
    for count in (CLASSIFIER_SAMPLES, SAMPLES, 1_000):
        print(f"{count:,} generated and {REAL} real images: {duration(each * (count + REAL) / 1000)}")


if __name__ == "__main__":
    main()
