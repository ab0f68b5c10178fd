"""Trained generators that come with the package, and python -m dcgan_tf.pretrained RUN NAME, which adds one."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dcgan_tf.config import Config
from dcgan_tf.errors import UserError, reason
from dcgan_tf.files import atomic_folder
from dcgan_tf.runs import Run, Runs

if TYPE_CHECKING:
    import keras

# One folder for each: generator.npz with float16 weights, FLAGS.json, metrics.json, and about.json with the digest of
# the weights, the command that trained them, and the licence of the data.
FOLDER = Path(__file__).parent / "pretrained_runs"


def find(runs: Runs, name: str) -> Run:
    """Return the pretrained run of that data set. Its samples go to the folders of `runs`. Raises UserError."""
    names = sorted(path.parent.name for path in FOLDER.glob("*/about.json"))
    if name not in names:
        raise UserError(f"There is no pretrained run of the data set {name!r}; there are {', '.join(names)}.")
    return dataclasses.replace(runs.named(f"pretrained-{name}"), pretrained=FOLDER / name)


def read_about(folder: Path) -> dict[str, str]:
    """Return the about.json of a pretrained run: sha256, iteration, command, data, licence."""
    return json.loads((folder / "about.json").read_text(encoding="utf-8"))


def assign(folder: Path, generator: keras.Model) -> str:
    """Load the weights of a pretrained run. Returns the path of their file. Raises UserError if it is damaged."""
    import numpy as np

    path = folder / "generator.npz"
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != read_about(folder)["sha256"]:
            raise ValueError("its digest is wrong")
        with np.load(io.BytesIO(content)) as arrays:
            for variable in generator.variables:
                variable.assign(arrays[variable.path].astype(np.float32))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"The pretrained weights {path} are damaged ({reason(error)}); install dcgan_tf again."
        ) from error
    return str(path)


def add(run: Run, name: str, about: dict[str, str]) -> Path:
    """Add a run's generator (its EMA if there is one) to the package. Returns its folder. Raises UserError."""
    import numpy as np

    from dcgan_tf import checkpoint

    config = run.config()
    generator, path = checkpoint.load_generator(run, config)
    arrays = {variable.path: variable.numpy().astype(np.float16) for variable in generator.variables}
    with atomic_folder(FOLDER / name) as folder:
        np.savez_compressed(folder / "generator.npz", **arrays)
        digest = hashlib.sha256((folder / "generator.npz").read_bytes()).hexdigest()
        about = {"sha256": digest, "iteration": str(checkpoint.iteration_of(path)), **about}
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        saved = dataclasses.replace(config, dataset=name, data_dir=Config.data_dir)
        (folder / "FLAGS.json").write_text(saved.to_json() + "\n", encoding="utf-8")
        metrics = json.loads((run.checkpoints / "metrics.json").read_text(encoding="utf-8"))
        metrics.pop("checkpoint", None)  # a path on the machine that trained it
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return FOLDER / name


if __name__ == "__main__":
    run_folder, run_name, command, data, licence = sys.argv[1:]
    runs = Runs(str(Path(run_folder).absolute().parents[1]))
    about = {"command": command, "data": data, "licence": licence}
    print(add(runs.named(Path(run_folder).name), run_name, about))
