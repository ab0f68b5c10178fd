"""A folder of image files: find them, tell their classes from the sub-folders, and choose those that are held out."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path, PurePath
from typing import NamedTuple

from dcgan_tf.data import formats
from dcgan_tf.data.sources import Item, Source, choose
from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError, counted, listed, printable
from dcgan_tf.system.messages import report, warn

# What to do with files that are not read
ADVICE = dict.fromkeys(formats.HEIF_EXTENSIONS, formats.HEIF_ADVICE)
ADVICE["no extension"] = "give --input_fname_pattern '*' for files without extension"
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "test", "valid": "test"}
SPLITS |= {"validation": "test"}


class Found(NamedTuple):
    """What is in a folder of images; all paths are relative to it."""

    files: list[str]  # of images, sorted
    others: list[str]  # files of other kinds
    runs: list[str]  # folders of runs of this program, whose sheets are not training images
    unreadable: list[str]  # folders

    def left_out(self) -> dict[str, bool]:
        """Return what is not used, as texts, and whether to warn of it."""
        texts = {}
        if self.others:
            counts = Counter(sorted(map(_kind, self.others)))
            most = dict(counts.most_common(5))
            kinds = ", ".join(f"{count:,} {printable(kind)}" for kind, count in most.items())
            advice = dict.fromkeys(ADVICE[kind] for kind in most if kind in ADVICE)
            missed = sum(counts[kind] for kind in ADVICE)  # they are, or may be, images
            texts["; ".join([f"files of other kinds: {kinds}", *advice])] = missed >= len(self.files)
        if self.runs:
            texts[f"the images of this program's runs in {listed(self.runs, 5)}"] = False
        if self.unreadable:
            folders = counted(len(self.unreadable), "folder")
            texts[f"the images in {folders} that cannot be read, such as {printable(self.unreadable[0])}"] = True
        return texts


def find(folder: Path, config: Asked) -> Source | None:
    """Find image files in the folder and its sub-folders, which may be splits and classes. Raises UserError."""
    if not folder.is_dir():
        return None
    found = find_image_files(folder, config.input_fname_pattern)
    if not found.files:
        return None
    for text, is_serious in found.left_out().items():
        if is_serious:
            warn(f"left out: {text}.")
        else:
            report("Ignored", text)
    layout = layout_of(found.files)
    split = config.split
    splits = layout.splits or dict.fromkeys(found.files, "train")
    how = "--split chooses; all by default"
    if config.hold_out:
        if layout.splits:
            raise UserError(
                f"--hold_out is for a folder without a test part, but {folder} has one; leave --hold_out out, and give"
                " --split train."
            )
        splits |= dict.fromkeys(choose_held_out(found.files, config.hold_out), "test")
        how = f"--hold_out {config.hold_out:g}"
        if split == "all":
            split = "train"
    files, has_test = choose(splits, split)
    if has_test:
        counts = Counter(splits.values())
        report("Split", f"train {counts['train']:,}, test {counts['test']:,} ({how})")
    if len(layout.class_names) > 1 and not config.conditional:
        names = listed(layout.class_names, 5)
        report("Hint", f"the {len(layout.class_names)} sub-folders ({names}) can be classes: --conditional.")
    unlabelled = ""
    if layout.outside:
        images = counted(len(layout.outside), "image")
        unlabelled = f"{images} lie in no sub-folder, such as {printable(layout.outside[0])}"
    is_part = bool(config.conditional and layout.splits and layout.outside) and not set(files) & set(layout.outside)
    if is_part:
        report("Hint", "the other part has images without a class, and is not used.")
        layout = layout_of(files)
    return Source(
        location=str(folder.absolute()),
        items=(Item(file, folder / file, layout.labels[file]) for file in files),
        count=len(files),
        class_names=layout.class_names,
        unlabelled=unlabelled,
        has_test=has_test and not is_part,
        is_part=is_part,
        files=[os.path.join(folder.absolute(), file) for file in files],
    )


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
    of_runs = set()  # out/checkpoints/NAME, which has the settings of a run, out/samples/NAME and all out/*/NAME
    runs: list[str] = []
    visited = set()
    pattern = os.sep.join(PurePath(pattern.lower()).parts)
    extensions = formats.extensions()

    def skip(error: OSError) -> None:
        if error.filename == str(folder):
            raise error
        unreadable.append(os.path.relpath(error.filename, folder))

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=skip):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        prefix = os.path.join(parent, "")[len(os.path.join(folder, "")) :]
        of_runs |= {(parent, file.parent.name) for file in Path(parent).glob(f"*/*/{flags_json.NAME}")}
        around = os.path.dirname(parent)
        runs += [prefix + name for name in folders if (around, name) in of_runs]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and (around, name) not in of_runs)
        for name in names:  # perhaps millions, so a path is a str: a PurePath takes ten times as long
            path = prefix + name
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or (pattern and not PurePath(path.lower()).match(pattern)):
                continue
            if suffix in extensions or (pattern and not suffix):
                files.append(path)
            else:
                others.append(path)
    return Found(sorted(files), others, sorted(runs), unreadable)


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
    around = os.path.commonpath([os.path.dirname(os.path.dirname(file)) for file in files])
    parts = {file: file.split(os.sep)[len(PurePath(around).parts) :] for file in files}
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
        name = file.replace(os.sep, "/").encode(errors="surrogateescape")
        hashes[file] = hashlib.sha256(name).digest()
    wanted = sum(int.from_bytes(digest[:8], "big") < share * 2**64 for digest in hashes.values())
    count = min(max(wanted, 1), len(files) - 1)
    return set(sorted(files, key=hashes.__getitem__)[:count])
