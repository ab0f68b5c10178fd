"""Read folders, names and images that nobody would write by hand: python tests/soak_folders.py --inputs 10000

Nothing may be raised but a UserError, whole images must be read whatever metadata they have, and nothing may be lost:
images that are read, images that are named as unreadable and files that are counted as left out are all that was there.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402
from fuzz_folders import add_links, make_tree, name, write  # noqa: E402
from fuzz_metadata import KINDS, PIXELS, PNG, damaged  # noqa: E402

from dcgan_tf.data import formats, prepare, sources  # noqa: E402
from dcgan_tf.data.dataset import Dataset, read_dataset  # noqa: E402
from dcgan_tf.data.decode import ImageSpec  # noqa: E402
from dcgan_tf.data.image_folder import find_image_files  # noqa: E402
from dcgan_tf.runs.run import Runs  # noqa: E402
from dcgan_tf.settings.config import Asked, Config  # noqa: E402
from dcgan_tf.system.errors import UserError  # noqa: E402

BATCH = 250


def load(folder: Path, **settings: object) -> Dataset:
    return read_dataset(Asked(dataset=str(folder), output_height=16, cache=False, **settings))


def try_names(dice: random.Random, folder: Path, count: int) -> None:
    """Files and folders of any name: all are read, held out or not, as classes, and by a pattern; a run is named."""
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
    runs = Runs(str(folder / "out"))
    run = runs.create(Config(dataset=str(data)))
    assert run.config().dataset == str(data) and runs.all() == [run]


def try_images(dice: random.Random, count: int, kind: str) -> int:
    """Images in memory, among whole ones. Returns how many were read; those with whole metadata must be."""
    make = KINDS.get(kind, damaged)
    data = [make(dice) for _ in range(count)]
    items = [sources.Item(str(i), content, 0) for i, content in enumerate([*data, *[PNG] * count])]
    source = sources.Source("fuzz", items, len(items))
    prepared = prepare.decode_all(source, ImageSpec(16, 16, 3), 4, Path(tempfile.gettempdir()))
    skipped = {int(line.split(":")[0]): line for line in prepared.unreadable}
    assert len(prepared.images) + len(skipped) == len(items) and max(skipped, default=0) < count
    assert (prepared.images[-count:] == PIXELS).all(), "another image was changed"
    if kind in KINDS:
        assert not skipped, f"{kind}: {next(iter(skipped.values()))}"
        assert np.abs(prepared.images.astype(int) - PIXELS).max() <= {"JPEG": 12}.get(kind, 0), f"{kind}: other pixels"
    return count - len(skipped)


def try_layout(dice: random.Random, folder: Path) -> None:
    """A tree of folders: every image is found once, and has the class and the split of its folders."""
    data = folder / "tree"
    data.mkdir()
    images, others = make_tree(dice, data, 3)
    images += add_links(dice, data)
    found = find_image_files(data, "")
    assert len(found.files) == images and all(Path(file).suffix.lower() in formats.EXTENSIONS for file in found.files)
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
    scratch = Path(tempfile.mkdtemp())
    try:
        for kind in ("names", *KINDS, "damaged", "layouts"):
            started = time.monotonic()
            read = 0
            step = 1 if kind == "layouts" else BATCH
            for number in range(seed, seed + inputs, step):
                dice = random.Random(f"{kind} {number}")
                folder = scratch / "folder"
                folder.mkdir()
                try:
                    if kind == "names":
                        try_names(dice, folder, BATCH)
                    elif kind == "layouts":
                        (folder / "whole.png").write_bytes(PNG)
                        try_layout(dice, folder)
                    else:
                        read += try_images(dice, BATCH, kind)
                except Exception as error:
                    raise AssertionError(f"{kind} with the seed {number}") from error
                finally:
                    shutil.rmtree(folder)
            images = f", {read:,} images read" if read else ""
            print(f"{kind}: {inputs:,} inputs in {time.monotonic() - started:.0f} s{images}", flush=True)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    main(arguments.inputs, arguments.seed)
