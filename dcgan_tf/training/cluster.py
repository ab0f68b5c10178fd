"""Several devices, or several machines, that train as one, by TensorFlow's strategies."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from dcgan_tf import replica_ops
from dcgan_tf.config import Config
from dcgan_tf.errors import UserError, reason

SINGLE_PROCESS = {"this process": ""}
LOST_WORKER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
LOST_WORKER_ERRORS += (tf.errors.FailedPreconditionError,)  # it has been started again
EXIT_DELAY_SECONDS = (
    15  # seconds: a process that ended at once would be taken for the lost one by those that wait for heartbeats
)


@dataclass(frozen=True)
class Cluster:
    """The processes that train together, on one machine or several, and how their devices do."""

    strategy: tf.distribute.Strategy
    members: dict[str, str]  # the address of each process, by its task's name, like "worker 0"
    index: int  # of this process among them; 0 is the chief, which alone writes

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    def shard(self, batch: np.ndarray) -> np.ndarray:
        """This process's part of what a whole batch has, [B, ...]."""
        size = len(batch) // len(self.members)
        return batch[self.index * size : (self.index + 1) * size]

    def check_same_settings(self, settings: str) -> None:
        """Wait for all. Raises UserError, in each process, unless all of them say the same."""
        mine = zlib.crc32(settings.encode())
        with self.report_lost_worker(), _default_signal_handlers():
            means = self.strategy.run(tf.function(lambda: replica_ops.mean(tf.constant(mine, tf.float64))))
        if float(self.strategy.experimental_local_results(means)[0]) != mine:
            raise UserError(
                f"The {len(self.members)} workers differ in their settings or data; start all of them with the same"
                f" flags and pictures, but this one was given {settings}."
            )

    def broadcast_from_chief(self, variables: Iterable[tf.Variable]) -> None:
        """Wait for all, and give each replica's copies of the variables the chief's values."""
        if len(self.members) > 1:  # within one process assigning to one copy assigns to all
            self.strategy.run(tf.function(lambda: _copy_from_first(list(variables))))

    @contextlib.contextmanager
    def report_lost_worker(self) -> Iterator[None]:
        """What TensorFlow raises where another process is lost, as a UserError that names it."""
        try:
            yield
        except LOST_WORKER_ERRORS as error:
            if len(self.members) == 1:
                raise
            named = re.search(r"/job:(\w+)(?:/replica:0)?/task:(\d+)", str(error))  # the first is where it began
            task = " ".join(named.groups()) if named else next(iter(self.members))
            time.sleep(EXIT_DELAY_SECONDS)
            raise UserError(
                f"The training ended because {task} ({self.members[task]}) ended or was lost; see what it said itself,"
                f" then start all {len(self.members)} workers again with the same command and --resume, which goes on"
                " from the last checkpoint."
            ) from error


def init_cluster(config: Config) -> Cluster:
    """The cluster that TF_CONFIG tells of, once all are there; else this process with one device or several.

    Nothing of TensorFlow may have run before. Raises UserError.
    """
    members, index = _tf_config(config)
    if members != SINGLE_PROCESS:
        print(f"This is task {index} of {', '.join(f'{t} ({a})' for t, a in members.items())}; waiting for all of them")
        sys.stdout.flush()
        strategy = _connect_workers(list(members.values())[index])
    elif config.strategy == "mirrored" or (
        config.strategy == "auto" and len(tf.config.list_physical_devices("GPU")) > 1
    ):
        strategy = tf.distribute.MirroredStrategy()
    else:
        strategy = tf.distribute.get_strategy()
    if config.batch_size % strategy.num_replicas_in_sync:
        raise UserError(
            f"--batch_size is divided among the devices, so with {strategy.num_replicas_in_sync} of them it must be a"
            f" multiple of that, but is {config.batch_size}; change it, hide some with CUDA_VISIBLE_DEVICES, or give"
            " --strategy none."
        )
    if config.xla == "on" and strategy.num_replicas_in_sync > 1 and not tf.config.list_physical_devices("GPU"):
        raise UserError(
            "--xla on is for one device or for GPUs, as TensorFlow cannot compile what several processors share, but"
            f" there are {strategy.num_replicas_in_sync} and no GPU; leave it out, or give --strategy none."
        )
    return Cluster(strategy, members, index)


def _tf_config(config: Config) -> tuple[dict[str, str], int]:
    """The members in TF_CONFIG, in TensorFlow's order, and which of them this process is. Raises UserError."""
    text = os.environ.get("TF_CONFIG", "")
    if config.strategy not in ("auto", "multi_worker") or not (text or config.strategy == "multi_worker"):
        return SINGLE_PROCESS, 0
    try:
        given = json.loads(text)
        jobs = {job: given["cluster"].get(job, []) for job in ("chief", "worker")}
        members = {f"{job} {i}": address for job in jobs for i, address in enumerate(jobs[job])}
        task = f"{given['task']['type']} {int(given['task']['index'])}"
        return members, list(members).index(task)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            "TF_CONFIG must hold the cluster and this task, like"
            ' {"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}},'
            f" but is {text!r} ({type(error).__name__}: {error}); set it, or give --strategy none."
        ) from error


def _connect_workers(address: str) -> tf.distribute.Strategy:
    """The strategy, once all workers have come. Raises UserError."""
    try:
        with _default_signal_handlers():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise UserError(
            f"This worker could not meet the others at its address {address} ({reason(error)}); see that it is this"
            " machine's and its port free, wait until the others have ended, and start all of them again."
        ) from error


@contextlib.contextmanager
def _default_signal_handlers() -> Iterator[None]:
    """SIGINT ends a long wait at once, in which TensorFlow lets no handler of Python's run; SIGTERM, too, once met.

    While the workers meet TensorFlow takes SIGTERM for itself; it is ours again afterwards.
    """
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _copy_from_first(variables: list[tf.Variable]) -> None:
    replica = tf.distribute.get_replica_context()
    for variable in variables:
        value = tf.where(replica.replica_id_in_sync_group == 0, variable, tf.zeros_like(variable))
        replica_ops.assign(variable, replica.all_reduce(tf.distribute.ReduceOp.SUM, value))
