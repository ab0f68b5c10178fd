"""The rows of a measurement: each is saved when it is there; and their table. It needs nothing but Python."""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]
COLUMNS = {  # title: program and mode of the rows whose ms it has
    "XLA": ("jax", "ten"),
    "XLA, one program": ("jax", "loop"),
    "PyTorch eager": ("torch eager", "ten"),
    "compiled": ("torch compile", "ten"),
    "graph": ("torch graph", "ten"),
    "compiled graph": ("torch compile_graph", "ten"),
}
EXPLANATION = """
Milliseconds of an iteration; the loss is read every ten. "One program": ten iterations are one. "Fastest": PyTorch's
least time, divided by XLA's. "Checked": how many quantities are past their tolerance.
"""


def add(file: Path, row: Row) -> None:
    """Print a row, and add it to a file of one JSON object a line."""
    line = json.dumps(row)
    print(line, flush=True)
    with file.open("a") as rows:
        rows.write(line + "\n")


def failure(error: Exception, name: str) -> Row:
    return {"error": f"{type(error).__name__}: {error}"[:2000], "name": name}


def read(file: Path) -> list[Row]:
    """Return the rows of a file, without a last line that is cut off."""
    rows = []
    for line in file.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    return rows


def timed(call: Callable[[], Any], seconds: float, iterations: int) -> Row:
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


def table(rows: list[Row]) -> str:
    """Return the rows as a table of Markdown, and below it all that is not in it."""
    times = {(row["name"], row["time"], row["mode"]): row for row in rows if "time" in row}
    checks = {row["check"]: f"{len(row['failed'])} of {row['quantities']}" for row in rows if "check" in row}
    titles = ["step", *COLUMNS, "images/s", "fastest", "checked"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for name in dict.fromkeys([*checks, *(name for name, _, _ in times)]):
        lines.append("| " + " | ".join([name, *cells(name, times), checks.get(name, "")]) + " |")
    others = [row for row in rows if "time" not in row and (row.get("failed") or "check" not in row)]
    return "\n".join([*lines, EXPLANATION, *dict.fromkeys(f"- {json.dumps(row)[:400]}" for row in others), ""])


def cells(name: str, times: dict[tuple[str, str, str], Row]) -> list[str]:
    """Return the times of one step, its images/s by XLA, and how many times as long as XLA PyTorch takes."""
    found = {title: times[name, *key] for title, key in COLUMNS.items() if (name, *key) in times}
    texts = [f"{found[title]['ms']:.2f}" if title in found else "" for title in COLUMNS]
    ours = [row for row in found.values() if row["time"] == "jax"]
    peers = [row["ms"] for row in found.values() if row["time"] != "jax"]
    images = ""
    ratio = ""
    if ours:
        fastest = min(ours, key=lambda row: row["ms"])
        images = f"{fastest['images_per_second']:,.0f}"
        if peers:
            ratio = f"{min(peers) / fastest['ms']:.2f}"
    return [*texts, images, ratio]
