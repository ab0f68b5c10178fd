"""The rows of a measurement: each is saved when it is there. It needs nothing but Python."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def add(file: Path, row: Row) -> None:
    """Print a row, and add it to a file of one JSON object a line."""
    line = json.dumps(row)
    print(line, flush=True)
    with file.open("a") as rows:
        rows.write(line + "\n")


def read(file: Path) -> list[Row]:
    """Return the rows of a file, without a last line that is cut off."""
    rows = []
    if file.exists():
        for line in file.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return rows


def timed(call: Callable[[], Any], seconds: float, iterations: int = 1) -> Row:
    """Return the median and the quartiles of an iteration in ms, after one call that is not timed.

    Args:
      call: runs `iterations` iterations, and waits for their end.
      seconds: the calls go on for so long, but there are at least 3.
    """
    call()
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start) / iterations)
    low, median, high = statistics.quantiles(times, n=4)
    return {"ms": round(median, 4), "quartiles": [round(low, 4), round(high, 4)], "calls": len(times)}


def speed(row: Row, manifest: Row) -> Row:
    """Return the row of a timing with images and TFLOP a second."""
    images = 1000 * manifest["batch_size"] / row["ms"]
    return row | {"images_per_second": round(images, 1), "tflops_per_second": round(manifest["gflop"] / row["ms"], 2)}
