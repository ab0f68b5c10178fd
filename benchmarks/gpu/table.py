"""The rows of a measurement as one table of Markdown. It needs nothing but Python."""

from __future__ import annotations

from benchmarks.gpu.rows import Row

COLUMNS = {  # title: program and mode of the rows whose ms it has
    "XLA": ("jax", "ten"),
    "XLA, one program": ("jax", "loop"),
    "XLA, fed": ("jax", "fed"),
    "PyTorch eager": ("torch eager", "ten"),
    "compiled": ("torch compile", "ten"),
    "graph": ("torch graph", "ten"),
    "compiled graph": ("torch compile_graph", "ten"),
}
EXPLANATION = """\
Milliseconds of an iteration; the loss is read every ten. "One program": ten iterations are one. "Fed": images, labels
and z come from the host. "Fastest": PyTorch's least time, divided by XLA's (without "fed"). "Checked": how many
quantities are past their tolerance.
"""


def table(rows: list[Row]) -> str:
    """Return the table, and below it the devices, the matrix products, and what failed or was left out."""
    times = {(row["name"], row["time"], row["mode"]): row for row in rows if "time" in row}
    checks = {row["check"]: row for row in rows if "check" in row}
    names = list(dict.fromkeys([*checks, *(name for name, _, _ in times)]))
    titles = ["step", *COLUMNS, "images/s", "fastest", "checked"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for name in names:
        lines.append("| " + " | ".join([name, *cells(name, times), checked(checks.get(name))]) + " |")
    return "\n".join([*lines, "", EXPLANATION, *notes(rows), ""])


def cells(name: str, times: dict[tuple[str, str, str], Row]) -> list[str]:
    """Return the times of one step, its images/s by XLA, and how many times as long as XLA PyTorch takes."""
    found = {title: times.get((name, *key)) for title, key in COLUMNS.items()}
    texts = [f"{row['ms']:.2f}" if row else "" for row in found.values()]
    ours = fastest(found, "XLA", "XLA, one program")
    peers = fastest(found, "PyTorch eager", "compiled", "graph", "compiled graph")
    if not ours:
        return [*texts, "", ""]
    texts.append(f"{ours['images_per_second']:,.0f}")
    texts.append(f"{peers['ms'] / ours['ms']:.2f}" if peers else "")
    return texts


def fastest(found: dict[str, Row | None], *titles: str) -> Row | None:
    rows = [row for title in titles if (row := found[title])]
    return min(rows, key=lambda row: row["ms"], default=None)


def checked(row: Row | None) -> str:
    if not row:
        return ""
    return f"{len(row['failed'])} of {row['quantities']}"


def notes(rows: list[Row]) -> list[str]:
    """Return a list in Markdown of all other rows."""
    lines = []
    for row in rows:
        if "device" in row or "about" in row:
            lines.append("- " + ", ".join(f"{key} {value}" for key, value in row.items() if value))
        elif "product" in row:
            lines.append(f"- matrix product {row['product']}: {row['tflops_per_second']} TFLOP/s")
        elif "error" in row:
            lines.append(f"- failed: {row}")
        elif "left_out" in row:
            lines.append(f"- no time left: {row['left_out']} ({row['program']})")
        elif row.get("failed"):
            lines.append(f"- past its tolerance, {row['check']}: {row['failed']}")
        elif "kernels" in row:
            top = ", ".join(f"{name} {us}" for name, us in list(row["top"].items())[:5])
            lines.append(f"- {row['kernels']}: {row['count']:.0f} kernels take {row['us']} us, most of all {top}")
    return list(dict.fromkeys(lines))
