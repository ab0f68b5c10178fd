"""A folder of image files: find them, tell their classes from the sub-folders, and choose those that are held out."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections import Counter
from pathlib import Path, PurePath
from typing import NamedTuple

from dcgan_tf.data import formats
from dcgan_tf.settings import flags_json
from dcgan_tf.system.errors import UserError, counted, printable

# What to do with files that are not read
ADVICE = dict.fromkeys(formats.HEIF_EXTENSIONS, formats.HEIF_ADVICE)
ADVICE["no extension"] = "give --input_fname_pattern '*' for files without extension"
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "test", "valid": "test"}
SPLITS |= {"validation": "test"}


class Found(NamedTuple):
    """What is in a folder of images; all paths are relative to it."""

    files: list[str]  # of images, sorted
    others: list[str]  # files of other kinds
    of_runs: list[str]  # images in the folders of runs of this program, which are not training images
    unreadable: list[str]  # folders

    def left_out(self) -> dict[str, bool]:
        """Return what is not used, as texts, and whether to warn of it."""
        texts = {}
        if self.others:
            counts = Counter(map(_kind, self.others))
            most = sorted(counts, key=lambda kind: (-counts[kind], kind))[:5]
            kinds = ", ".join(f"{counts[kind]:,} {printable(kind)}" for kind in most)
            advice = dict.fromkeys(ADVICE[kind] for kind in most if kind in ADVICE)
            missed = sum(counts[kind] for kind in ADVICE)  # they are, or may be, images
            texts["; ".join([f"files of other kinds: {kinds}", *advice])] = missed >= len(self.files)
        if self.of_runs:
            images = counted(len(self.of_runs), "image")
            texts[f"{images} in the folders of this program's runs, such as {printable(self.of_runs[0])}"] = False
        if self.unreadable:
            folders = counted(len(self.unreadable), "folder")
            texts[f"the images in {folders} that cannot be read, such as {printable(self.unreadable[0])}"] = True
        return texts


def _kind(file: str) -> str:
    return os.path.splitext(file)[1].lower() or "no extension"


def find_image_files(folder: Path, pattern: str) -> Found:
    """Find all image files in the folder and below.

    Follow symbolic links, but enter no folder twice. Skip hidden files and folders.

    Args:
      pattern: a glob pattern that the path must match, in upper or lower case; blank for every image file. With a
        pattern, files without an extension count as images too.
    Raises: OSError if the folder itself cannot be read.
    """
    files: list[str] = []
    others: list[str] = []
    unreadable: list[str] = []
    runs = set()  # (folder of all runs, name)
    visited = set()
    pattern_parts = PurePath(pattern.lower()).parts
    extensions = set(formats.EXTENSIONS)
    if formats.heif_version():
        extensions |= formats.HEIF_EXTENSIONS

    def skip(error: OSError) -> None:
        if error.filename == str(folder):
            raise error
        unreadable.append(os.path.relpath(error.filename, folder))

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=skip):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        prefix = os.path.join(parent, "")[len(os.path.join(folder, "")) :]
        if flags_json.NAME in names and prefix.count(os.sep) > 1:
            kind, name = os.path.split(prefix[: -len(os.sep)])
            runs.add((os.path.dirname(kind), name))
        for name in names:  # perhaps millions, so a path is a str: a PurePath takes ten times as long
            path = prefix + name
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or not _ends_like(path, pattern_parts):
                continue
            if suffix in extensions or (pattern and not suffix):
                files.append(path)
            else:
                others.append(path)
    files.sort()
    of_runs = [file for file in files if runs and _is_of_run(file, runs)]
    if runs:
        others = [file for file in others if not _is_of_run(file, runs)]
        files = sorted(set(files) - set(of_runs))
    return Found(files, others, of_runs, unreadable)


def _is_of_run(file: str, runs: set[tuple[str, str]]) -> bool:
    """Return whether a file is in a run's folder: for out/checkpoints/NAME also out/samples/NAME, or out/other/NAME."""
    names = file.split(os.sep)
    return any((os.sep.join(names[:number]), names[number + 1]) in runs for number in range(len(names) - 2))


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
    splits = {file: SPLITS.get(names[0].lower(), "") for file, names in parts.items() if len(names) > 1}
    if len(splits) == len(files) and set(splits.values()) == {"train", "test"}:
        parts = {file: names[1:] for file, names in parts.items()}
    else:
        splits = {}
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
    hashes = {}
    for file in files:
        name = PurePath(file).as_posix().encode(errors="surrogateescape")
        hashes[file] = hashlib.sha256(name).digest()
    wanted = sum(int.from_bytes(digest[:8], "big") < share * 2**64 for digest in hashes.values())
    count = min(max(wanted, 1), len(files) - 1)
    return set(sorted(files, key=hashes.__getitem__)[:count])
