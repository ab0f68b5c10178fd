"""Names of files, and trees of folders with links, for the fuzz tests."""

from __future__ import annotations

import os
import random
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from fuzz_metadata import PNG

PIECES = (*"aZ .[]*?{'\"\n\r\t\\\x7fé猫😀%-~$#;:|&(\u202e\u200b\udce9\udcff", "e\u0301", "x" * 60, "CON")
FOLDERS = ("train", "Train", "TEST", "test", "valid", "Val", "validation", "cat", "Dog", "images", "猫", "[x]", "a b")


def name(dice: random.Random, end: str) -> str:
    """A file name of at most 255 bytes, not hidden, perhaps not UTF-8."""
    stem = "".join(dice.choices(PIECES, k=dice.randint(1, 12)))
    stem = unicodedata.normalize(dice.choice(("NFC", "NFD")), stem)
    if dice.random() < 0.1:
        stem += "y" * 255
    stem = os.fsdecode(os.fsencode(stem)[: 255 - len(end)])
    return "_" + stem[1:] + end if stem.startswith(".") else stem + end


def write(folder: Path, names: Iterable[str]) -> int:
    """Write an image under each name. Returns how many there are: two names can be the same."""
    written = {os.path.join(folder, one) for one in names}
    for path in written:
        with open(path, "wb") as file:
            file.write(PNG)
    return len(written)


def make_tree(dice: random.Random, folder: Path, depth: int) -> tuple[int, int]:
    """Write a random tree. Returns the number of images and of files of other kinds in it."""
    images = write(folder, (f"{i}{dice.choice(('.png', '.JPG'))}" for i in range(dice.choice((0, 0, 1, 3)))))
    others = 0
    for stray in dice.sample(("a.txt", "Thumbs.db", "b.json", "c", ".DS_Store"), dice.choice((0, 0, 1, 2))):
        (folder / stray).write_bytes(b"x")
        others += not stray.startswith(".")
    if dice.random() < 0.2:
        (folder / ".hidden").mkdir()
        (folder / ".hidden" / "1.png").write_bytes(PNG)
    for sub in dice.sample(FOLDERS, dice.choice((0, 1, 2, 3)) if depth else 0):
        (folder / sub).mkdir()
        more = make_tree(dice, folder / sub, depth - 1)
        images += more[0]
        others += more[1]
    return images, others


def add_links(dice: random.Random, folder: Path) -> int:
    """Add links to folders, in circles, too, and to files. Returns the number of images that they add."""
    folders = [Path(parent) for parent, _, _ in os.walk(folder) if ".hidden" not in parent]
    added = 0
    for number in range(dice.choice((0, 0, 1, 4))):
        place = dice.choice(folders)
        kind = dice.choice(("folder", "file", "nowhere", "itself"))
        if kind == "folder":
            (place / f"link{number}").symlink_to(dice.choice(folders))
            continue
        link = place / f"link{number}.png"
        target = {"file": folder.parent / "whole.png", "nowhere": Path("gone.png"), "itself": Path(link.name)}[kind]
        link.symlink_to(target)
        added += 1
    return added
