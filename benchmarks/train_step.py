"""python benchmarks/train_step.py: measure how fast the train step is, on random images."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
from collections.abc import Callable
from typing import Any

from turns import SHAPES, milliseconds, take_turns
from work import gigaflops

from dcgan_tf.settings.config import PRECISIONS, STRATEGIES, Config
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import start_tensorflow


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="How fast is the train step here?")
    parser.add_argument("--dataset", choices=SHAPES, default="mnist", help="networks and sizes; the images are noise")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--xla", choices=("auto", "on", "off"), default="auto")
    parser.add_argument("--strategy", choices=STRATEGIES, default="auto")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--width", type=int, default=64, help="filters; linear layers have 16 times as many units")
    parser.add_argument("--variant", default="", help="a name in VARIANTS of benchmarks/gpu/forms.py")
    parser.add_argument("--iterations", type=int, default=20, help="timed ones, after 3 that are not timed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--turns", action="store_true", help=argparse.SUPPRESS)  # for benchmarks/compare.py
    return parser


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    start_tensorflow()
    if options.turns:
        take_turns(train_step(config_of(options))[0])
        return
    result = run(options)
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{key:24} {value}" for key, value in result.items()))


def config_of(options: argparse.Namespace) -> Config:
    """Return the settings of the networks. Raises UserError."""
    size, channels, classes = SHAPES[options.dataset]
    return Config(
        output_height=size,
        output_width=size,
        c_dim=channels,
        class_names=classes,
        precision=options.precision,
        xla=options.xla,
        strategy=options.strategy,
        batch_size=options.batch_size,
        gf_dim=options.width,
        df_dim=options.width,
        gfc_dim=16 * options.width,
        dfc_dim=16 * options.width,
    )


def train_step(config: Config, variant: str = "") -> tuple[Callable[[], Any], float, int]:
    """Return a function that runs the train step once and waits; GFLOP of an iteration; iterations in a call."""
    import numpy as np
    from gpu.forms import use

    from dcgan_tf.model import DCGAN
    from dcgan_tf.training.cluster import init_cluster

    cluster = init_cluster(config.strategy)
    with cluster.strategy.scope():
        model = DCGAN(config)
        if variant:
            use(model, variant)
        step = model.compiled()
    calls = model.steps_per_call
    random = np.random.default_rng(0)
    batch = config.batch_size // len(cluster.members)
    shape = (calls, batch, *config.image_shape)
    images = random.integers(256, size=shape, dtype=np.uint8)
    labels = random.integers(max(config.y_dim, 1), size=shape[:2], dtype=np.int32)
    return lambda: step(images, labels)["d_loss"].numpy(), gigaflops(model, config), calls


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure one configuration, in turn with a large matrix product of the same precision."""
    import tensorflow as tf

    call, gflop, iterations = train_step(config_of(options), options.variant)
    matrix = tf.cast(tf.random.normal([2048, 2048]), options.precision)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    milliseconds(call, 3)
    milliseconds(product.get_concrete_function(), 3)
    times = []
    products = []
    for _ in range(max(2, options.iterations // iterations)):
        times += [ms / iterations for ms in milliseconds(call, 1)]
        products += milliseconds(lambda: product().numpy(), 1)
    ms = statistics.median(times)
    speed = gflop / ms * 1000
    peak = 2 * 2048**3 / 1e6 / statistics.median(products)
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if tf.config.get_visible_devices("GPU"):
        memory = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return {
        "dataset": options.dataset,
        "precision": options.precision,
        "xla": options.xla,
        "batch_size": options.batch_size,
        "ms_per_iteration": round(ms, 2),
        "ms_quartiles": [round(quartile, 2) for quartile in statistics.quantiles(times, n=4)[::2]],
        "images_per_second": round(1000 * options.batch_size / ms, 1),
        "gflop_per_iteration": round(gflop, 2),
        "gflops_per_second": round(speed, 1),
        "share_of_matrix_product": float(f"{speed / peak:.3g}"),
        "peak_memory_mb": round(memory / 2**20),
    }


if __name__ == "__main__":
    run_program(main)
