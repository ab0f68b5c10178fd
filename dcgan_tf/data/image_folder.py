"""A folder of image files: find them, tell their classes from the sub-folders, and choose those that are held out."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

from dcgan_tf.data import decode
from dcgan_tf.data.sources import Item, Source, choose, fits
from dcgan_tf.settings.config import FLAGS_JSON, Asked
from dcgan_tf.system.errors import UserError, listed, printable, reason
from dcgan_tf.system.messages import report

NO_EXTENSION = "no extension"
DATASET_JSON = "dataset.json"
# What to do with files that are not read
ADVICE = dict.fromkeys(decode.HEIF_EXTENSIONS, decode.HEIF_ADVICE)
ADVICE[NO_EXTENSION] = "give --input_fname_pattern '*' for files without extension"
# Placeholders for what is in a cloud, such as .IMG_1.jpg.icloud, and files that are being downloaded
UNFINISHED = {".icloud", ".nextcloud", ".owncloud", ".part", ".partial", ".crdownload", ".download", ".opdownload"}
ADVICE |= {kind: f"files that end in {kind} are not downloaded yet" for kind in UNFINISHED}
# Folders of systems, NAS and archives, in lower case; like hidden ones, they hold thumbnails and what was deleted
OF_SYSTEMS = {
    "@eadir",  # Synology
    "#recycle",
    "#snapshot",
    "@recycle",  # QNAP
    "~snapshot",  # NetApp
    "$recycle.bin",  # Windows
    "recycler",
    "system volume information",
    "lost+found",  # Linux
    "__macosx",  # in ZIP files
}
SPLITS = {  # what a folder is called, and which split it is
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "test",
    "valid": "test",
    "validation": "test",
}


class Found(NamedTuple):
    """What is in a folder of images; all paths are relative to it."""

    files: list[str]  # of images, sorted
    others: set[str]  # files of other kinds
    runs: list[str]  # folders of runs of this program, whose sheets are not training images
    hidden: list[str]  # hidden images, and folders that are hidden or OF_SYSTEMS

    def left_out(self) -> str:
        """Return what is not used, as a part of a sentence; blank if nothing is."""
        texts = []
        counts = Counter(sorted(map(_kind, self.others)))
        if counts:
            kinds = ", ".join(f"{count:,} {printable(kind)}" for kind, count in counts.most_common(5))
            texts.append(f"files of other kinds: {kinds}")
            texts += sorted({ADVICE[kind] for kind in counts if kind in ADVICE})
        if self.hidden:
            texts.append(f"{len(self.hidden):,} hidden or of a system: {listed(self.hidden, 5)}")
        if self.runs:
            texts.append(f"the images of this program's runs in {listed(self.runs, 5)}")
        return "; ".join(texts)


def find(folder: Path, config: Asked) -> Source | None:
    """Find image files in the folder and its sub-folders, which may be splits and classes.

    Without a split among the sub-folders, --hold_out makes one.

    Returns: None if there is no such folder, or no image in it.
    Raises: UserError if a folder in it cannot be read.
    """
    if not folder.is_dir():
        return None
    found = find_image_files(folder, config.input_fname_pattern)
    if not found.files:
        return None
    layout = json_layout(folder, found.files)
    if layout:
        found.others.discard(DATASET_JSON)
    else:
        layout = layout_of(found.files)
    left_out = found.left_out()
    if left_out:
        report("Ignored", left_out)
    split = config.split
    splits = layout.splits or dict.fromkeys(found.files, "train")
    how = "--split chooses; all by default"
    held_out = config.hold_out > 0 and not layout.splits
    if held_out:
        splits |= dict.fromkeys(choose_held_out(found.files, config.hold_out), "test")
        how = f"--hold_out {config.hold_out:g}"
        if split == "all":
            split = "train"
    files, has_test = choose(splits, split)
    if has_test:
        counts = Counter(splits.values())
        report("Split", f"train {counts['train']:,}, test {counts['test']:,} ({how})")
    return Source(
        location=str(folder),
        items=(Item(file, folder / file, layout.labels[file]) for file in files),
        count=len(files),
        class_names=layout.class_names,
        unlabelled=layout.unlabelled,
        has_test=has_test,
        held_out=held_out,
        files=[os.path.join(folder, file) for file in (*files, DATASET_JSON)],
        missed=sum(_kind(file) in ADVICE for file in found.others),
    )


def _kind(file: str) -> str:
    return os.path.splitext(file)[1].lower() or NO_EXTENSION


def find_image_files(folder: Path, pattern: str) -> Found:
    """Find all image files in the folder and below.

    Follow symbolic links, but enter no folder twice. Skip hidden files and folders.

    Args:
      pattern: what the path must fit, which then is taken for an image; blank for every image file.
    Raises: UserError if a folder cannot be read.
    """
    files = []
    others = set()
    of_runs = set()  # out/checkpoints/NAME, which has the settings of a run, out/samples/NAME and all out/*/NAME
    runs = []
    hidden = []
    visited = set()
    wanted = fits(pattern)
    extensions = decode.EXTENSIONS
    if decode.heif_version():
        extensions = extensions | decode.HEIF_EXTENSIONS

    def refuse(error: OSError) -> None:
        folder = printable(error.filename)
        raise UserError(f"The folder {folder} cannot be read ({reason(error)}); allow that, or move it away.")

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        prefix = os.path.join(parent, "")[len(os.path.join(folder, "")) :]
        of_runs |= {(parent, file.parent.name) for file in Path(parent).glob(f"*/*/{FLAGS_JSON}")}
        inside = []
        for name in sorted(folders):
            if name.startswith(".") or name.lower() in OF_SYSTEMS:
                hidden.append(prefix + name)
            elif (os.path.dirname(parent), name) in of_runs:
                runs.append(prefix + name)
            else:
                inside.append(name)
        folders[:] = inside  # os.walk enters these
        for name in names:  # perhaps millions, so a path is a str: a PurePath takes ten times as long
            path = prefix + name
            kind = _kind(name)
            if kind in UNFINISHED:
                others.add(path)
            elif not wanted(path):
                continue
            elif name.startswith("."):
                if kind in decode.EXTENSIONS:
                    hidden.append(path)
            elif pattern or kind in extensions:
                files.append(path)
            else:
                others.add(path)
    return Found(sorted(files), others, sorted(runs), sorted(hidden))


class Layout(NamedTuple):
    """What the sub-folders mean."""

    class_names: tuple[str, ...]  # none unless every file is in a folder of its class
    labels: dict[str, int]  # of each file; 0 without classes
    splits: dict[str, str]  # train or test, of each file; none if there are no such folders
    unlabelled: str = ""  # which files have no class, if one lacks it, as a part of a sentence


def json_layout(folder: Path, files: list[str]) -> Layout | None:
    """Return what dataset.json means, in which StyleGAN's tools keep labels: pairs of a file and its class, or null.

    Its sub-folders, 00000, 00001, ..., are no classes.

    Returns: None if there is no such file, or another tool's.
    """
    try:
        pairs = json.loads((folder / DATASET_JSON).read_bytes())["labels"]
        labels = {os.path.normpath(file): label for file, label in pairs or ()}
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if pairs is not None and labels.keys().isdisjoint(files):
        return None
    classes = {file: label for file, label in labels.items() if isinstance(label, int)}
    return _layout(files, classes, {}, f"labels in {DATASET_JSON}")


def layout_of(files: list[str]) -> Layout:
    """Return what the sub-folders mean.

    Folders around all files are looked through. Then train and test (or valid, val, in any case) are the splits, if
    there are no other folders and no files beside them; below them, or else at the top, the folders are the classes.

    Args:
      files: paths relative to the folder of the data set, at least one.
    """
    around = os.path.commonpath([os.path.dirname(os.path.dirname(file)) for file in files])
    folders = {file: file.split(os.sep)[len(PurePath(around).parts) : -1] for file in files}
    splits = {file: SPLITS.get(names[0].lower(), "") for file, names in folders.items() if names}
    if len(splits) == len(files) and set(splits.values()) == {"train", "test"}:
        folders = {file: names[1:] for file, names in folders.items()}
    else:
        splits = {}
    classes = {file: names[0] for file, names in folders.items() if names}
    return _layout(files, classes, splits, "sub-folders")


def _layout(files: list[str], classes: Mapping[str, str | int], splits: dict[str, str], kind: str) -> Layout:
    """Return the layout of files, of which these have a class, as `kind` says, such as sub-folders."""
    outside = [file for file in files if file not in classes]
    if outside:
        return Layout((), dict.fromkeys(files, 0), splits, f"the {kind} give none to {listed(outside, 3)}")
    names = sorted({classes[file] for file in files})
    label_of = {name: label for label, name in enumerate(names)}
    labels = {file: label_of[classes[file]] for file in files}
    return Layout(tuple(map(str, names)), labels, splits)


def choose_held_out(files: list[str], share: float) -> set[str]:
    """Choose about that share of the files, but at least one, and not all.

    The choice depends on a hash of the name, so a file that is held out stays so if others are added.

    Args:
      files: paths relative to the folder of the data set.
      share: more than 0, less than 1.
    """
    hashes = {}
    for file in files:
        name = file.replace(os.sep, "/").encode(errors="surrogateescape")
        hashes[file] = int(hashlib.sha256(name).hexdigest()[:16], 16)
    wanted = sum(number < share * 2**64 for number in hashes.values())
    count = min(max(wanted, 1), len(files) - 1)
    return set(sorted(files, key=hashes.__getitem__)[:count])
