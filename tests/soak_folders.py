"""Read folders, names and images that nobody would write by hand: python tests/soak_folders.py --inputs 10000

Nothing may be raised but a UserError, and nothing may be lost:
images that are read, images that are named as unreadable and files that are counted as left out are all that was there.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import random
import sys
import tempfile
import time
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from dcgan_tf.data import decode, prepare, sources  # noqa: E402
from dcgan_tf.data.dataset import Dataset, read_dataset  # noqa: E402
from dcgan_tf.data.decode import ImageSpec  # noqa: E402
from dcgan_tf.data.image_folder import find_image_files  # noqa: E402
from dcgan_tf.settings.config import Asked  # noqa: E402
from dcgan_tf.system.errors import UserError  # noqa: E402

BATCH = 250
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
IMAGE = Image.fromarray(PIXELS)


def encoded(kind: str) -> bytes:
    """Encode IMAGE."""
    stream = io.BytesIO()
    IMAGE.save(stream, kind)
    return stream.getvalue()


PNG = encoded("PNG")
WHOLE = (PNG, *(encoded(kind) for kind in ("JPEG", "GIF", "WEBP", "TIFF")))


def damaged(dice: random.Random) -> bytes:
    """An image of any kind, cut off or with other bytes in a few places."""
    data = bytearray(dice.choice(WHOLE))
    for _ in range(dice.randint(0, 5)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    if dice.random() < 0.5:
        del data[dice.randrange(len(data)) :]
    return bytes(data) or b"\0"


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


def load(folder: Path, **settings: object) -> Dataset:
    return read_dataset(Asked(dataset=str(folder), output_height=16, cache=False, **settings))


def try_names(dice: random.Random, folder: Path, count: int) -> None:
    """Files and folders of any name: all are read, held out or not, as classes, and by a pattern."""
    data = folder / name(dice, "")
    top = data
    total = 0
    for part in range(2):
        top = data / name(dice, f" {part}")
        top.mkdir(parents=True)
        total += write(top, (name(dice, dice.choice((".png", ".PNG", ".jpg", ".Tiff"))) for _ in range(count // 2)))
    dataset = load(data, conditional=True)
    assert len(dataset.images) == total and len(dataset.class_names) == 2 and (dataset.images == PIXELS).all()
    parts = [load(data, hold_out=0.3, split=split) for split in ("train", "test")]
    assert sum(len(part.images) for part in parts) == total
    some = os.listdir(top)[0]
    if "\n" not in some and not set("[]*?") & set(some):
        assert len(load(data, input_fname_pattern=some).images) >= 1


def try_damaged(dice: random.Random, folder: Path, count: int) -> None:
    """Damaged images in memory, among whole ones: each is read or named, and no other is changed."""
    data = [damaged(dice) for _ in range(count)]
    items = [sources.Item(str(i), content, 0) for i, content in enumerate([*data, *[PNG] * count])]
    source = sources.Source("fuzz", items, len(items))
    prepared = prepare.decode_all(source, ImageSpec(16, 16, 3), 4, folder)
    skipped = [int(line.split(":")[0]) for line in prepared.unreadable]
    assert len(prepared.images) + len(skipped) == len(items) and max(skipped, default=0) < count
    assert (prepared.images[-count:] == PIXELS).all(), "another image was changed"


def try_layout(dice: random.Random, folder: Path) -> None:
    """A tree of folders: every image is found once, and has the class and the split of its folders."""
    (folder / "whole.png").write_bytes(PNG)
    data = folder / "tree"
    data.mkdir()
    images, others = make_tree(dice, data, 3)
    images += add_links(dice, data)
    found = find_image_files(data, "")
    assert len(found.files) == images and all(Path(file).suffix.lower() in decode.EXTENSIONS for file in found.files)
    assert len(found.others) == others
    read = {}
    conditional = dice.choice((None, True))
    for split in ("all", "train", "test"):
        try:
            dataset = load(data, split=split, conditional=conditional)
        except UserError as error:
            assert str(error).endswith(".") and "\n" not in str(error)
            continue
        read[split] = len(dataset.images)
        if dataset.class_names:
            assert dataset.labels.min() >= 0 and dataset.labels.max() < len(dataset.class_names)
    if len(read) == 3 and read["train"] != read["all"]:
        assert read["train"] + read["test"] == read["all"]


def main(inputs: int, seed: int) -> None:
    """Run the soak; AssertionError where something was lost, with the seed that shows it."""
    warnings.simplefilter("ignore")
    logging.disable()  # Pillow's
    for kind in ("names", "damaged", "layouts"):
        started = time.monotonic()
        step = 1 if kind == "layouts" else BATCH
        for number in range(seed, seed + inputs, step):
            dice = random.Random(f"{kind} {number}")
            with tempfile.TemporaryDirectory() as folder:
                try:
                    if kind == "names":
                        try_names(dice, Path(folder), BATCH)
                    elif kind == "layouts":
                        try_layout(dice, Path(folder))
                    else:
                        try_damaged(dice, Path(folder), BATCH)
                except Exception as error:
                    raise AssertionError(f"{kind} with the seed {number}") from error
        print(f"{kind}: {inputs:,} inputs in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    main(arguments.inputs, arguments.seed)
