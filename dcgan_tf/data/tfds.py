"""Data sets of tensorflow-datasets: let it fetch them, and read what it has prepared."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from absl import logging

from dcgan_tf.download.fetch import probe
from dcgan_tf.system import messages
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.messages import say

ALIASES = {"celebA": "celeb_a", "lsun": "lsun/bedroom"}  # the original's names -> those of tensorflow-datasets
VERSION = re.compile(r"\d+\.\d+\.\d+")  # the name of the folder; 1.0.0.bak is a copy


def name_of(dataset: str) -> str:
    """Return the name that tensorflow-datasets has for the data set."""
    return ALIASES.get(dataset, dataset)


def _import_tfds() -> ModuleType:
    """Import it late, because that is slow, and as a program without its warnings."""
    import tensorflow_datasets

    if messages.is_program():
        logging.set_verbosity(logging.ERROR)
    return tensorflow_datasets


def fetch(name: str, data_dir: str) -> Path | None:
    """Let tensorflow-datasets download and prepare a data set in data_dir.

    Returns: the folder of the prepared data set, or None if tensorflow-datasets does not know the name.
    Raises: UserError if it cannot be fetched.
    """
    tfds = _import_tfds()
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except ValueError:  # also the base class of its DatasetNotFoundError
        return None
    say(f"{name} is not in {Path(data_dir).absolute()}; trying tensorflow-datasets ...")
    try:
        if name.startswith("lsun/") and not importlib.util.find_spec("tensorflow_io"):
            raise ImportError("this data set needs the package tensorflow-io")
        for url in list(builder.url_infos)[:1]:
            with contextlib.suppress(urllib.error.HTTPError):  # it answers, even if it refuses HEAD requests
                probe(url)
        builder.download_and_prepare()
    except Exception as error:  # each data set has its own script, which can fail in its own way
        fix = "fix that, or try again later"
        for dataset, alias in ALIASES.items():
            if name == alias:
                fix = f"fetch it with python -m dcgan_tf.download {dataset}"
        raise UserError(
            f"The data set {name} is not in {Path(data_dir).absolute()}, and tensorflow-datasets cannot fetch it"
            f" ({reason(error)}); {fix}, or put a folder of images there."
        ) from error
    return Path(builder.data_dir)


def is_left(path: Path, folder: Path) -> bool:
    """Return whether a path in the folder is hidden, or was left by a preparation that was killed."""
    return any(name.startswith((".", "incomplete.")) for name in path.relative_to(folder).parts)


def newest(folder: Path) -> Path | None:
    """Return the folder of the newest prepared version in the folder, or None if it has none.

    Raises: UserError if versions of several data sets are in the folder.
    """
    versions = set()
    for file in folder.rglob("dataset_info.json"):
        path = file.parent
        if path == folder or (VERSION.fullmatch(path.name) and not is_left(path, folder)):
            versions.add(path)
    datasets = sorted({path.parent for path in versions if path != folder})
    if len(datasets) > 1:
        raise UserError(
            f"tensorflow-datasets has prepared several data sets in {folder.absolute()}; add to --dataset which one:"
            f" {', '.join(str(path.relative_to(folder)) for path in datasets)}."
        )
    return max(versions, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)], default=None)


class PreparedDataset:
    """A prepared data set: its encoded images and their classes."""

    def __init__(self, folder: Path, split: str) -> None:
        """Open the split all, train or test in the folder of one version.

        Raises: UserError if the data set is damaged or has no images.
        """
        tfds = _import_tfds()
        self.folder = folder.absolute()
        try:
            self.builder = tfds.builder_from_directory(str(folder))
        except Exception as error:  # a damaged description makes several parsers fail, each with its own exception
            raise self._damaged(error) from error
        features = self.builder.info.features
        splits = self.builder.info.splits
        self.image = next((key for key, f in features.items() if isinstance(f, tfds.features.Image)), None)
        self.label = next((key for key, f in features.items() if isinstance(f, tfds.features.ClassLabel)), None)
        if self.image is None:
            raise UserError(f"The data set in {self.folder} has no images; give another --dataset.")
        self.class_names: tuple[str, ...] = ()
        if self.label:
            self.class_names = tuple(features[self.label].names)
        self.test_split = next((s for s in ("test", "validation") if s in splits and "train" in splits), None)
        chosen = list(splits)
        if self.test_split and split != "all":
            chosen = [{"train": "train", "test": self.test_split}[split]]
        self.splits = sorted((s for s in splits if s in chosen), key=lambda s: (s != "train", s))
        self.count = sum(splits[s].num_examples for s in self.splits)
        self.files = [self.folder / "features.json", *(path for s in self.splits for path in splits[s].filepaths)]

    def examples(self) -> Iterator[tuple[str, bytes, int]]:
        """Yield (name for messages, encoded image, label), always in the same order: the split train, then the others.

        Raises: UserError if the data set is damaged.
        """
        import tensorflow as tf

        tfds = _import_tfds()
        used = {key: True for key in (self.image, self.label) if key}
        encoded = tfds.decode.PartialDecoding(used, decoders={self.image: tfds.decode.SkipDecoding()})
        try:
            for split in self.splits:
                for number, example in enumerate(tfds.as_numpy(self.builder.as_dataset(split, decoders=encoded))):
                    label = 0
                    if self.label:
                        label = int(example[self.label])
                    yield f"{split} {number}", example[self.image], label
        except tf.errors.OpError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> UserError:
        return UserError(f"The data set in {self.folder} is damaged ({reason(error)}); remove it and prepare it again.")
