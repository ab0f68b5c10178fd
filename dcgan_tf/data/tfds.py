"""Data sets of tensorflow-datasets: have them prepared, read what is prepared."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from absl import logging

from dcgan_tf.errors import UserError, reason

ALIASES = {"celebA": "celeb_a", "lsun": "lsun/bedroom"}  # the original's data sets, as tensorflow-datasets calls them
TIMEOUT = 10  # seconds for the host's first answer


def fetch(name: str, data_dir: str) -> Path | None:
    """Let tensorflow-datasets prepare the data set in data_dir: its folder there, or None if it knows no such name.

    Raises UserError if it cannot.
    """
    import tensorflow_datasets

    logging.set_verbosity(logging.ERROR)
    try:
        builder = tensorflow_datasets.builder(name, data_dir=data_dir)
    except ValueError:  # DatasetNotFoundError is one, too
        return None
    print(f"{name} is not in {Path(data_dir).absolute()}; trying tensorflow-datasets ...", flush=True)
    try:
        if name.startswith("lsun/") and not importlib.util.find_spec("tensorflow_io"):
            raise ImportError("it needs the package tensorflow-io for this data set")
        for url in list(builder.url_infos)[:1]:  # its own retries take minutes, so ask the host first
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT).close()
        builder.download_and_prepare()
    except Exception as error:  # any of a hundred data sets' scripts can fail in its own way
        hint = {"celeb_a": "celebA", "lsun/bedroom": "lsun"}.get(name)
        mend = f"fetch it with python -m dcgan_tf.download {hint}" if hint else "mend that, or try again later"
        raise UserError(
            f"The data set {name} is not in {Path(data_dir).absolute()}, and tensorflow-datasets cannot fetch it"
            f" ({reason(error)}); {mend}, or put a folder of pictures there."
        ) from error
    return Path(builder.data_dir)


def newest(folder: Path) -> Path | None:
    """The folder of the newest version prepared in the folder. Raises UserError if several data sets are."""
    versions = {file.parent for file in folder.rglob("dataset_info.json")}
    sets = sorted({path.parent for path in versions if path != folder})
    if len(sets) > 1:
        raise UserError(
            f"tensorflow-datasets has prepared several data sets in {folder.absolute()}; add to --dataset which one:"
            f" {', '.join(str(path.relative_to(folder)) for path in sets)}."
        )
    return max(versions, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)], default=None)


class PreparedDataset:
    """A prepared data set: its pictures, encoded, and their classes."""

    def __init__(self, folder: Path, split: str):
        """Raises UserError if it has no pictures."""
        import tensorflow_datasets as tfds

        logging.set_verbosity(logging.ERROR)
        self.folder = folder.absolute()
        try:
            self.builder = tfds.builder_from_directory(str(folder))
        except Exception as error:  # a damaged description fails in its readers, each in its own way
            raise self._damaged(error) from error
        features, splits = self.builder.info.features, self.builder.info.splits
        self.image = next((key for key, f in features.items() if isinstance(f, tfds.features.Image)), None)
        self.label = next((key for key, f in features.items() if isinstance(f, tfds.features.ClassLabel)), None)
        if self.image is None:
            raise UserError(f"The data set in {self.folder} has no pictures; name another with --dataset.")
        self.class_names = tuple(features[self.label].names) if self.label else ()
        self.test = next((s for s in ("test", "validation") if s in splits and "train" in splits), None)
        wanted = {"all": splits, "train": ["train"], "test": [self.test]}[split]
        self.splits = sorted((s for s in splits if s in wanted), key=lambda s: (s != "train", s))
        self.count = sum(splits[s].num_examples for s in self.splits)

    def examples(self) -> Iterator[tuple[str, bytes, int]]:
        """(name for people, encoded picture, label), the split train first, always in the same order."""
        import tensorflow as tf
        import tensorflow_datasets as tfds

        wanted = {key: True for key in (self.image, self.label) if key}
        encoded = tfds.decode.PartialDecoding(wanted, decoders={self.image: tfds.decode.SkipDecoding()})
        try:
            for split in self.splits:
                for number, example in enumerate(tfds.as_numpy(self.builder.as_dataset(split, decoders=encoded))):
                    yield f"{split} {number}", example[self.image], int(example[self.label]) if self.label else 0
        except tf.errors.OpError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> UserError:
        return UserError(f"The data set in {self.folder} is damaged ({reason(error)}); remove it and prepare it again.")
