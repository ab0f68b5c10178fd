"""Send SIGTERM to a script that calls dcgan_tf.train, at random moments: python tests/soak_signals.py --signals 50

Each time the script must exit with 143, or go on if it handles SIGTERM itself, and nothing that was logged may be lost.
At the end the run must be bit for bit the same as one that was never stopped.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from compare_runs import assert_same_run  # noqa: E402

from dcgan_tf.download.demo import draw_monsters  # noqa: E402

SCRIPT = """
import signal, sys, dcgan_tf

name, iterations, handles = sys.argv[1:]
if handles == "handles":
    signal.signal(signal.SIGTERM, lambda *_: print("received", flush=True))
run = dcgan_tf.train(
    "demo", out_name=name, resume=True, iterations=iterations, output_height=8, gf_dim=2, df_dim=2, batch_size=4,
    log_freq=3, ckpt_freq=50, sample_freq=40, on_log=lambda values: print(values["iteration"], flush=True),
)
print("finished", run.finished, run.iteration)
"""


def main(signals: int, seed: int) -> None:
    """Run the soak; AssertionError where something was lost."""
    moments, started = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        draw_monsters(out / "data" / "demo")

        def start(name: str, iterations: int, handles: str = "") -> subprocess.Popen:
            command = [sys.executable, "-c", SCRIPT, name, str(iterations), handles]
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            return subprocess.Popen(command, cwd=out, env=env, stdout=subprocess.PIPE, text=True)

        iteration = 0
        for number in range(signals):
            handles = ("", "handles")[number % 2]
            process = start("stopped", 10**6, handles)
            first = process.stdout.readline()
            time.sleep(moments.uniform(0, 0.3))
            process.terminate()
            lines = [first, *process.stdout.read().splitlines()]
            code = process.wait()
            if handles:
                assert code == 0 and lines.pop().startswith("finished False"), lines
                assert lines.pop() == "received"
            else:
                assert code == 143, code
            (saved,) = (out / "checkpoints" / "stopped").glob("model-*.index")
            iteration = int(saved.stem.removeprefix("model-"))
            assert iteration >= int(lines[-1]), f"{lines[-1]} was logged, but {iteration} is saved"
            print(f"signal {number + 1:3}: exit code {code:3}, saved {iteration:5}", flush=True)
        for name in ("stopped", "whole"):
            assert start(name, iteration + 10).communicate()[0].splitlines()[-1] == f"finished True {iteration + 10}"
        assert_same_run(out, "stopped", "whole", iteration + 10)
    print(
        f"{signals} signals in {time.monotonic() - started:.0f} s: nothing that was logged is lost, and the run of"
        f" {iteration + 10} iterations is bit for bit that of a run never stopped"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--signals", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    main(arguments.signals, arguments.seed)
