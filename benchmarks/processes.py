"""python benchmarks/processes.py: one training by 1, 2 and 4 processes on this machine.

It runs the train step in each process, with the TF_CONFIG of a cluster, on one core (taskset, of Linux). Each process
gets 32 images of the batch, so the batch grows with them. Processes take turns if there are fewer cores.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

SHARD = 32  # images of a batch for each process
COUNTS = (1, 2, 4)
STEP = [sys.executable, str(Path(__file__).parent / "train_step.py"), "--turns", "--precision=float32"]


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast is one training by several processes?")
    parser.add_argument("--dataset", choices=("mnist", "made64"), default="mnist")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    speeds: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(options.rounds):
        for count in COUNTS:
            speeds[count].append(images_per_second(count, options.dataset, options.iterations))
    cores = len(os.sched_getaffinity(0))
    print(f"{options.dataset}, {cores} cores, one for each process, {SHARD} images in each")
    for count, each in speeds.items():
        print(f"{count} processes: {statistics.median(each):7.1f} images/s ({min(each):.1f} to {max(each):.1f})")


def images_per_second(count: int, dataset: str, iterations: int) -> float:
    """Train in `count` processes, each on one core; return the images of all of them in a second."""
    flags = [*STEP, f"--dataset={dataset}", f"--batch_size={SHARD * count}"]
    if count == 1:
        flags.append("--strategy=none")
    workers = [f"127.0.0.1:{port}" for port in free_ports(count)]
    processes = []
    cores = sorted(os.sched_getaffinity(0))
    for index in range(count):
        environment = dict(os.environ)
        if count > 1:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        core = ["taskset", "-c", str(cores[index % len(cores)])]
        processes.append(subprocess.Popen([*core, *flags], env=environment, text=True, **pipes))
    outputs = []
    for process in processes:  # each warms up, and then does these iterations
        process.stdin.write(f"{iterations} perf_counter\n")
        process.stdin.close()
    for process in processes:
        outputs.append(process.stdout.read())
        process.wait()
    if any(process.returncode for process in processes):
        raise SystemExit(f"A process of {count} failed; what it printed stands above.")
    times = json.loads(outputs[0].splitlines()[-1])  # milliseconds
    return 1000 * SHARD * count * iterations / sum(times)


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    main()
