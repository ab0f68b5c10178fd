"""What the programs of benchmarks/compare.py share: they run in turn, each as a process of its own."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

SHAPES = {"mnist": (28, 1, tuple("0123456789")), "made64": (64, 3, ())}  # size, channels, classes


def milliseconds(call: Callable[[], Any], count: int, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Return the time of each of `count` calls."""
    times = []
    for _ in range(count):
        start = clock()
        call()
        times.append(1000 * (clock() - start))
    return times


def take_turns(call: Callable[[], Any]) -> None:
    """Warm up and print "ready". Then, for each line "COUNT CLOCK" on stdin, print the milliseconds of COUNT calls."""
    milliseconds(call, 3)
    print("ready", flush=True)
    for line in sys.stdin:
        count, clock = line.split()
        print(json.dumps(milliseconds(call, int(count), getattr(time, clock))), flush=True)


def peer_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the flags of every peer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dataset", choices=SHAPES, default="mnist")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--turns", action="store_true", help=argparse.SUPPRESS)  # for benchmarks/compare.py
    return parser


def time_peer(call: Callable[[], Any], turns: bool) -> None:
    """Time a peer's iteration: in turn with others, or alone."""
    if turns:
        take_turns(call)
    else:
        milliseconds(call, 3)
        print(f"{statistics.median(milliseconds(call, 20)):.1f} ms an iteration")
