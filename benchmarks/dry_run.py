"""python benchmarks/dry_run.py FLAGS: what --dry_run measures, before and after a training with the same flags.

FLAGS are those of a training, as --dataset mnist --iterations 300. Time is measured from the end of the first call of
the train step to the end of the last one. Processor time does not count what other programs take.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

from dcgan_tf.cli import program
from dcgan_tf.system.messages import say
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import start_tensorflow

Mark = tuple[int, float, float]  # iterations in the call that ends now, time, processor time


def watch_calls(marks: list[Mark]) -> None:
    """Add a mark after each call of the train step of every model."""
    from dcgan_tf.model import DCGAN, Step

    compiled = DCGAN.compiled

    def watched(model: DCGAN, lr_decay: tuple[int, int] | None = None) -> Step:
        train_step = compiled(model, lr_decay)

        def step(images: Any, labels: Any) -> dict[str, Any]:
            logged = train_step(images, labels)
            float(logged["d_loss"])  # waits for the device
            marks.append((len(images), time.perf_counter(), time.process_time()))
            return logged

        return step

    DCGAN.compiled = watched


def main() -> None:
    """Train between two dry runs."""
    start_tensorflow()
    marks: list[Mark] = []
    watch_calls(marks)
    lines = []
    for name, flags in (("dry run", ["--dry_run"]), ("training", []), ("dry run", ["--dry_run"])):
        marks.clear()
        with tempfile.TemporaryDirectory() as folder:
            program.main(["main.py", "--train", *flags, f"--out_dir={folder}", *sys.argv[1:]])
        count = sum(iterations for iterations, _, _ in marks[1:])
        seconds = (marks[-1][1] - marks[0][1]) / count
        processor = (marks[-1][2] - marks[0][2]) / count
        lines.append(f"{name}: {count} iterations, {seconds:.4f} s each, {processor:.4f} s of processor time")
    say("\n".join(lines))


if __name__ == "__main__":
    run_program(main)
