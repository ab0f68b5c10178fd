"""python benchmarks/train_step.py: measure how fast the train step is, on random images."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from typing import Any

import pipeline
from turns import SHAPES, milliseconds, take_turns
from work import gigaflops

from dcgan_tf.settings.config import PRECISIONS, STRATEGIES, Config
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import peak_memory, start_bfloat16, start_tensorflow


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="How fast is the train step here?")
    parser.add_argument("--dataset", choices=SHAPES, default="mnist", help="networks and sizes; the images are noise")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--xla", choices=("auto", "on", "off"), default="auto")
    parser.add_argument("--strategy", choices=STRATEGIES, default="auto")
    parser.add_argument("--sync_bn", action="store_true")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--size", type=int, help="height and width of the images (default: the data set's)")
    parser.add_argument(
        "--width", type=int, default=64, help="filters (gf_dim and df_dim); linear layers have 16 times as many units"
    )
    parser.add_argument(
        "--iterations", type=int, default=20, help="number of timed iterations, after 3 that are not timed"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--scaling", action="store_true", help="measure how batch size, image size and width change the time"
    )
    parser.add_argument(
        "--pipeline", action="store_true", help="measure instead how fast JPEG files are read, in images/s"
    )
    parser.add_argument("--pictures", type=int, default=10_000, help="with --pipeline: number of JPEG files (10,000)")
    parser.add_argument("--cache_gb", type=float, default=4, help="with --pipeline: memory for the images in GB (4)")
    parser.add_argument("--turns", action="store_true", help=argparse.SUPPRESS)  # for benchmarks/compare.py
    return parser


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    start_tensorflow()
    if options.pipeline:
        pipeline.main(options.pictures, options.cache_gb)
    elif options.turns:
        take_turns(train_step(config_of(options))[0])
    elif options.scaling:
        scaling(options)
    else:
        result = run(options)
        print(json.dumps(result) if options.json else "\n".join(f"{key:24} {value}" for key, value in result.items()))


def config_of(options: argparse.Namespace) -> Config:
    """Return the settings of the networks. Raises UserError."""
    size, channels, classes = SHAPES[options.dataset]
    return Config(
        output_height=options.size or size,
        output_width=options.size or size,
        c_dim=channels,
        class_names=classes,
        precision=options.precision,
        xla=options.xla,
        strategy=options.strategy,
        sync_bn=options.sync_bn,
        batch_size=options.batch_size,
        gf_dim=options.width,
        df_dim=options.width,
        gfc_dim=16 * options.width,
        dfc_dim=16 * options.width,
    )


def train_step(config: Config) -> tuple[Callable[[], Any], float, int]:
    """Return a function that runs the train step once and waits; GFLOP of an iteration; iterations in a call."""
    import numpy as np

    from dcgan_tf.model import DCGAN, steps_per_call
    from dcgan_tf.training.cluster import init_cluster

    cluster = init_cluster(config.strategy, config.batch_size, config.xla)
    start_bfloat16()
    calls = steps_per_call(config.steps_per_call)
    with cluster.strategy.scope():
        model = DCGAN(config)
        step = model.compiled()
    random = np.random.default_rng(0)
    batch = config.batch_size // len(cluster.members)
    shape = (calls, batch, *config.image_shape)
    images = random.integers(256, size=shape, dtype=np.uint8)
    labels = random.integers(max(config.y_dim, 1), size=shape[:2], dtype=np.int32)
    return lambda: step(images, labels)["d_loss"].numpy(), gigaflops(model, config), calls


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure one configuration, in turn with a large matrix product of the same precision."""
    import tensorflow as tf

    call, gflop, iterations = train_step(config_of(options))
    matrix = tf.cast(tf.random.normal([2048, 2048]), options.precision)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    calls = max(1, options.iterations // iterations)
    milliseconds(call, 3), milliseconds(product.get_concrete_function(), 3)
    times, products = [], []
    for _ in range(calls):
        times += [ms / iterations for ms in milliseconds(call, 1)]
        products += milliseconds(lambda: product().numpy(), 1)
    ms = statistics.median(times)
    speed, peak = gflop / ms * 1000, 2 * 2048**3 / 1e6 / statistics.median(products)
    gpus = tf.config.get_visible_devices("GPU")
    return {
        "dataset": options.dataset,
        "precision": options.precision,
        "xla": options.xla,
        "batch_size": options.batch_size,
        "ms_per_iteration": round(ms, 2),
        "ms_quartiles": [round(q, 2) for q in statistics.quantiles(times, n=4)[::2]]
        if calls > 1
        else [round(ms, 2)] * 2,
        "images_per_second": round(1000 * options.batch_size / ms, 1),
        "gflop_per_iteration": round(gflop, 2),
        "gflops_per_second": round(speed, 1),
        "share_of_matrix_product": float(f"{speed / peak:.3g}"),
        "peak_memory_mb": round((gpu_peak_memory() if gpus else peak_memory()) / 2**20),
    }


def gpu_peak_memory() -> int:
    """Return the largest memory use of the first GPU so far, in bytes."""
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def scaling(options: argparse.Namespace) -> None:
    """Print the time of an iteration for half and double of the batch size, the image size, and the width."""
    own = SHAPES[options.dataset][0]
    start = {"batch_size": options.batch_size, "size": options.size or own, "width": options.width}
    if not options.json:
        print(f"{'':28} ms/iteration    images/s   GFLOP/s")
    steps = [("batch_size", 1)] + [(name, factor) for name in start for factor in (0.5, 2)]
    for name, factor in steps:
        grown = max(1, int(start[name] * factor))
        if name == "size" and SHAPES[options.dataset][2]:
            grown = -(-grown // 4) * 4  # with labels the networks need a multiple of 4
        changed = argparse.Namespace(**{**vars(options), **start, name: grown})
        result = run(changed) | {"size": changed.size, "width": changed.width}
        ms, images, speed = (result[k] for k in ("ms_per_iteration", "images_per_second", "gflops_per_second"))
        label = "as given" if factor == 1 else f"{name} {grown}"
        print(json.dumps(result) if options.json else f"{label:28} {ms:12.1f} {images:11.1f} {speed:9.1f}")


if __name__ == "__main__":
    run_program(main)
