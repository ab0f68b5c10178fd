"""A run: its name, its folders, and how later commands find it."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf.runs import lock
from dcgan_tf.runs.checkpoint_files import complete_checkpoints
from dcgan_tf.runs.data_of_runs import is_same_data
from dcgan_tf.settings import flags_json, values
from dcgan_tf.settings.config import ARCHITECTURE, Config, settings_with
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import check_folder
from dcgan_tf.system.messages import report

EVENT_FILES = "events.out.tfevents.*"  # TensorBoard's, in a logs_folder
OF_EVALUATION = ".v2.evaluation"  # how those of --evaluate end, which a run need not have been trained for


@dataclass(frozen=True)
class Run:
    """The three folders of one run, and the one that holds those of all runs, as absolute paths."""

    out_dir: Path
    folder: Path  # of its settings and checkpoints
    samples_folder: Path
    logs_folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def best_folder(self) -> Path:
        """The folder of the checkpoint that scored best."""
        return self.folder / "best"

    @property
    def flags_file(self) -> Path:
        return self.folder / flags_json.NAME

    @property
    def has_checkpoint(self) -> bool:
        return bool(complete_checkpoints(self.folder))

    @property
    def has_begun(self) -> bool:
        """Whether a training has written to the run."""
        return self.flags_file.exists() or self.has_checkpoint

    def config(self) -> Config:
        """Return the settings that the run was trained with. Raises UserError if they are damaged."""
        return flags_json.read(self.flags_file)

    @property
    def curves(self) -> list[Path]:
        """TensorBoard's files of its training."""
        return [file for file in self.logs_folder.glob(EVENT_FILES) if not file.name.endswith(OF_EVALUATION)]

    @property
    def reals(self) -> list[Path]:
        """The sheets of real images that a training begins with."""
        return [self.samples_folder / name for name in ("reals.png", "augmented.png")]

    def sheets(self, kind: str) -> list[Path]:
        """Return the sheets of its training, sorted. Args: kind: train or epoch, with which their names begin."""
        files = self.samples_folder.glob(f"{kind}_*.png")
        return sorted(file for file in files if re.fullmatch(rf"{kind}_\d+", file.stem))

    def discard(self) -> None:
        """Remove a new run whose training could not begin: what it wrote, and its folders if they are empty then."""
        settings = [self.flags_file, *lock.files(self.folder), self.folder / "checkpoint"]
        for file in (*settings, *self.folder.glob("model-0.*"), *self.curves, *self.reals):
            with contextlib.suppress(OSError):  # Windows keeps a file that is open
                file.unlink()
        for folder in (self.best_folder, self.folder, self.samples_folder, self.logs_folder):
            with contextlib.suppress(OSError):  # it is not there, or not empty
                folder.rmdir()


@dataclass(frozen=True)
class Runs:
    """All runs below out_dir: <out_dir>/{checkpoint_dir, sample_dir, logs}/<run>/."""

    out_dir: str = "."
    checkpoint_dir: str = "checkpoints"
    sample_dir: str = "samples"

    @property
    def root(self) -> Path:
        return Path(self.out_dir).absolute()

    @property
    def folder(self) -> Path:
        """The folder that holds the folders of all runs."""
        return self.root / self.checkpoint_dir

    def named(self, name: str) -> Run:
        """Return the run of that name, which need not exist. Raises UserError if the name is a path."""
        values.plain_name("out_name", name)
        return Run(self.root, self.folder / name, self.root / self.sample_dir / name, self.root / "logs" / name)

    def all(self) -> list[Run]:
        """Return every run that has settings, the newest (by its FLAGS.json) first."""
        runs = [self.named(file.parent.name) for file in self.folder.glob(f"*/{flags_json.NAME}")]
        return sorted(runs, key=lambda run: (run.flags_file.stat().st_mtime_ns, run.name), reverse=True)

    def create(self, config: Config, name: str = "") -> Run:
        """Create a new run's folders and its FLAGS.json; a blank name becomes <data set>-<date>-<time>.

        Raises: UserError if the name exists or a folder cannot be created.
        """
        base = name or f"{_name_of(config.dataset)}-{time.strftime('%Y%m%d-%H%M%S')}"
        run = self.named(base)
        check_folder(run.folder)
        number = 1
        with _errors_of(run.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            while not _make_folder(run.folder) and not name:
                number += 1
                run = self.named(f"{base}-{number}")
            self.check_new(run.name)
            run.samples_folder.mkdir(parents=True, exist_ok=True)
            run.logs_folder.mkdir(parents=True, exist_ok=True)
            flags_json.save(run.flags_file, config)
        return run

    def check_new(self, name: str) -> None:
        """Raise UserError if there is a run of that name, or what is left of one, or its folder cannot be read."""
        run = self.named(name)
        with _errors_of(run.folder):
            if not run.flags_file.exists():
                _check_nothing_left(run)
                return
            lock.acquire(run.folder).release()  # a run that is being trained gets the lock's error
        raise UserError(
            f"The run {name!r} exists already in {self.folder}; add --resume to continue it, or choose another"
            " --out_name."
        )

    def find(
        self, dataset: str, name: str = "", given: Mapping[str, Any] | None = None, *, resume: bool = False
    ) -> Run:
        """Return the run of that name, or the newest one that has a checkpoint, the data set and the architecture.

        Args:
          given: the settings that the user gave. Those of the architecture must be the run's.
          resume: the newest run counts also if it was stopped before its first checkpoint; it begins again.
        Raises: UserError, which lists all runs, if none matches.
        """
        values.plain_name("out_name", name)
        required = architecture_in(given or {})
        runs = self.all()
        if name:
            for run in runs:
                if run.name == name:
                    check_architecture(run.name, run.config(), required)
                    return run
            raise self._not_found(f"named {name!r}", runs)
        for run in runs:
            if not _matches(run, dataset, given or {}):
                continue
            if resume or run.has_checkpoint:
                return run
            report("Skipped", f"the run {run.name} has no checkpoint.")
        conditions = [f"data set {dataset!r}", *(f"{key} {value}" for key, value in required.items())]
        raise self._not_found("of " + ", ".join(conditions), runs)

    def _not_found(self, description: str, runs: list[Run]) -> UserError:
        existing = ", ".join(run.name for run in runs) or "none"
        return UserError(
            f"No trained run {description} in {self.folder}; train one with --train, or choose one of the existing runs"
            f" with --dataset, --out_name or --out_dir: {existing}."
        )


def _name_of(dataset: str) -> str:
    """Return the name of a data set as a part of the name of a run: without characters that make trouble in paths."""
    name = os.path.basename(os.path.abspath(dataset))
    return re.sub(r"[^\w.,+ -]", "_", name)[:50]  # characters; a file name has at most 255 bytes


def architecture_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given settings that are fixed when a run begins. What is auto, the run has decided."""
    names = settings_with(ARCHITECTURE)
    return {name: value for name, value in given.items() if name in names and value not in (None, "auto")}


def check_architecture(name: str, config: Config, given: Mapping[str, Any]) -> None:
    """Raise UserError if a given setting of the architecture differs from that of the weights, which cannot change."""
    for key, value in architecture_in(given).items():
        if not has_setting(config, key, value):
            raise UserError(
                f"The run {name} has --{key} {getattr(config, key)}, and so has everything that uses its weights; leave"
                f" out --{key} {value}, or choose another run."
            )


def has_setting(config: Config, name: str, value: Any) -> bool:
    """Return whether a run has this value of a setting. Without labels, the original's networks have 4 stages."""
    saved = getattr(config, name)
    if name == "stages" and not config.has_labels and {saved, value} == {"4", "original"}:
        return True
    return saved == value


def _make_folder(folder: Path) -> bool:
    """Create the folder. Returns False if it exists, so that two runs that begin at once get different folders."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _check_nothing_left(run: Run) -> None:
    """Raise UserError if there are files of an earlier training of that name: a new one would remove or mix them."""
    if run.has_checkpoint or complete_checkpoints(run.best_folder):
        raise UserError(
            f"{run.folder} has checkpoints, but no {flags_json.NAME}; copy that file back, move the folder away, or"
            " choose another --out_name."
        )
    left = [*run.curves, *run.sheets("train"), *run.sheets("epoch"), *filter(Path.exists, run.reals)]
    if left:
        raise UserError(
            f"{left[0].parent} has files of an earlier training of the run {run.name!r}, which would mix with those of"
            " a new one; move that folder away, or choose another --out_name."
        )


def _matches(run: Run, dataset: str, given: Mapping[str, Any]) -> bool:
    try:
        config = run.config()
    except UserError as error:
        report("Skipped", str(error))
        return False
    data_dir = given.get("data_dir", config.data_dir)
    if not is_same_data(config.dataset, dataset, config.data_dir, data_dir):
        return False
    return all(has_setting(config, key, value) for key, value in architecture_in(given).items())


@contextlib.contextmanager
def _errors_of(folder: Path) -> Iterator[None]:
    """Turn the system's errors in the block into a UserError about the folder of a run."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"The run's folder {folder} cannot be made ({error.strerror}); choose a writable folder with --out_dir."
        ) from error
