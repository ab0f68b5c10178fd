"""python benchmarks/scaling.py: what 8, 64 and 512 GPUs would exchange in an iteration, and how long that would take.

An estimate: the bytes are counted, the iteration of one GPU is measured (docs/notes/speed.md), the links are assumed.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

from turns import SHAPES

from dcgan_tf.settings.config import Config
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import start_tensorflow

BATCH = 64  # of each GPU
STEP_MS = {"mnist": 3.73, "made64": 10.1}  # an iteration of one H200 in TF32, from docs/notes/speed.md
GPUS_OF_MACHINE = 8
INSIDE = 450e9  # bytes a second of each GPU's NVLink in one direction
BETWEEN = 50e9  # bytes a second of each machine's one link, 400 Gbit/s
HOP_INSIDE = 5e-6  # seconds from one GPU to the next in a machine
HOP_BETWEEN = 10e-6  # and from one machine to the next


def main(arguments: list[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    start_tensorflow()
    for dataset in SHAPES:
        model = model_of(dataset)
        rounds = all_reduces(model)
        size = gradient_bytes(model)
        print(f"\n{dataset}: {size / 1e6:.1f} MB of gradients; all-reduces with --sync_bn: {rounds}; ms an iteration:")
        for gpus in (8, 64, 512):
            exchange = exchange_ms(size, 2 + model.config.g_steps, gpus)  # gradients; losses and averages, once
            statistics = exchange_ms(0, rounds, gpus)
            share = STEP_MS[dataset] / (STEP_MS[dataset] + exchange)
            synchronized = STEP_MS[dataset] / (STEP_MS[dataset] + exchange + statistics)
            images = 1000 * gpus * BATCH / (STEP_MS[dataset] + exchange)
            print(
                f"  {gpus:3} GPUs: gradients {exchange:.2f}, --sync_bn {statistics:.2f} more; of the speed of as many"
                f" single GPUs {share:.0%}, with --sync_bn {synchronized:.0%}; {images:,.0f} images/s;"
                f" z of all GPUs, drawn by each machine: {z_ms(gpus * BATCH):.2f}"
            )


def model_of(dataset: str) -> Any:
    from dcgan_tf.model import DCGAN

    size, channels, classes = SHAPES[dataset]
    return DCGAN(Config(output_height=size, output_width=size, c_dim=channels, class_names=classes, batch_size=BATCH))


def gradient_bytes(model: Any) -> int:
    """Return the bytes of gradients that a GPU gives in an iteration: D's once, G's g_steps times, in float32."""
    of_d, of_g = (
        sum(variable.value.shape.num_elements() for variable in network.trainable_variables)
        for network in (model.discriminator, model.generator)
    )
    return 4 * (of_d + model.config.g_steps * of_g)


def all_reduces(model: Any) -> int:
    """Return how often --sync_bn averages in an iteration: each batch norm its mean and its variance, in each pass.

    A forward pass has two, one after the other, and a backward pass two for their gradients.
    """
    of_d, of_g = (
        sum("gamma" in variable.path for variable in network.trainable_variables)
        for network in (model.discriminator, model.generator)
    )
    return 4 * (of_g * model.config.g_steps + of_d * model.passes)


def exchange_ms(size: int, rounds: int, gpus: int) -> float:
    """Return the milliseconds of all-reduces: a link carries each byte out and in, and a round is a tree of hops."""
    machines = gpus // GPUS_OF_MACHINE
    inside = 2 * (1 - 1 / GPUS_OF_MACHINE) * size / INSIDE
    between = 2 * (1 - 1 / machines) * size / BETWEEN
    levels = math.log2(GPUS_OF_MACHINE) * HOP_INSIDE + math.log2(machines) * HOP_BETWEEN
    hops = rounds * 2 * levels
    return 1000 * (inside + between + hops)


def z_ms(count: int) -> float:
    """Measure here how long it takes to draw z for so many images."""
    from dcgan_tf import latents

    times = []
    for iteration in range(5):
        start = time.perf_counter()
        latents.sample_z("uniform_signed", 0, iteration, (count, 100)).numpy()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


if __name__ == "__main__":
    run_program(main)
