"""A folder of image files: find them, tell their classes from the sub-folders, and choose those that are held out."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections import Counter
from pathlib import Path, PurePath
from typing import NamedTuple

from dcgan_tf.data import heif
from dcgan_tf.settings import flags_json
from dcgan_tf.system.errors import UserError, counted, printable
from dcgan_tf.system.messages import warn

EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"}
EXTENSIONS |= {".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k"}
# What to do with files that are not read
ADVICE = dict.fromkeys(heif.EXTENSIONS, heif.ADVICE)
ADVICE["no extension"] = "give --input_fname_pattern '*' for files without extension"
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "test", "valid": "test"}
SPLITS |= {"validation": "test"}


class Found(NamedTuple):
    """What is in a folder of images; all paths are relative to it."""

    files: list[str]  # of images, sorted
    others: str  # tells of the files of other kinds; blank if there are none
    missed: int  # how many of those are, or may be, images
    unreadable: list[str]  # folders that cannot be read
    of_runs: list[str]  # images in the folders of runs of this program, which are not training images


def find_image_files(folder: Path, pattern: str) -> Found:
    """Find all image files in the folder and below.

    Follow symbolic links, but enter no folder twice. Skip hidden files and folders.

    Args:
      pattern: a glob pattern that the path must match, in upper or lower case; blank for every image file. With a
        pattern, files without an extension count as images too.
    """
    found: list[str] = []
    others: list[str] = []
    runs: list[str] = []  # folders with the settings of a run
    visited = set()
    pattern_parts = PurePath(pattern.lower()).parts
    unreadable: list[str] = []
    extensions = EXTENSIONS
    if heif.version():
        extensions = EXTENSIONS | heif.EXTENSIONS

    def skip(error: OSError) -> None:
        if isinstance(error, PermissionError) and error.filename != str(folder):
            unreadable.append(os.path.relpath(error.filename, folder))
        elif not isinstance(error, FileNotFoundError):
            raise error

    for parent, folders, files in os.walk(folder, followlinks=True, onerror=skip):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = os.path.relpath(parent, folder)
        prefix = "" if relative == os.curdir else relative + os.sep
        if flags_json.NAME in files:
            runs.append(relative)
        for name in files:  # perhaps millions, so a path is a str: a PurePath takes ten times as long
            path = prefix + name
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or not _ends_like(path, pattern_parts):
                continue
            if suffix in extensions or (pattern and not suffix):
                found.append(path)
            else:
                others.append(path)
    images, of_runs = split_off_runs(sorted(found), runs)
    others, _ = split_off_runs(others, runs)
    missed = sum(_kind(file) in ADVICE for file in others)
    return Found(images, describe_others(others), missed, unreadable, of_runs)


def _kind(file: str) -> str:
    return os.path.splitext(file)[1].lower() or "no extension"


def left_out(found: Found) -> list[str]:
    """Return which files are not used, as texts; none if all are."""
    texts = []
    if found.others:
        texts.append(f"files of other kinds: {found.others}")
    if found.of_runs:
        images = counted(len(found.of_runs), "image")
        texts.append(f"{images} in the folders of this program's runs, such as {printable(found.of_runs[0])}")
    return texts


def warn_left_out(found: Found) -> None:
    """Warn of folders that cannot be read, and if half of the images or more are of a kind that is not read."""
    if found.files and found.missed >= len(found.files):
        warn(f"only {counted(len(found.files), 'image')} can be used; the other files: {found.others}.")
    if found.unreadable:
        folders = counted(len(found.unreadable), "folder")
        first = printable(found.unreadable[0])
        warn(f"the images in {folders} that cannot be read are left out, such as those in {first}.")


def split_off_runs(files: list[str], runs: list[str]) -> tuple[list[str], list[str]]:
    """Return the files that are not in the folders of runs, and those that are.

    Args:
      runs: folders with the settings of a run. Beside out/checkpoints/NAME, a run also has out/samples/NAME and
        out/logs/NAME; the folders in the middle can have other names.
    """
    sep = re.escape(os.sep)
    starts = []
    for run in runs:
        kind, name = os.path.split(run)
        if kind:
            out = os.path.join(os.path.dirname(kind), "")  # ends with a separator, or is blank
            starts.append(f"{re.escape(out)}[^{sep}]+{sep}{re.escape(name)}{sep}")
    if not starts:
        return files, []
    is_of_run = re.compile("|".join(starts)).match
    return [file for file in files if not is_of_run(file)], [file for file in files if is_of_run(file)]


def describe_others(files: list[str]) -> str:
    """Return what files there are that are not read, and what to do about them; blank if there are none."""
    if not files:
        return ""
    counts = Counter(map(_kind, files))
    most = sorted(counts, key=lambda kind: (-counts[kind], kind))[:5]
    kinds = ", ".join(f"{counts[kind]:,} {printable(kind)}" for kind in most)
    advice = [ADVICE[kind] for kind in most if kind in ADVICE]
    return "; ".join([kinds, *dict.fromkeys(advice)])


def _ends_like(path: str, pattern_parts: tuple[str, ...]) -> bool:
    """Return whether the last parts of the path match the parts of the pattern, as PurePath.match does."""
    if not pattern_parts:
        return True
    names = path.lower().split(os.sep)[-len(pattern_parts) :]
    return len(names) == len(pattern_parts) and all(map(fnmatch.fnmatchcase, names, pattern_parts))


class Layout(NamedTuple):
    """What the sub-folders mean."""

    class_names: tuple[str, ...]  # none unless every file is in a folder of its class
    labels: dict[str, int]  # of each file; 0 without classes
    splits: dict[str, str]  # train or test, of each file; none if there are no such folders
    outside: list[str]  # files beside the folders that could be classes; none if there are no such folders


def layout_of(files: list[str]) -> Layout:
    """Return what the sub-folders mean.

    Folders around all files are looked through. Then train and test (or valid, val, in any case) are the splits, if
    there are no other folders and no files beside them; below them, or else at the top, the folders are the classes.
    """
    parts = {file: file.split(os.sep) for file in files}
    while len({names[0] for names in parts.values()}) == 1 and all(len(names) > 2 for names in parts.values()):
        parts = {file: names[1:] for file, names in parts.items()}
    splits = {}
    tops = {names[0].lower() for names in parts.values() if len(names) > 1}
    inside = all(len(names) > 1 for names in parts.values())
    if inside and tops <= set(SPLITS) and {SPLITS[top] for top in tops} == {"train", "test"}:
        splits = {file: SPLITS[names[0].lower()] for file, names in parts.items()}
        parts = {file: names[1:] for file, names in parts.items()}
    outside = [file for file, names in parts.items() if len(names) == 1]
    if outside:
        if len(outside) == len(files):
            outside = []
        return Layout((), dict.fromkeys(files, 0), splits, outside)
    class_names = tuple(sorted({names[0] for names in parts.values()}))
    label_of = {name: label for label, name in enumerate(class_names)}
    return Layout(class_names, {file: label_of[names[0]] for file, names in parts.items()}, splits, [])


def choose_held_out(files: list[str], share: float) -> set[str]:
    """Choose about that share of the files, but at least one, and not all. Raises UserError if there is only one.

    The choice depends on a hash of the name, so a file that is held out stays so if others are added.
    """
    if len(files) < 2:
        raise UserError("--hold_out needs at least two images, but there is only one; add images.")
    hashes = {
        file: hashlib.sha256(PurePath(file).as_posix().encode(errors="surrogateescape")).digest() for file in files
    }
    wanted = sum(int.from_bytes(digest[:8], "big") < share * 2**64 for digest in hashes.values())
    count = min(max(wanted, 1), len(files) - 1)
    return set(sorted(files, key=hashes.__getitem__)[:count])
