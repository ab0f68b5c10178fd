"""The data set as the networks use it: images in one uint8 array, their labels, and the order of the batches."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dcgan_tf.data import idx, image_folder, tfds
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.data.prepare import prepare, say_summary
from dcgan_tf.data.sources import Source
from dcgan_tf.settings.config import Asked
from dcgan_tf.settings.options import PRESETS
from dcgan_tf.settings.resolve import DATA_SETS
from dcgan_tf.settings.values import check_stages
from dcgan_tf.system.cache import release
from dcgan_tf.system.errors import UserError, counted, did_you_mean
from dcgan_tf.system.messages import report, say

PREFETCH = 4  # batches that are loaded ahead
ImagesAndLabels = tuple[np.ndarray, np.ndarray]  # of a batch: uint8 [B, H, W, C], int32 [B]
T = TypeVar("T")


@dataclass(frozen=True)
class Dataset:
    """Images in the size of the networks, and their labels."""

    images: np.ndarray  # uint8 [N, H, W, C], in memory or a np.memmap
    labels: np.ndarray  # int32 [N]; all 0 if the data set has no classes
    class_names: tuple[str, ...]  # empty if the networks get no labels
    spec: ImageSpec  # H, W and C, and how the images were prepared
    location: str  # where they were read from, for messages
    shuffle_each_epoch: bool  # False: use the images in the order in which they are stored (idx files)
    has_test: bool = False  # whether there are a train and a test split
    label_names: tuple[str, ...] = ()  # the names of the labels, also if the networks get none
    # int32 [N, 2], (height, width) before cropping and resizing
    sizes: np.ndarray = field(default_factory=lambda: np.ones((1, 2), np.int32))
    missed: int = 0  # files that may be images and are not read, or cannot be

    @property
    def decides(self) -> dict[str, Any]:
        """What it decides of the settings of a run: sizes and classes, and the default of stages."""
        decided = {
            "output_height": self.spec.height,
            "output_width": self.spec.width,
            "c_dim": self.spec.channels,
            "conditional": bool(self.class_names),
            "class_names": self.class_names,
            "stages": "original",
        }
        if self.class_names and self.shuffle_each_epoch:  # not like MNIST
            decided["stages"] = "auto"
        if self.spec.crop:
            decided["input_height"], decided["input_width"] = self.spec.crop
        return decided

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """Return the indices [N] of the images in that epoch (0, 1, ...), a pure function of (seed, epoch).

        Those of idx files keep their order, as in the original; others are shuffled anew in each epoch.
        """
        if not self.shuffle_each_epoch:
            return np.arange(len(self.images))
        return np.random.default_rng((seed, epoch)).permutation(len(self.images))

    def equal_neighbours(self) -> float:
        """Return the share of pixels that equal the next one in their row, of about 64 images.

        Whole rows and columns of one colour, such as those of a border, do not count.
        """
        some = self.images[:: len(self.images) // 64 + 1]
        rows = np.ptp(some, axis=2).any(-1)  # [N, H]
        columns = np.ptp(some, axis=1).any(-1)  # [N, W]
        counts = rows[:, :, None] & columns[:, None, 1:]
        if not counts.any():  # plain colours or stripes
            return 1.0
        equal = (np.diff(some, axis=2) == 0).all(-1)  # [N, H, W - 1]
        return float(equal[counts].mean())

    def copies(self) -> int:
        """Return how many images are equal to others, of the first GB: only their digests stay in memory."""
        some = self.images[: 10**9 // self.images[0].nbytes + 1]
        distinct = {hash(image.tobytes()) for image in some}
        release(self.images)
        return len(some) - len(distinct)

    def batches(
        self, batch_size: int, per_epoch: int, *, seed: int, mirror: bool = False, start: int = 0
    ) -> Iterator[ImagesAndLabels]:
        """Yield batches without end. A thread loads the next ones while the caller uses one.

        Args:
          per_epoch: batches in an epoch, at most N // batch_size; the other images of the epoch are left out.
          seed: of the order, and of what is mirrored.
          mirror: whether to mirror half of the images.
          start: how many batches to skip; 0 for a new run.
        Yields: (images [B, H, W, C], labels [B]).
        """

        def load() -> Iterator[ImagesAndLabels]:
            epoch, position = divmod(start, per_epoch)
            while True:
                order = self.order(seed, epoch)[: per_epoch * batch_size]
                random = np.random.default_rng((seed, epoch, 1))
                mirrored = (random.random(len(self.images)) < 0.5) & mirror
                for indices in order.reshape(per_epoch, batch_size)[position:]:
                    images = self.images[indices]
                    chosen = mirrored[indices]
                    images[chosen] = images[chosen, :, ::-1]
                    yield images, self.labels[indices]
                    release(self.images)
                epoch += 1
                position = 0

        return in_thread(load(), PREFETCH)


def in_thread(values: Iterator[T], ahead: int) -> Iterator[T]:
    """Yield the values, none of which is None. A thread computes the next ones while the caller uses one.

    Args:
      ahead: how many values are computed before the caller asks for them, and wait in memory.
    """
    thread = ThreadPoolExecutor(1)
    try:
        pending = deque(thread.submit(next, values, None) for _ in range(ahead))
        while (value := pending.popleft().result()) is not None:
            pending.append(thread.submit(next, values, None))
            yield value
    finally:  # it does not wait: garbage collection can end this generator in that very thread
        thread.shutdown(wait=False, cancel_futures=True)


FINDERS = (  # each takes data_dir/dataset; the first one that returns a source wins
    image_folder.find,  # image files in the folder
    idx.find,  # idx files in the folder; those of `mnist` are fetched if they are missing
    tfds.find,  # what tensorflow-datasets has prepared, or can fetch
)


def find(config: Asked) -> Source:
    """Return the source of --dataset: what the first of FINDERS that knows it has found.

    Raises: UserError if none knows it, it cannot be read, or --hold_out is given and nothing can be held out.
    """
    folder = Path(config.data_dir, config.dataset).absolute()
    if folder.is_file():
        raise UserError(f"The data set {folder} is a file, not a folder; unpack it into a folder first.")
    for finder in FINDERS:
        source = finder(folder, config)
        if source and config.hold_out and not source.held_out:
            raise UserError(
                f"--hold_out is for a folder of images without a test part, but {source.location} has one or is of"
                " another kind; leave --hold_out out, and give --split train if there is a test part."
            )
        if source:
            return source
    hint = ""
    if folder.is_dir():
        left_out = image_folder.find_image_files(folder, config.input_fname_pattern).left_out()
        for inside in sorted(folder.glob("[!.]*"), reverse=True):
            if idx.parts(inside, ""):
                left_out = f"idx files in a sub-folder: give --dataset {config.dataset}/{inside.name}"
        found = f"{folder} has only {left_out or 'what is not read'}"
    else:
        places = dict.fromkeys(map(str, (Path(config.dataset).absolute(), folder)))
        found = f"there is nothing at {' or '.join(places)}"
        beside = [path.name for path in folder.parent.glob("*") if path.is_dir()]
        hint = did_you_mean(folder.name, [*beside, *DATA_SETS])
    raise UserError(
        f"There is no data set {config.dataset!r}{hint}: it must be a folder of images or idx files (which fit"
        " --input_fname_pattern, if it is given), or a name that tensorflow-datasets knows, but"
        f" {found}; put images there, or give another --dataset and --data_dir."
    )


def read_dataset(config: Asked, split: str | None = None) -> Dataset:
    """Read the data set, and say what it has.

    Args:
      split: all, train or test, in place of that in the settings.
    Raises: UserError if there is no such data set, it cannot be read, or it does not fit the settings.
    """
    if split:
        config = dataclasses.replace(config, split=split)
    source = find(config)
    if config.split != "all" and not (split or source.has_test):
        report("Hint", f"{source.location} has no train and test part, so --split {config.split} has no effect.")
    class_names = _class_names(config, source)
    spec = ImageSpec.of(config, source.shape)
    if config.stages not in ("", "auto"):  # not all sizes go with all networks: say so before minutes of decoding
        check_stages(config.stages, spec.height, spec.width, bool(class_names))
    say(f"Reading {counted(source.count, 'image')} from {source.location}")
    prepared = prepare(source, spec, config)
    spec = dataclasses.replace(spec, channels=prepared.images.shape[3])
    say_summary(prepared, spec, class_names)
    return Dataset(
        prepared.images,
        prepared.labels,
        class_names,
        spec,
        source.location,
        shuffle_each_epoch=source.arrays is None,
        has_test=source.has_test,
        label_names=source.class_names,
        sizes=prepared.sizes,
        missed=source.missed + len(prepared.unreadable),
    )


def _class_names(config: Asked, source: Source) -> tuple[str, ...]:
    """Return the classes to train with, none for an unconditional run. Raises UserError."""
    names = source.class_names
    if not config.conditional and (config.conditional is False or source.arrays is None):
        names = ()
    if config.conditional and not names:
        raise UserError(
            "A training with labels needs a class for every image: a sub-folder for each class, or the labels of idx"
            f" files or of tensorflow-datasets, but of those in {source.location},"
            f" {source.unlabelled}; move or remove them, give a folder of classes only as"
            " --dataset, or leave out --conditional, and a run with classes that the training begins with."
        )
    if config.class_names and config.class_names != names:
        raise UserError(
            f"The run was trained on the classes {', '.join(config.class_names)}, but {source.location} has"
            f" {', '.join(names) or 'none'}; give the same data set, or train a new run."
        )
    return names


def check_trainable(dataset: Dataset, batch_size: int, train_size: float) -> None:
    """Raise UserError if a training cannot use the data set.

    Args:
      train_size: the most images of an epoch.
    """
    if dataset.class_names and dataset.labels.min() < 0:
        raise UserError(
            f"Some images in {dataset.location} have no label; give --split train, or leave --conditional out."
        )
    count = int(min(len(dataset.images), train_size))
    if count < batch_size:
        smaller = "a smaller --batch_size"
        if count >= PRESETS["small"]["batch_size"]:
            smaller += " (--preset auto has 16)"
        raise UserError(
            f"A batch of {batch_size} needs more than the {count} images of the data set or of --train_size; give"
            f" {smaller}, or more images."
        )
