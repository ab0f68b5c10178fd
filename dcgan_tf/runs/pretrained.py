"""Trained runs that come with the package, or that python -m dcgan_tf.download pretrained NAME fetched."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, reason

if TYPE_CHECKING:
    import keras

# One folder for each: generator.npz with float16 weights, maybe discriminator.npz, FLAGS.json, metrics.json, and
# about.json with the digests of the weights, the command that trained them, and the licence of the data.
FOLDER = Path(__file__).parent.parent / "pretrained"


def fetched_folder() -> Path:
    """Return the folder of the runs that were fetched."""
    return Path(Config.cache_dir).expanduser() / "pretrained"


def find(runs: Runs, name: str) -> Run:
    """Return the pretrained run of that data set; one that was fetched comes before one of the package.

    Its samples go to the folders of `runs`. Raises UserError.
    """
    folders = {
        file.parent.name: file.parent for where in (FOLDER, fetched_folder()) for file in where.glob("*/about.json")
    }
    if name not in folders:
        raise UserError(f"There is no pretrained run of the data set {name!r}; there are {', '.join(sorted(folders))}.")
    return dataclasses.replace(runs.named(f"pretrained-{name}"), pretrained=folders[name])


def read_about(folder: Path) -> dict[str, Any]:
    """Return about.json: iteration, command, data, licence, and sha256, the digests of the files of weights.

    Raises UserError if it is damaged.
    """
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        return {"iteration": about["iteration"], "sha256": dict(about["sha256"])} | about
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder / "about.json", error) from error


def has_discriminator(folder: Path) -> bool:
    """Return whether the pretrained run has the discriminator, too."""
    return "discriminator.npz" in read_about(folder)["sha256"]


def check_has_discriminator(run: Run) -> None:
    """Raise UserError if it is a pretrained run without a discriminator."""
    if run.pretrained and not has_discriminator(run.pretrained):
        raise UserError(
            f"The pretrained run {run.name} has only the generator, but this needs the discriminator, too; use a run"
            " that you trained."
        )


def assign(run: Run, *networks: keras.Model) -> str:
    """Load the weights of a pretrained run into its networks. Returns the path of its folder.

    Raises UserError if a file is damaged, or the run has no discriminator.
    """
    import numpy as np

    digests = read_about(run.pretrained)["sha256"]
    for network in networks:
        if network.name == "discriminator":
            check_has_discriminator(run)
        path = run.pretrained / f"{network.name}.npz"
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != digests[path.name]:
                raise ValueError("its digest is wrong")
            with np.load(io.BytesIO(content)) as arrays:
                for variable in network.variables:
                    variable.assign(arrays[variable.path].astype(np.float32))
        except (OSError, ValueError, KeyError) as error:
            raise damaged(path, error) from error
    return str(run.pretrained)


def damaged(path: Path, error: Exception) -> UserError:
    """Return the error for a file of a pretrained run that cannot be used."""
    in_package = path.parent.parent == FOLDER
    advice = "install dcgan_tf again" if in_package else f"remove {path.parent} and fetch it again"
    return UserError(f"The pretrained file {path} is damaged ({reason(error)}); {advice}.")
