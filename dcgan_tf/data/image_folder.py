"""A folder of image files: find them, tell their classes from the sub-folders, and choose those that are held out."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections import Counter
from pathlib import Path, PurePath

from dcgan_tf.system.errors import UserError, printable
from dcgan_tf.system.messages import report

EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"}
EXTENSIONS |= {".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k"}


def find_image_files(folder: Path, pattern: str) -> list[str]:
    """Return the paths of all image files in the folder and below, relative to the folder and sorted.

    Follow symbolic links, but enter no folder twice. Skip hidden files and folders. Say how many files of other kinds
    there are.

    Args:
      pattern: a glob pattern that the path must match, in upper or lower case; blank for every image file. With a
        pattern, files without an extension count as images too.
    """
    found: list[str] = []
    others: Counter[str] = Counter()
    visited = set()
    pattern_parts = PurePath(pattern.lower()).parts
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_raise_unless_missing):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = os.path.relpath(parent, folder)
        prefix = "" if relative == os.curdir else relative + os.sep
        for name in files:  # perhaps millions, so a path is a str: a PurePath takes ten times as long
            path = prefix + name
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or not _ends_like(path, pattern_parts):
                continue
            if suffix in EXTENSIONS or (pattern and not suffix):
                found.append(path)
            else:
                others[suffix or "no extension"] += 1
    if found and others:
        kinds = [f"{count} {printable(kind)}" for kind, count in others.most_common(5)]
        report("Ignored", f"files of other kinds: {', '.join(kinds)}")
    return sorted(found)


def _ends_like(path: str, pattern_parts: tuple[str, ...]) -> bool:
    """Return whether the last parts of the path match the parts of the pattern, as PurePath.match does."""
    if not pattern_parts:
        return True
    names = path.lower().split(os.sep)[-len(pattern_parts) :]
    return len(names) == len(pattern_parts) and all(map(fnmatch.fnmatchcase, names, pattern_parts))


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def classes_of(files: list[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of the classes, and the label of each file.

    If every file is in a sub-folder, the names of the sub-folders directly in the folder are the classes. Otherwise
    there are none, and all labels are 0.
    """
    folders = [file.split(os.sep)[0] for file in files if os.sep in file]
    if len(folders) < len(files):
        return (), dict.fromkeys(files, 0)
    names = tuple(sorted(set(folders)))
    labels = {name: label for label, name in enumerate(names)}
    return names, {file: labels[folder] for file, folder in zip(files, folders, strict=True)}


def choose_held_out(files: list[str], share: float) -> set[str]:
    """Choose about that share of the files, but at least one, and not all. Raises UserError if there is only one.

    The choice depends on a hash of the name, so a file that is held out stays so if others are added.
    """
    if len(files) < 2:
        raise UserError("--hold_out needs at least two images, but there is only one; add images.")
    hashes = {file: hashlib.sha256(PurePath(file).as_posix().encode()).digest() for file in files}
    wanted = sum(int.from_bytes(digest[:8], "big") < share * 2**64 for digest in hashes.values())
    count = min(max(wanted, 1), len(files) - 1)
    return set(sorted(files, key=hashes.__getitem__)[:count])
