"""A folder of image files: find them, tell their classes from the sub-folders, and choose those that are held out."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path, PurePath
from typing import NamedTuple

from dcgan_tf.data import formats
from dcgan_tf.data.sources import Item, Source, choose, fits
from dcgan_tf.settings.config import FLAGS_JSON, Asked
from dcgan_tf.system.errors import UserError, listed, printable, reason
from dcgan_tf.system.messages import report

NO_EXTENSION = "no extension"
# Placeholders for what is in a cloud, such as .IMG_1.jpg.icloud, and files that are being downloaded
UNFINISHED = {".icloud", ".nextcloud", ".owncloud", ".part", ".partial", ".crdownload", ".download", ".opdownload"}
# What to do with files that are not read
ADVICE = dict.fromkeys(formats.HEIF_EXTENSIONS, formats.HEIF_ADVICE)
ADVICE |= dict.fromkeys(UNFINISHED, "files that end in .part, .icloud and the like are not downloaded yet")
ADVICE[NO_EXTENSION] = "give --input_fname_pattern '*' for files without extension"
# Folders of systems, NAS and archives, in lower case; like hidden ones, they hold thumbnails and what was deleted
OF_SYSTEMS = {"@eadir", "@recycle", "#recycle", "#snapshot", "~snapshot", "$recycle.bin", "recycler", "__macosx"}
OF_SYSTEMS |= {"system volume information", "lost+found"}
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "test", "valid": "test"}
SPLITS |= {"validation": "test"}


class Found(NamedTuple):
    """What is in a folder of images; all paths are relative to it."""

    files: list[str]  # of images, sorted
    others: list[str]  # files of other kinds
    skipped: list[str]  # hidden images, and folders that are hidden, OF_SYSTEMS, or those of this program's runs

    def left_out(self) -> str:
        """Return what is not used, as a part of a sentence; blank if nothing is."""
        texts = []
        counts = Counter(sorted(map(_kind, self.others)))
        if counts:
            kinds = ", ".join(f"{count:,} {printable(kind)}" for kind, count in counts.most_common(5))
            texts.append(f"files of other kinds: {kinds}")
            texts += sorted({ADVICE[kind] for kind in counts if kind in ADVICE})
        if self.skipped:
            where = listed(sorted(self.skipped), 5)
            texts.append(f"{len(self.skipped):,} hidden, of a system or of this program's runs: {where}")
        return "; ".join(texts)


def find(folder: Path, config: Asked) -> Source | None:
    """Find image files in the folder and its sub-folders, which may be splits and classes. Raises UserError."""
    if not folder.is_dir():
        return None
    found = find_image_files(folder, config.input_fname_pattern)
    if not found.files:
        return None
    left_out = found.left_out()
    if left_out:
        report("Ignored", left_out)
    splits, classes = layout_of(found.files)
    outside = [file for file in found.files if file not in classes]
    if outside:
        classes = {}
    class_names = tuple(sorted(set(classes.values())))
    label_of = {name: label for label, name in enumerate(class_names)}
    split = config.split
    how = "--split chooses; all by default"
    held_out = config.hold_out > 0 and not splits
    if held_out:
        splits = dict.fromkeys(choose_held_out(found.files, config.hold_out), "test")
        how = f"--hold_out {config.hold_out:g}"
        if split == "all":
            split = "train"
    files, has_test = choose({file: splits.get(file, "train") for file in found.files}, split)
    if has_test:
        tested = list(splits.values()).count("test")
        report("Split", f"train {len(found.files) - tested:,}, test {tested:,} ({how})")
    return Source(
        location=str(folder),
        items=(Item(file, folder / file, label_of.get(classes.get(file, ""), 0)) for file in files),
        count=len(files),
        class_names=class_names,
        unlabelled=f"the sub-folders give none to {listed(outside, 3)}",
        has_test=has_test,
        held_out=held_out,
        files=[os.path.join(folder, file) for file in files],
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
    files: list[str] = []
    others: list[str] = []
    of_runs = set()  # out/checkpoints/NAME, which has the settings of a run, out/samples/NAME and all out/*/NAME
    skipped: list[str] = []
    visited = set()
    wanted = fits(pattern)
    extensions = formats.EXTENSIONS
    if formats.heif_version():
        extensions = extensions | formats.HEIF_EXTENSIONS

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
        around = os.path.dirname(parent)
        left_out = [
            name for name in folders if name.startswith(".") or name.lower() in OF_SYSTEMS or (around, name) in of_runs
        ]
        skipped += [prefix + name for name in left_out]
        folders[:] = sorted(set(folders).difference(left_out))
        for name in names:  # perhaps millions, so a path is a str: a PurePath takes ten times as long
            path = prefix + name
            kind = _kind(name)
            if kind in UNFINISHED:
                others.append(path)
            elif not wanted(path):
                continue
            elif name.startswith("."):
                if kind in formats.EXTENSIONS:
                    skipped.append(path)
            elif pattern or kind in extensions:
                files.append(path)
            else:
                others.append(path)
    return Found(sorted(files), others, skipped)


def layout_of(files: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the sub-folders mean: train or test of each file, none if there is no such split; and its class.

    Folders around all files are looked through. Then train and test (or valid, val, in any case) are the splits, if
    there are no other folders and no files beside them; below them, or else at the top, the folders are the classes.
    A file outside of these folders has no class.
    """
    around = os.path.commonpath([os.path.dirname(os.path.dirname(file)) for file in files])
    parts = {file: file.split(os.sep)[len(PurePath(around).parts) :] for file in files}
    splits = {file: SPLITS.get(names[0].lower(), "") for file, names in parts.items() if len(names) > 1}
    if len(splits) == len(files) and set(splits.values()) == {"train", "test"}:
        parts = {file: names[1:] for file, names in parts.items()}
    else:
        splits = {}
    return splits, {file: names[0] for file, names in parts.items() if len(names) > 1}


def choose_held_out(files: list[str], share: float) -> set[str]:
    """Choose about that share of the files, but at least one, and not all.

    The choice depends on a hash of the name, so a file that is held out stays so if others are added.
    """
    hashes = {}
    for file in files:
        name = file.replace(os.sep, "/").encode(errors="surrogateescape")
        hashes[file] = hashlib.sha256(name).digest()
    wanted = sum(int.from_bytes(digest[:8], "big") < share * 2**64 for digest in hashes.values())
    count = min(max(wanted, 1), len(files) - 1)
    return set(sorted(files, key=hashes.__getitem__)[:count])
