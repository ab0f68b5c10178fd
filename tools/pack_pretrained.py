"""python -m dcgan_tf.pretrained: add a run to those that come with the package, or make an archive of it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_tf.download.fetch import file_digest
from dcgan_tf.runs import checkpoint, pretrained
from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import atomic_folder

MAX_BYTES = 8_000_000  # of a network in the package


def add(run: Run, name: str, about: dict[str, str], *, discriminator: bool = False) -> Path:
    """Add a run's generator (its EMA if there is one) to the package. Returns its folder.

    Args:
      about: command, data and licence.
      discriminator: whether to add the discriminator, too, so that a training can begin with both.
    Raises: UserError if the run cannot be read or was not evaluated, or a network is larger than MAX_BYTES.
    """
    folder = pretrained.FOLDER / name
    write(run, folder, about, discriminator=discriminator, most=MAX_BYTES)
    return folder


def write(run: Run, target: Path, about: dict[str, Any], *, discriminator: bool, most: float = np.inf) -> None:
    """Write the folder of a pretrained run, as `add` does; `most` is the largest size of a network, in bytes."""
    config = run.config()
    generator, path = checkpoint.load_generator(run, config)
    networks = [generator, checkpoint.load_discriminator(run, config)[0]] if discriminator else [generator]
    metrics = read_metrics(run)
    with atomic_folder(target) as folder:
        digests = {}
        for network in networks:
            file = folder / f"{network.name}.npz"
            np.savez_compressed(file, **{v.path: v.numpy().astype(np.float16) for v in network.variables})
            if file.stat().st_size > most:
                raise UserError(
                    f"The {network.name} of {run.name} has {file.stat().st_size:,} bytes as float16, but in the package"
                    f" it may have at most {most:,}; leave it out, train a narrower one, or make an archive with --zip."
                )
            digests[file.name] = file_digest(file, "sha256")
        about = {"sha256": digests, "iteration": str(checkpoint.iteration_of(path)), **about}
        saved = dataclasses.replace(config, dataset=target.name, data_dir=Config.data_dir)
        for name, text in (
            ("about", json.dumps(about, indent=1)),
            ("metrics", metrics),
            ("FLAGS", flags_json.to_json(saved)),
        ):
            (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def read_metrics(run: Run) -> str:
    """Return the run's metrics.json without the path of its checkpoint. Raises UserError."""
    file = run.checkpoints / "metrics.json"
    if not file.exists():
        raise UserError(f"The run {run.name} has no {file}; measure it with --evaluate first.")
    metrics = json.loads(file.read_text(encoding="utf-8"))
    metrics.pop("checkpoint", None)
    return json.dumps(metrics, indent=1)


def archive(run: Run, name: str, about: dict[str, str], file: Path, *, discriminator: bool = False) -> dict[str, Any]:
    """Write a pretrained run of any size as a ZIP file. Returns its entry in a registry, without the addresses."""
    with tempfile.TemporaryDirectory() as folder:
        write(run, Path(folder, name), about, discriminator=discriminator)
        shutil.make_archive(str(file.with_suffix("")), "zip", folder, name)
    return {"name": name, "size": file.stat().st_size, "digest": file_digest(file, "sha256"), "urls": []}


def main(argv: list[str]) -> None:
    """Add the run that the command line names, or make an archive of it. Raises UserError."""
    parser = argparse.ArgumentParser(prog="python -m dcgan_tf.pretrained", description=__doc__)
    parser.add_argument("run", type=Path, help="the run's folder, checkpoints/<run>")
    parser.add_argument("name", help="of the data set, for --dataset NAME --pretrained")
    parser.add_argument("command", help="that trained it")
    parser.add_argument("data", help="what the data are and who made them")
    parser.add_argument("licence", help="of the data")
    parser.add_argument("--discriminator", action="store_true", help="also the discriminator, for --train --pretrained")
    parser.add_argument("--zip", type=Path, metavar="FILE.zip", help="write this archive, of any size, for a registry")
    arguments = parser.parse_args(argv)
    run = Runs(str(arguments.run.absolute().parents[1]), arguments.run.absolute().parent.name).named(arguments.run.name)
    about = {key: getattr(arguments, key) for key in ("command", "data", "licence")}
    options = {"discriminator": arguments.discriminator}
    if arguments.zip:
        print(json.dumps(archive(run, arguments.name, about, arguments.zip.with_suffix(".zip"), **options), indent=1))
    else:
        print(f"Wrote {add(run, arguments.name, about, **options)}")
