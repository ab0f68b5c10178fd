"""Compare the speed of the train step with PyTorch and plain Keras: python benchmarks/compare.py [--quick].

It needs pip install -e ".[compare]".

Every program is started once. Then they run in turn, so that other load on the machine slows all of them alike.
A ratio is the other program's time divided by ours in the same round. The table has its median and quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
OURS = [str(Path(__file__).parent / "train_step.py")]
TORCH = [str(PEERS / "torch_dcgan.py")]
PROGRAMS = {  # name: (what it runs, its precision, the program of ours that it is compared with)
    "dcgan_tf": (OURS, "float32", ""),
    "PyTorch": (TORCH, "float32", "dcgan_tf"),
    "PyTorch, compiled": ([*TORCH, "--compile"], "float32", "dcgan_tf"),
    "plain Keras": ([str(PEERS / "plain_keras.py")], "float32", "dcgan_tf"),
    "dcgan_tf, bfloat16": ([*OURS, "--precision=bfloat16"], "bfloat16", ""),
    "PyTorch, bfloat16": ([*TORCH, "--precision=bfloat16"], "bfloat16", "dcgan_tf, bfloat16"),
    "PyTorch, bfloat16, compiled": ([*TORCH, "--precision=bfloat16", "--compile"], "bfloat16", "dcgan_tf, bfloat16"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=("mnist", "made64"), action="append", help="default: both")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), action="append", help="default: both")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--without", default="-", help="leave out the programs whose name begins so, e.g. PyTorch")
    parser.add_argument("--quick", action="store_true", help="5 rounds instead of 20")
    parser.add_argument("--shared", action="store_true", help="others use this machine: one thread, processor time")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each program and data set")
    options = parser.parse_args()
    for dataset in options.dataset or ("mnist", "made64"):
        times = rounds(dataset, options)
        rows = [row(name, dataset, times, options.batch_size) for name in times]
        if options.json:
            print(*map(json.dumps, rows), sep="\n", flush=True)
        else:
            show(dataset, rows, options.batch_size)


def rounds(dataset: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """The milliseconds of an iteration, for each program and each round."""
    precisions = options.precision or ("float32", "bfloat16")
    chosen = {
        name: program
        for name, (program, precision, _) in PROGRAMS.items()
        if precision in precisions and not name.startswith(options.without)
    }
    clock = "perf_counter"
    environment = dict(os.environ)
    if options.shared:  # threads that wait for one another lose most, so that only work done can be compared
        clock = "process_time"
        environment |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = {}
    for name, program in chosen.items():
        command = [sys.executable, *program, f"--dataset={dataset}", f"--batch_size={options.batch_size}", "--turns"]
        running[name] = subprocess.Popen(command, cwd=PEERS.parents[1], env=environment, **pipes)
        if running[name].stdout.readline() != "ready\n":
            raise SystemExit(f"{name} did not start; see what it printed above.")
    times = {name: [] for name in running}
    for _ in range(5 if options.quick else 20):
        for name, process in running.items():
            print(5 if dataset == "mnist" else 2, clock, file=process.stdin, flush=True)
            times[name].append(statistics.median(json.loads(process.stdout.readline())))
    for process in running.values():
        process.communicate()
    return times


def row(name: str, dataset: str, times: dict[str, list[float]], batch_size: int) -> dict:
    """Return the result of one program: its speed, and how many times as long as ours it takes."""
    ms = statistics.median(times[name])
    result = {"program": name, "dataset": dataset, "precision": PROGRAMS[name][1], "batch_size": batch_size}
    result |= {"ms_per_iteration": round(ms, 1), "ms_quartiles": quartiles(times[name], 1)}
    result |= {"images_per_second": round(1000 * batch_size / ms, 1)}
    for ours in ("dcgan_tf", "dcgan_tf, bfloat16"):
        if ours in times and ours != name and (name == "plain Keras" or ours == PROGRAMS[name][2]):
            ratios = [peer / own for peer, own in zip(times[name], times[ours], strict=True)]
            result[f"times {ours}"] = [round(statistics.median(ratios), 2), *quartiles(ratios, 2)]
    return result


def quartiles(values: list[float], digits: int) -> list[float]:
    first, _, last = statistics.quantiles(values, n=4)
    return [round(first, digits), round(last, digits)]


def show(dataset: str, rows: list[dict], batch_size: int) -> None:
    """Print the table of one data set."""
    print(f"\n{dataset}, batch {batch_size}: medians (quartiles)")
    print(f"{'':28} {'ms an iteration':>24} {'images/s':>9}   we are faster by")
    for result in rows:
        ms = f"{result['ms_per_iteration']} ({result['ms_quartiles'][0]} - {result['ms_quartiles'][1]})"
        ratios = [f"{v[0]} ({v[1]} - {v[2]}) with {k[6:]}" for k, v in result.items() if k.startswith("times ")]
        print(f"{result['program']:28} {ms:>24} {result['images_per_second']:>9}   {'; '.join(ratios)}", flush=True)


if __name__ == "__main__":
    main()
