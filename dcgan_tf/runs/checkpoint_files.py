"""The files of the checkpoints in a run's folder, by their names: model-N.index and model-N.data-00000-of-00001."""

from __future__ import annotations

import re
from pathlib import Path

from dcgan_tf.system.files import remove


def iteration_in(path: str) -> int | None:
    """Return the iteration in a checkpoint's path, such as model-1000; None if it has none."""
    match = re.search(r"-(\d+)$", path)
    return int(match[1]) if match else None


def complete_checkpoints(folder: Path) -> list[str]:
    """Return the paths of the checkpoints in a folder, the oldest first.

    TensorFlow writes model-N.index last, so a checkpoint that has it is complete. The index file `checkpoint` need not
    be there: it can be lost with a copy, or be empty after a power cut. Other names, such as those of a user's copies,
    do not count.
    """
    files = [file for file in folder.glob("model-*.index") if re.fullmatch(r"model-\d+", file.stem)]
    paths = [str(file.with_suffix("")) for file in files]
    return sorted(paths, key=lambda path: iteration_in(path) or 0)


def remove_incomplete(folder: Path) -> None:
    """Remove what TensorFlow wrote of checkpoints that it did not complete, and no other file."""
    complete = {Path(path).name for path in complete_checkpoints(folder)}
    for file in folder.glob("model-*"):
        found = re.fullmatch(r"(model-\d+)(\.index|\.data-\d+-of-\d+|)(\.tempstate\d+|_temp\w*|)", file.name)
        if not found:
            continue
        name, kind, temporary = found.groups()
        if temporary or (kind and name not in complete):
            remove(file)
