"""--precision auto: bfloat16 if this processor or GPU multiplies it clearly faster than float32."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from dcgan_tf.settings.config import Config
from dcgan_tf.system.messages import report
from dcgan_tf.training.cluster import Cluster

MIN_GAIN = 1.3  # how many times as fast as float32 bfloat16 must be; a train step gains less than a matrix product
REPEATS = 15  # products in each precision, after one that is not timed
CPU_SIZE = 512  # height and width of the matrices: a product takes about a millisecond
GPU_SIZE = 4096


def choose_precision(config: Config, given: Mapping[str, Any], cluster: Cluster) -> Config:
    """Replace the precision auto of a new run by what the chief measures, the same for all workers, and say it.

    Without auto, give a hint if auto would choose otherwise than the default or the bfloat16 that the user gave.

    Args:
      given: the settings that the user gave.
    """
    auto = config.precision == "auto"
    if "precision" in given and config.precision not in ("auto", "bfloat16"):
        return config
    gain = 0.0
    if cluster.is_chief:
        gain = bfloat16_gain(*product_times())
    if auto:
        gain = cluster.value_of_chief(gain)
        config = dataclasses.replace(config, precision=faster(gain))
        report("Precision", f"{config.precision}, because this {describe_gain(gain)}")
    elif cluster.is_chief and faster(gain) != config.precision:
        report("Hint", f"this {describe_gain(gain)}; --precision auto uses {faster(gain)} in a new run.")
    return config


def describe_gain(gain: float) -> str:
    """Return the end of a sentence about the device of this machine."""
    device = "processor"
    if tf.config.get_visible_devices("GPU"):
        device = "GPU"
    if not gain:
        return f"{device} has no bfloat16"
    return f"{device} multiplies bfloat16 {gain:.2f} times as fast as float32"


def faster(gain: float) -> str:
    """Return the precision to use where bfloat16 is `gain` times as fast as float32."""
    if gain >= MIN_GAIN:
        return "bfloat16"
    return "float32"


def bfloat16_gain(float32: list[float], bfloat16: list[float]) -> float:
    """Return how many times as fast as float32 bfloat16 is, by the median times; 0 if there are none of bfloat16."""
    if not bfloat16:
        return 0.0
    return statistics.median(float32) / statistics.median(bfloat16)


def product_times() -> tuple[list[float], list[float]]:
    """Measure, in turn, a matrix product in float32 and in bfloat16.

    Returns: the times in seconds; none for bfloat16 if the device cannot multiply it.
    """
    size = CPU_SIZE
    if tf.config.get_visible_devices("GPU"):
        size = GPU_SIZE
    float32 = tf.ones([size, size])
    bfloat16 = tf.cast(float32, tf.bfloat16)
    try:
        _product_time(bfloat16)
    except tf.errors.OpError:
        return [_product_time(float32)], []
    _product_time(float32)
    times = [(_product_time(float32), _product_time(bfloat16)) for _ in range(REPEATS)]
    return [first for first, _ in times], [second for _, second in times]


def _product_time(matrix: tf.Tensor) -> float:
    """Return the seconds that matrix @ matrix takes, and one of its values to this process."""
    start = time.perf_counter()
    tf.matmul(matrix, matrix)[0, 0].numpy()
    return time.perf_counter() - start
