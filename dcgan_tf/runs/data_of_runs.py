"""Whether the images of two settings are the same, and what messages call them."""

from __future__ import annotations

import os

from dcgan_tf.settings.config import Config


def is_same_data(one: str, other: str, data_dir: str, other_data_dir: str) -> bool:
    """Return whether two data sets have the same name, spelled cats or cats/, or are the same folder."""
    if os.path.normpath(one) == os.path.normpath(other):
        return True
    return os.path.realpath(os.path.join(data_dir, one)) == os.path.realpath(os.path.join(other_data_dir, other))


def is_other_data(trained: Config, used: Config) -> bool:
    """Return whether settings stand for other images than those of a training.

    A data set of the same name in another folder has moved if its old folder is gone, or has the same files.
    """
    if trained.input_fname_pattern != used.input_fname_pattern:
        return True
    before, now = (os.path.realpath(os.path.join(config.data_dir, config.dataset)) for config in (trained, used))
    if before == now:
        return False
    if os.path.basename(before) != os.path.basename(now):
        return True
    files_before, files_now = _names_in(before), _names_in(now)
    return bool(files_before) and bool(files_now) and files_before != files_now


def _names_in(folder: str) -> set[str]:
    """Return the names in a folder; none if it is gone or cannot be read."""
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def images_of(config: Config) -> str:
    """Return a data set as messages name it, with its folder."""
    folder = os.path.join(config.data_dir, config.dataset)
    pattern = ""
    if config.input_fname_pattern:
        pattern = f" ({config.input_fname_pattern})"
    return f"the data set {config.dataset!r} in {os.path.abspath(folder)}{pattern}"
