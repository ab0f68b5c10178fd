"""A run: its name, its folders, its lock, and how later commands find it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import Config, settings_with
from dcgan_tf.settings.setting import Trait
from dcgan_tf.system.errors import UserError


@dataclass(frozen=True)
class Run:
    """The three folders of one run, as absolute paths."""

    checkpoints: Path
    samples: Path
    logs: Path
    original_checkpoint: str = ""  # a checkpoint of the original program that gives the weights
    best: bool = False  # whether to use the best checkpoint, not the newest
    iteration: int = 0  # use the checkpoint of this iteration; 0: the newest
    pretrained: Path | None = None  # the folder of a pretrained run that gives the generator
    raw: bool = False  # whether to use the generator's weights, not their average (EMA)

    @property
    def name(self) -> str:
        return self.checkpoints.name

    @property
    def checkpoint_dir(self) -> Path:
        """The folder of the checkpoints to read or write."""
        return self.checkpoints / "best" if self.best else self.checkpoints

    @property
    def flags_file(self) -> Path:
        return (self.pretrained or self.checkpoints) / "FLAGS.json"

    @property
    def has_begun(self) -> bool:
        """Whether a training has written to the run."""
        return any((self.checkpoints / name).exists() for name in ("FLAGS.json", "checkpoint"))

    def config(self) -> Config:
        """Return the settings that the run was trained with. Raises UserError if they are damaged."""
        return flags_json.read(self.flags_file)


@dataclass(frozen=True)
class Runs:
    """All runs below out_dir: <out_dir>/{checkpoint_dir, sample_dir, logs}/<run>/."""

    out_dir: str = "."
    checkpoint_dir: str = "checkpoints"
    sample_dir: str = "samples"

    def named(self, name: str) -> Run:
        root = Path(self.out_dir).absolute()
        return Run(root / self.checkpoint_dir / name, root / self.sample_dir / name, root / "logs" / name)

    def all(self) -> list[Run]:
        """Return every run that has settings, the newest (by its FLAGS.json) first."""
        runs = [self.named(file.parent.name) for file in self.named("").checkpoints.glob("*/FLAGS.json")]
        return sorted(runs, key=lambda run: (run.flags_file.stat().st_mtime_ns, run.name), reverse=True)

    def create(self, config: Config, name: str = "") -> Run:
        """Create a new run's folders and its FLAGS.json; a blank name becomes <data set>-<date>-<time>.

        Raises UserError if the name exists or a folder cannot be created.
        """
        base = name or f"{Path(config.dataset).name}-{time.strftime('%Y%m%d-%H%M%S')}"
        run, number = self.named(base), 1
        try:
            run.checkpoints.parent.mkdir(parents=True, exist_ok=True)
            while not _make_folder(run.checkpoints) and not name:
                number += 1
                run = self.named(f"{base}-{number}")
            if run.flags_file.exists():
                with training_lock(run):  # a run that is being trained gets the lock's error
                    raise UserError(
                        f"The run {name!r} exists already in {run.checkpoints.parent}; add --resume to continue it, or"
                        " choose another --out_name."
                    )
            run.samples.mkdir(parents=True, exist_ok=True)
            run.logs.mkdir(parents=True, exist_ok=True)
            flags_json.save(run.flags_file, config)
        except OSError as error:
            raise UserError(
                f"The run's folder {run.checkpoints} cannot be made ({error.strerror}); choose a writable folder with"
                " --out_dir."
            ) from error
        return run

    def find(self, dataset: str, name: str = "", given: dict[str, Any] | None = None) -> Run:
        """Return the run of that name, or the newest one that has a checkpoint, the data set and the architecture.

        Raises UserError, which lists all runs, if none matches.
        """
        runs = self.all()
        architecture = settings_with(Trait.ARCHITECTURE)
        required = {key: value for key, value in (given or {}).items() if key in architecture}
        for run in runs:
            if run.name == name or (not name and _matches(run, dataset, required)):
                return run
        conditions = [f"data set {dataset!r}", *(f"{key} {value}" for key, value in required.items())]
        description = f"named {name!r}" if name else "of " + ", ".join(conditions)
        existing = ", ".join(run.name for run in runs) if runs else "none"
        raise UserError(
            f"No trained run {description} in {self.named('').checkpoints}; train one with --train, or choose one of"
            f" the existing runs with --dataset, --out_name or --out_dir: {existing}."
        )


def _make_folder(folder: Path) -> bool:
    """Create the folder. Returns False if it exists, so that two runs that begin at once get different folders."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _matches(run: Run, dataset: str, required: dict[str, Any]) -> bool:
    try:
        config = run.config()
    except UserError as error:
        print(f"Skipped:     {error}")
        return False
    has_checkpoint = (run.checkpoints / "checkpoint").exists()
    return has_checkpoint and config.dataset == dataset and all(getattr(config, k) == v for k, v in required.items())


@contextlib.contextmanager
def training_lock(run: Run) -> Iterator[None]:
    """Lock the run for training; the lock ends with the process. Raises UserError, with the pid of its owner."""
    pid_file = run.checkpoints / ".pid"  # beside the lock file, which filelock empties
    try:
        with filelock.FileLock(run.checkpoints / ".lock", timeout=0):
            pid_file.write_text(f"{os.getpid()}\n")
            yield
    except filelock.Timeout as error:
        owner = pid_file.read_text().strip() if pid_file.exists() else "another process"
        raise UserError(
            f"The run {run.name} is being trained by process {owner}; wait for it, stop it, or choose another"
            " --out_name."
        ) from error
