"""python benchmarks/around_step.py: the milliseconds of an iteration that sheets, curves and checkpoints add.

A training writes one of them after each iteration, and none, in turn, each as a process of its own. Its networks are so
small that this is most of its time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

WHAT = ("sheets", "curves", "checkpoints")
# Trains on the demo's images, and prints the milliseconds of an iteration by two clocks: at iteration BETWEEN it has
# warmed up, and at twice that it ends.
TRAINING = """
import sys, time, dcgan_tf
what, between, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
freq = {name: 10**9 for name in ("sample_freq", "ckpt_freq")} | {"log_freq": between}
freq |= {"sheets": {"sample_freq": 1}, "curves": {"log_freq": 1}, "checkpoints": {"ckpt_freq": 1}}.get(what, {})
if what == "all":
    freq = dict.fromkeys(freq, 1)
times = {}
def note(losses):
    times[losses["iteration"]] = time.perf_counter(), time.process_time()
dcgan_tf.train(
    "demo", data_dir=folder + "/data", cache_dir=folder + "/cache", out_dir=folder + "/" + what, on_log=note,
    iterations=2 * between, batch_size=16, output_height=16, gf_dim=2, df_dim=2, precision="float32", **freq,
)
print(*(1000 * (end - start) / between for start, end in zip(times[between], times[2 * between])))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="How much time do sheets, curves and checkpoints take?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=100, help="timed ones, after as many that are not")
    parser.add_argument("--what", choices=(*WHAT, "all"), nargs="*", default=[*WHAT, "all"])
    options = parser.parse_args()
    times: dict[str, list[list[float]]] = {what: [] for what in ("nothing", *options.what)}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "dcgan_tf.download", "demo"], cwd=folder, capture_output=True, check=True)
        for _ in range(options.rounds):
            for what, each in times.items():
                each.append(milliseconds(what, options.iterations, folder))
    wall, processor = fastest(times.pop("nothing"))
    print(f"{'ms an iteration':28} {'wall time':>10} {'processor':>10}\n{'alone':28} {wall:10.2f} {processor:10.2f}")
    for what, each in times.items():
        more_wall, more_processor = fastest(each)
        print(f"{'more with ' + what:28} {more_wall - wall:10.2f} {more_processor - processor:10.2f}")


def fastest(times: list[list[float]]) -> list[float]:
    """Return the least of the rounds, because other programs only add, for each clock."""
    return [min(each) for each in zip(*times, strict=True)]


def milliseconds(what: str, iterations: int, folder: str) -> list[float]:
    """Train; return the wall and processor time of an iteration."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["cp", "-r", f"{folder}/data", out], check=True)
        command = [sys.executable, "-c", TRAINING, what, str(iterations), out]
        done = subprocess.run(command, cwd=out, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [float(time) for time in done.stdout.split()]


if __name__ == "__main__":
    main()
