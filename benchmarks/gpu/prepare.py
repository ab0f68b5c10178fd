"""python -m benchmarks.gpu.prepare: export all train steps, on a machine with TensorFlow. Needs pip install -e ."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from dcgan_tf.system.startup import start_bfloat16, start_tensorflow

RECORDINGS = Path(__file__).parents[2] / "tests" / "golden"
FOLDER = Path("build/gpu")  # git ignores build/
# network, batch size, precisions, whether TensorFlow computes what is expected
PLAN = [
    ("mnist", 64, ("tf32", "bfloat16", "float32"), True),
    ("made64", 64, ("tf32", "bfloat16", "float32"), True),
    ("small", 16, ("tf32", "bfloat16", "float32"), True),
    ("made64", 16, ("tf32", "bfloat16"), False),  # the networks of the preset without its augmentation and EMA
    ("mnist", 256, ("tf32", "bfloat16", "float32"), False),
    ("made64", 256, ("tf32", "bfloat16", "float32"), False),
    ("mnist", 1024, ("tf32", "bfloat16", "float32"), False),
    ("made64", 1024, ("tf32", "bfloat16", "float32"), False),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help=f"default: {FOLDER}")
    parser.add_argument("--only", default="", help="only the steps whose name begins so, e.g. mnist_tf32_64 or golden")
    options = parser.parse_args()
    start_tensorflow()
    start_bfloat16()
    for name in chosen(options.only):
        started = time.perf_counter()
        export_named(name, options.out)
        size = sum(file.stat().st_size for file in options.out.glob(f"{name}.*"))
        print(f"{name:28} {size / 1e6:6.2f} MB {time.perf_counter() - started:6.1f} s", flush=True)


def names() -> dict[str, bool]:
    """Return the names of all made-up steps, and whether they are checked."""
    return {
        f"{network}_{precision}_{batch_size}": checked
        for network, batch_size, precisions, checked in PLAN
        for precision in precisions
    }


def chosen(only: str) -> Iterator[str]:
    """Yield the names of the steps to export."""
    recordings = [f"golden_{file.stem}" for file in sorted(RECORDINGS.glob("*cond*.npz"))]
    for name in (*recordings, *names()):
        if name.startswith(only):
            yield name


def export_named(name: str, folder: Path) -> None:
    from benchmarks.gpu.expected import ITERATIONS
    from benchmarks.gpu.export import export
    from benchmarks.gpu.steps import made_step, recorded_step

    if name.startswith("golden_"):
        export(recorded_step(RECORDINGS / f"{name.removeprefix('golden_')}.npz"), folder)
        return
    network, precision, batch_size = name.split("_")
    iterations = 0
    if names()[name]:
        iterations = ITERATIONS
    export(made_step(network, precision, int(batch_size)), folder, iterations)


if __name__ == "__main__":
    main()
