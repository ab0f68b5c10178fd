"""A run: its name, its folders and files, and its lock."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import filelock

from dcgan_tf.settings.config import FLAGS_JSON, Config
from dcgan_tf.settings.setting import wrong
from dcgan_tf.system.errors import UserError, printable, reason
from dcgan_tf.system.files import absolute, check_folder, check_writable, write_bytes
from dcgan_tf.system.messages import warn

if TYPE_CHECKING:
    import numpy as np

STARTS_JSON = "starts.json"  # beside the settings: what is known of each start of the training
ABOUT = "about.json"  # what a packed run has in place of checkpoints
EVENT_FILES = "events.out.tfevents.*"  # TensorBoard's, in a logs_folder
OF_EVALUATION = ".v2.evaluation"  # how those of --evaluate end, which a run need not have been trained for


class Origin(NamedTuple):
    """The file or folder that weights were read from."""

    path: str
    iteration: int | None  # None if it is unknown


Content = tuple[Origin, Mapping[str, "np.ndarray"]]  # and the arrays by the original's names of the variables


def iteration_in(path: str) -> int | None:
    """Return the iteration in a checkpoint's path, such as model-1000; None if it has none."""
    match = re.search(r"-(\d+)$", path)
    if match:
        return int(match[1])
    return None


def complete_checkpoints(folder: Path) -> list[str]:
    """Return the paths of the checkpoints in a folder, such as model-1000, the oldest first.

    TensorFlow writes model-N.index last, so a checkpoint that has it is complete. Its index file `checkpoint` does not
    count, because it can be lost or empty, and neither do other names, such as those of a user's copies.
    """
    files = [file for file in folder.glob("model-*.index") if re.fullmatch(r"model-\d+", file.stem)]
    paths = [str(file.with_suffix("")) for file in files]
    return sorted(paths, key=lambda path: iteration_in(path) or 0)


@dataclass(frozen=True)
class Run:
    """The three folders of one run, which need not exist, and the one that holds those of all runs; absolute paths."""

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
        return self.folder / FLAGS_JSON

    def config(self) -> Config:
        """Return the settings that the run was trained with. Raises UserError if they are damaged."""
        return Config.read(self.flags_file)

    def curves(self) -> list[Path]:
        """Return TensorBoard's files of its training."""
        files = self.logs_folder.glob(EVENT_FILES)
        return [file for file in files if not file.name.endswith(OF_EVALUATION)]

    def sheets(self, kind: str) -> list[Path]:
        """Return the sheets of its training, sorted. Args: kind: train or epoch, with which their names begin."""
        files = self.samples_folder.glob(f"{kind}_*.png")
        return sorted(file for file in files if re.fullmatch(rf"{kind}_\d+", file.stem))

    def starts(self) -> list[dict[str, Any]]:
        """Return what is known of each start of its training, the newest last; nothing if that is damaged."""
        with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
            return [dict(start) for start in json.loads((self.folder / STARTS_JSON).read_bytes())]
        return []

    def add_start(self, facts: dict[str, Any]) -> None:
        """Remember a start of its training. Args: facts: what JSON can hold, see `training.start.remember`."""
        write_bytes(self.folder / STARTS_JSON, json.dumps([*self.starts(), facts], indent=1).encode())

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let no other process train the run. The system unlocks it if this process ends within the block.

        Raises: UserError if another process has the lock, with its pid; a disk without locks only gives a warning.
        """
        lock = filelock.FileLock(self.folder / ".lock", timeout=0.2)  # of which Runs.create needs less
        pid_file = self.folder / ".pid"  # beside it, because filelock empties the lock file
        try:
            lock.acquire()
        except filelock.Timeout as error:
            owner = "another process"
            if pid_file.exists():
                owner = f"process {pid_file.read_text(errors='replace').strip()}"
            raise UserError(
                f"The run {self.name} is being trained by {owner}; wait for it, stop it, or choose another --out_name."
            ) from error
        except (OSError, NotImplementedError) as error:  # of a network file system
            warn(f"{self.folder} has no locks ({reason(error)}); make sure that no other training uses the run.")
        try:
            pid_file.write_text(f"{os.getpid()}\n")
            yield
        finally:
            lock.release()

    def written(self) -> list[Path]:
        """Return the settings, and what a training has written, which would mix with what another one writes."""
        found = [*self.folder.glob(FLAGS_JSON), *self.folder.glob("model-*")]
        found += [*self.best_folder.glob("model-*"), *self.curves()]
        for pattern in ("train_*.png", "epoch_*.png", "reals.png", "augmented.png"):
            found += self.samples_folder.glob(pattern)
        return found

    def check_new(self) -> None:
        """Raise UserError if there is the run, or what is left of a training."""
        found = self.written()
        if found:
            raise UserError(
                f"The run {self.name!r} exists already ({found[0]}); add --resume to continue it, choose another"
                " --out_name, or move its folders away."
            )

    def check_place(self) -> None:
        """Raise UserError if the run's folders cannot be written, or not be read again."""
        check_folder(self.folder)
        for folder in (self.folder, self.samples_folder, self.logs_folder):
            try:
                check_writable(folder)
            except OSError as error:
                raise UserError(
                    f"The run's folder {printable(str(folder))} cannot be made ({reason(error)}); choose a writable"
                    " folder with --out_dir."
                ) from error

    def discard(self) -> None:
        """Remove a new run whose training could not begin: what it wrote, and its folders if they are empty then."""
        own = [self.folder / name for name in (STARTS_JSON, "checkpoint", ".lock", ".pid")]
        for file in (*own, *self.written()):
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
    def folder(self) -> Path:
        """The folder that holds the folders of all runs."""
        return absolute(Path(self.out_dir, self.checkpoint_dir))

    def named(self, name: str) -> Run:
        """Return the run of that name, which need not exist. Raises UserError if the name is a path."""
        if os.path.basename(name) != name or name in (".", "..") or "\0" in name:
            raise wrong("out_name", f"a plain name without {os.sep}", name)
        root = absolute(Path(self.out_dir))
        return Run(root, self.folder / name, absolute(root / self.sample_dir) / name, root / "logs" / name)

    def all(self) -> list[Run]:
        """Return every run that has settings, the newest (by its FLAGS.json) first."""
        runs = [self.named(file.parent.name) for file in self.folder.glob(f"*/{FLAGS_JSON}")]
        return sorted(runs, key=lambda run: (run.flags_file.stat().st_mtime_ns, run.name), reverse=True)

    def create(self, config: Config, name: str = "") -> Run:
        """Create a new run's folders and its FLAGS.json.

        Args:
          config: its settings.
          name: blank: <data set>-<date>-<time>, and a number behind it if there is such a run.
        Raises: UserError if the name exists or a folder cannot be created.
        """
        of_data = re.sub(r"[^\w.,+ -]", "_", os.path.basename(os.path.abspath(config.dataset)))
        base = name or f"{of_data[:50]}-{time.strftime('%Y%m%d-%H%M%S')}"  # a file name has at most 255 bytes
        run = self.named(base)
        number = 1
        while not name and run.folder.exists():
            number += 1
            run = self.named(f"{base}-{number}")
        run.check_place()
        run.folder.mkdir(parents=True, exist_ok=True)
        with run.lock():  # of two that begin at once with one name, the second finds the FLAGS.json of the first
            run.check_new()
            run.samples_folder.mkdir(parents=True, exist_ok=True)
            run.logs_folder.mkdir(parents=True, exist_ok=True)
            config.save(run.flags_file)
        return run
