"""Data sets of tensorflow-datasets: let it fetch them, and read what it has prepared."""

from __future__ import annotations

import contextlib
import functools
import re
import unittest.mock
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from absl import logging

from dcgan_tf.data.sources import Item, Source, choose
from dcgan_tf.download.fetch import TIMEOUT
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.messages import OWN_PROCESS, say

VERSION = re.compile(r"\d+\.\d+\.\d+")  # the name of the folder; 1.0.0.bak is a copy


def find(folder: Path, config: Asked) -> Source | None:
    """Find what tensorflow-datasets has prepared in the folder.

    If there is nothing, not even what cannot be used, let it fetch the data set into data_dir. incomplete.*, which it
    leaves when it is killed, does not count.

    Returns: None if it does not know the name, or what is in the folder is not its own.
    Raises: UserError if the data set cannot be fetched, is damaged, or has no images.
    """
    version = _newest(folder)
    present = [path for path in folder.glob("[!.]*") if not path.name.startswith("incomplete.")]
    if not version and not present:
        version = _fetch(config.dataset, config.data_dir)
    if not version:
        return None
    return _read(version.absolute(), config.split)


def _import_tfds() -> ModuleType:
    """Import it late, because that is slow, and as a program without its warnings."""
    import tensorflow_datasets

    if OWN_PROCESS.is_set():
        logging.set_verbosity(logging.ERROR)
    return tensorflow_datasets


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Let requests, with which it downloads, wait TIMEOUT seconds for data, and not forever."""
    import requests

    request = functools.partialmethod(requests.Session.request, timeout=TIMEOUT)
    with unittest.mock.patch.object(requests.Session, "request", request):
        yield


def _newest(folder: Path) -> Path | None:
    """Return the folder of the newest prepared version in the folder, which can be it itself, or None if it has none.

    Raises: UserError if versions of several data sets are in the folder.
    """
    found = [file.parent for file in folder.rglob("dataset_info.json")]
    versions = [path for path in found if path == folder or VERSION.fullmatch(path.name)]
    datasets = {path.parent for path in versions}
    if len(datasets) > 1:
        raise UserError(
            f"tensorflow-datasets has prepared several data sets in {folder.absolute()}; add to --dataset which one:"
            f" {', '.join(sorted(str(path.relative_to(folder)) for path in datasets))}."
        )
    return max(versions, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)], default=None)


def _fetch(name: str, data_dir: str) -> Path | None:
    """Let tensorflow-datasets download and prepare a data set in data_dir.

    Returns: the folder of the prepared data set, or None if tensorflow-datasets does not know the name.
    Raises: UserError if it cannot be fetched.
    """
    place = Path(data_dir).absolute()
    if name == "celebA":  # tensorflow-datasets has another name for it, and seldom gets it
        raise UserError(
            f"The data set celebA is not in {place}; fetch it with python -m dcgan_tf.download celebA, or give another"
            " --dataset."
        )
    tfds = _import_tfds()
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except ValueError:  # also the base class of its DatasetNotFoundError
        return None
    say(f"{name} is not in {place}; trying tensorflow-datasets ...")
    try:
        hosts = {urllib.parse.urlsplit(url).netloc: url for url in builder.url_infos}
        for url in hosts.values():  # fails after seconds; its own retries take minutes
            with contextlib.suppress(urllib.error.HTTPError):  # the host answers
                urllib.request.urlopen(url, timeout=TIMEOUT).close()
        with _time_limit():
            builder.download_and_prepare()
    except Exception as error:  # each data set has its own script, which can fail in its own way
        raise UserError(
            f"The data set {name} is not in {place}, and tensorflow-datasets cannot fetch it"
            f" ({reason(error)}); fix that, or try again later, or put a folder of images there."
        ) from error
    return Path(builder.data_dir)


def _read(folder: Path, split: str) -> Source:
    """Return the images of a split in the folder of one version, in a fixed order: the split train, then the others."""
    import tensorflow as tf

    tfds = _import_tfds()

    def damaged(error: Exception) -> UserError:
        return UserError(f"The data set in {folder} is damaged ({reason(error)}); remove it and prepare it again.")

    try:
        builder = tfds.builder_from_directory(str(folder))
    except Exception as error:  # a damaged description makes several parsers fail, each with its own exception
        raise damaged(error) from error
    features = builder.info.features

    def first(kind: type) -> str | None:
        return next((key for key, feature in features.items() if isinstance(feature, kind)), None)

    image = first(tfds.features.Image)
    label = first(tfds.features.ClassLabel)
    if image is None:
        raise UserError(f"The data set in {folder} has no images; give another --dataset.")
    splits = builder.info.splits
    parts = {name: name for name in sorted(splits, key=lambda name: (name != "train", name))}
    if "validation" in parts and "test" not in parts:
        parts["validation"] = "test"
    chosen, has_test = choose(parts, split)
    used = {key: True for key in (image, label) if key}
    decoders = tfds.decode.PartialDecoding(used, decoders={image: tfds.decode.SkipDecoding()})

    def items() -> Iterator[Item]:
        try:
            for name in chosen:
                for number, example in enumerate(tfds.as_numpy(builder.as_dataset(name, decoders=decoders))):
                    yield Item(f"{name} {number}", example[image], int(example.get(label, 0)))
        except tf.errors.OpError as error:
            raise damaged(error) from error

    return Source(
        location=str(folder),
        items=items(),
        count=sum(splits[name].num_examples for name in chosen),
        class_names=tuple(features[label].names) if label else (),
        has_test=has_test,
        files=[folder / "features.json", *(path for name in chosen for path in splits[name].filepaths)],
    )
