"""python tools/pack_pretrained.py RUN NAME COMMAND DATA LICENCE: add a run to those that come with the package."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_tf.download.fetch import file_digest
from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.runs.weights import PRETRAINED, of_run
from dcgan_tf.settings.config import FLAGS_JSON, MACHINE, Config, settings_of
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import replaced_content
from dcgan_tf.system.messages import say
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import start_tensorflow

MAX_BYTES = 8_000_000  # of a network


def add(run: Run, name: str, about: dict[str, str], *, discriminator: bool = False) -> Path:
    """Add a run's generator (its EMA if there is one) to the package. Returns its folder.

    Args:
      name: of the data set; or the path of another folder to write to, for a hub.
      about: command, data and licence.
      discriminator: whether to add the discriminator, too, so that a training can begin with both.
    Raises: UserError if the run cannot be read or was not evaluated, or a network is larger than MAX_BYTES.
    """
    weights = of_run(run)
    networks = [weights.generator()]
    if discriminator:
        networks.append(weights.discriminator())
    metrics = read_metrics(run)
    target = PRETRAINED / name
    if Path(name).name != name:
        target = Path(name).absolute()
    (target / "discriminator.npz").unlink(missing_ok=True)  # of an earlier one
    with replaced_content(target) as folder:
        digests = {}
        for network in networks:
            file = folder / f"{network.name}.npz"
            np.savez_compressed(file, **{v.path: v.numpy().astype(np.float16) for v in network.variables})
            size = file.stat().st_size
            if size > MAX_BYTES:
                raise UserError(
                    f"The {network.name} of {run.name} has {size:,} bytes as float16, but in the package it may have at"
                    f" most {MAX_BYTES:,}; leave it out, or train a narrower one."
                )
            digests[file.name] = file_digest(file, "sha256")
        facts = {"sha256": digests, "iteration": str(weights.origin().iteration), **about}
        defaults = {setting: getattr(Config, setting) for setting in settings_of(MACHINE)}
        saved = dataclasses.replace(weights.config, dataset=target.name, **defaults)  # of another machine
        texts = {
            "about.json": json.dumps(facts, indent=1),
            "metrics.json": metrics,
            FLAGS_JSON: saved.to_json(),
            "README.md": card(facts, saved, metrics),
        }
        for file_name, text in texts.items():
            (folder / file_name).write_text(text + "\n", encoding="utf-8")
    return target


def card(facts: dict[str, Any], config: Config, metrics: str) -> str:
    """Return a model card, as hubs expect it, filled with what is known of the run."""
    template = (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8")
    size = "x".join(map(str, config.image_shape))
    return template.format(name=config.dataset, size=size, classes=config.y_dim, metrics=metrics, **facts)


def read_metrics(run: Run) -> str:
    """Return the run's metrics.json without the path of its checkpoint. Raises UserError."""
    file = run.folder / "metrics.json"
    if not file.exists():
        raise UserError(f"The run {run.name} has no {file}; measure it with --evaluate first.")
    metrics = json.loads(file.read_text(encoding="utf-8"))
    metrics.pop("checkpoint", None)
    return json.dumps(metrics, indent=1)


def main(argv: list[str]) -> None:
    """Add the run that the command line names. Raises UserError."""
    parser = argparse.ArgumentParser(description="Add a run to those that come with the package.")
    parser.add_argument("run", type=Path, help="the run's folder, checkpoints/<run>")
    parser.add_argument("name", help="of the data set, for --dataset NAME --pretrained; or a path to write to")
    parser.add_argument("command", help="that trained it")
    parser.add_argument("data", help="what the data are and who made them")
    parser.add_argument("licence", help="of the data")
    parser.add_argument("--discriminator", action="store_true", help="also the discriminator, for --train --pretrained")
    arguments = parser.parse_args(argv)
    start_tensorflow()
    folder = arguments.run.absolute()
    run = Runs(str(folder.parents[1]), folder.parent.name).named(folder.name)
    about = {key: getattr(arguments, key) for key in ("command", "data", "licence")}
    say(f"Wrote {add(run, arguments.name, about, discriminator=arguments.discriminator)}")


if __name__ == "__main__":
    run_program(lambda: main(sys.argv[1:]))
