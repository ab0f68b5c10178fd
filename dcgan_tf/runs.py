"""Where a run lives: its name, its folders, and how later modes find it again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf.config import ARCHITECTURE, Config
from dcgan_tf.errors import UserError
from dcgan_tf.files import atomic_write


@dataclass(frozen=True)
class Run:
    """The three folders of one run, as absolute paths."""

    checkpoints: Path
    samples: Path
    logs: Path
    original: str = ""  # a checkpoint of the original program, which the weights come from instead
    best: bool = False  # whether the weights are those that scored best, not the newest

    @property
    def name(self) -> str:
        return self.checkpoints.name

    @property
    def checkpoint_dir(self) -> Path:
        """The folder of the checkpoints to be read or written."""
        return self.checkpoints / "best" if self.best else self.checkpoints

    @property
    def flags_file(self) -> Path:
        return self.checkpoints / "FLAGS.json"

    def config(self) -> Config:
        """The settings that the run was trained with. Raises UserError if they are damaged."""
        return Config.from_json(self.flags_file)


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
        """Every run that has settings, the newest (by its FLAGS.json) first."""
        found = [self.named(f.parent.name) for f in self.named("").checkpoints.glob("*/FLAGS.json")]
        return sorted(found, key=lambda run: (run.flags_file.stat().st_mtime_ns, run.name), reverse=True)

    def create(self, config: Config, name: str = "") -> Run:
        """Make a new run's folders and its FLAGS.json; a blank name becomes <data set>-<date>-<time>.

        Raises UserError if the name is taken or a folder cannot be made.
        """
        base = name or f"{Path(config.dataset).name}-{time.strftime('%Y%m%d-%H%M%S')}"
        run, again = self.named(base), 1
        try:
            run.checkpoints.parent.mkdir(parents=True, exist_ok=True)
            while not _make_folder(run.checkpoints) and not name:
                again += 1
                run = self.named(f"{base}-{again}")
            if run.flags_file.exists():
                with training_lock(run):  # a training that is going on is told first, with its pid
                    raise UserError(
                        f"There is a run {name!r} in {run.checkpoints.parent} already; add --resume to go on with it,"
                        " or choose another --out_name."
                    )
            run.samples.mkdir(parents=True, exist_ok=True)
            run.logs.mkdir(parents=True, exist_ok=True)
            save_config(run, config)
        except OSError as error:
            raise UserError(
                f"The run's folder {run.checkpoints} cannot be made ({error.strerror}); choose a folder that can be"
                " written to with --out_dir."
            ) from error
        return run

    def find(self, dataset: str, name: str = "", given: dict[str, Any] | None = None) -> Run:
        """The run of that name, or the newest of the data set that has a checkpoint and the architecture given.

        Raises UserError, which lists the runs there are, if none matches.
        """
        runs = self.all()
        wanted = {key: value for key, value in (given or {}).items() if key in ARCHITECTURE}
        for run in runs:
            if run.name == name or (not name and _matches(run, dataset, wanted)):
                return run
        conditions = [f"data set {dataset!r}", *(f"{key} {value}" for key, value in wanted.items())]
        asked = f"named {name!r}" if name else "of " + ", ".join(conditions)
        there = ", ".join(run.name for run in runs) if runs else "none"
        raise UserError(
            f"No trained run {asked} in {self.named('').checkpoints}; train one with --train, or choose with"
            f" --dataset, --out_name or --out_dir among those there are: {there}."
        )


def _make_folder(folder: Path) -> bool:
    """Make the folder; False where it was there, so that of two runs that begin at once each gets its own."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _matches(run: Run, dataset: str, wanted: dict[str, Any]) -> bool:
    try:
        config = run.config()
    except UserError as error:
        print(f"Passed over: {error}")
        return False
    has_checkpoint = (run.checkpoints / "checkpoint").exists()
    return has_checkpoint and config.dataset == dataset and all(getattr(config, k) == v for k, v in wanted.items())


def save_config(run: Run, config: Config) -> None:
    """Write the run's FLAGS.json."""
    with atomic_write(run.flags_file) as temporary:
        temporary.write_text(config.to_json(), encoding="utf-8")


@contextlib.contextmanager
def training_lock(run: Run) -> Iterator[None]:
    """Hold the run for training; the lock dies with the process. Raises UserError, with the pid of its holder."""
    with (run.checkpoints / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise UserError(
                f"The run {run.name} is being trained by process {file.read().strip()}; wait for it, stop it, or choose"
                " another --out_name."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
