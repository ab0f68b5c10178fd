"""The devices that train together, of one machine or several, by tf.distribute; and the precision that suits them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import time
import timeit
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import tensorflow as tf

from dcgan_tf import replicas
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.messages import report, say
from dcgan_tf.system.signals import default_handlers
from dcgan_tf.system.startup import hidden_stderr

SINGLE_PROCESS = {"this process": ""}
LOST_WORKER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,  # the worker was started again
)
# Exit late: otherwise the peers, which wait for heartbeats, report this process as the lost one.
EXIT_DELAY_SECONDS = 15
MIN_GAIN = 1.3  # how many times as fast as float32 bfloat16 must be; a train step gains less than a convolution


@dataclass(frozen=True)
class Cluster:
    """The processes that train together, on one machine or several, and their strategy."""

    strategy: tf.distribute.Strategy
    members: dict[str, str]  # the address of each process, by the name of its task, such as "worker 0"
    index: int  # of this process in members; 0 is the chief, the only one that writes files

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    def mean(self, value: float) -> float:
        """Wait for all workers, and return the mean of their values. Raises UserError if one is lost meanwhile."""
        with self.report_lost_worker(), default_handlers():
            run = tf.function(lambda: replicas.mean(tf.constant(value, tf.float64)))
            means = self.strategy.run(run)
        return float(self.strategy.experimental_local_results(means)[0])

    def check_same(self, *contents: bytes) -> None:
        """Wait for all workers. Raises UserError in each of them unless all have the same contents."""
        digest = zlib.crc32(b"".join(contents))
        if self.mean(digest) != digest:
            raise UserError(
                f"The {len(self.members)} workers differ in their settings or data; start all of them with the same"
                " flags and images."
            )

    def broadcast_from_chief(self, variables: Iterable[tf.Variable]) -> None:
        """Wait for all workers, and set the variables of every replica to the chief's values."""

        @tf.function
        def copy() -> None:
            replica = tf.distribute.get_replica_context()
            for variable in variables:
                value = tf.where(replica.replica_id_in_sync_group == 0, variable, tf.zeros_like(variable))
                replicas.assign(variable, replica.all_reduce(tf.distribute.ReduceOp.SUM, value))

        if len(self.members) > 1:  # in a single process, TensorFlow keeps all copies equal
            self.strategy.run(copy)

    @contextlib.contextmanager
    def report_lost_worker(self) -> Iterator[None]:
        """Turn TensorFlow's error about a lost worker into a UserError that names the worker."""
        try:
            yield
        except LOST_WORKER_ERRORS as error:
            if len(self.members) == 1:
                raise
            # The first task that the error names is the one that failed first.
            match = re.search(r"/job:(\w+)(?:/replica:0)?/task:(\d+)", str(error))
            task = next(iter(self.members))
            if match:
                task = " ".join(match.groups())
            time.sleep(EXIT_DELAY_SECONDS)
            raise UserError(
                f"The training ended because {task} ({self.members[task]}) ended or was lost; read its own messages,"
                " then start all workers again with the same command and --resume."
            ) from error


def init_cluster(strategy_name: str) -> Cluster:
    """Return the cluster. With TF_CONFIG, wait for all its workers. Without, it is this process and its devices.

    It must be called before any other TensorFlow operation.

    Args: strategy_name: the setting strategy, one of config.STRATEGIES.
    Raises: UserError if TF_CONFIG is wrong, or the workers cannot be connected.
    """
    members, index = members_of(strategy_name)
    if members != SINGLE_PROCESS:
        tasks = ", ".join(f"{task} ({address})" for task, address in members.items())
        say(f"This is task {index} of {tasks}; waiting for all of them.")
        try:
            with default_handlers():  # Python signal handlers cannot run during this wait
                strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except tf.errors.OpError as error:
            raise UserError(
                f"This worker could not connect to the others ({reason(error)}); check that its address in TF_CONFIG is"
                " this machine's and its port is free, and start all workers again when all have ended."
            ) from error
    elif strategy_name == "mirrored" or (strategy_name == "auto" and len(tf.config.get_visible_devices("GPU")) > 1):
        strategy = tf.distribute.MirroredStrategy()
    else:
        strategy = tf.distribute.get_strategy()
    return Cluster(strategy, members, index)


def check_batch(batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Raise UserError if the devices cannot share a batch."""
    if batch_size % strategy.num_replicas_in_sync:
        raise UserError(
            f"The devices share each batch, so --batch_size must be a multiple of {strategy.num_replicas_in_sync}, but"
            f" is {batch_size}; change it, hide devices with CUDA_VISIBLE_DEVICES, or give --strategy none."
        )


def members_of(strategy_name: str) -> tuple[dict[str, str], int]:
    """Return the members in TF_CONFIG, in TensorFlow's order, and the index of this process. Raises UserError."""
    text = os.environ.get("TF_CONFIG", "")
    if strategy_name not in ("auto", "multi_worker") or not (text or strategy_name == "multi_worker"):
        return SINGLE_PROCESS, 0
    try:
        tf_config = json.loads(text)
        jobs = tf_config["cluster"]
        members = {f"{job} {i}": a for job in ("chief", "worker") for i, a in enumerate(jobs.get(job, []))}
        task = f"{tf_config['task']['type']} {int(tf_config['task']['index'])}"
        return members, list(members).index(task)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"TF_CONFIG must contain the cluster and this task, as in docs/scaling.md, but is {text!r}"
            f" ({type(error).__name__}: {error}); set it, or give --strategy none."
        ) from error


def choose_precision(config: Config, cluster: Cluster) -> Config:
    """Replace the precision auto by what suits the workers' devices, on average, and say it.

    Returns: the config, with float32 or bfloat16 for auto: all workers must compute in the same precision.
    """
    if config.precision != "auto":
        return config
    gain = cluster.mean(bfloat16_gain())
    precision = "float32"
    if gain >= MIN_GAIN:
        precision = "bfloat16"
    report("Precision", f"{precision}, because convolutions in bfloat16 are {gain:.2f} times as fast as in float32")
    return dataclasses.replace(config, precision=precision)


def bfloat16_gain() -> float:
    """Return how many times as fast in bfloat16 as in float32 this device computes a convolution's gradients, or 0.

    They take most of a train step. A processor without bfloat16 needs 14 times as long for them, but not for matrix
    products. Each time is the shortest of 10, in turn, because other programs only make one slower.
    """
    shape = [8, 8, 8, 64]  # about 5 ms on a CPU
    if tf.config.get_visible_devices("GPU"):
        shape = [512, 32, 32, 64]

    def gradients(dtype: tf.DType) -> None:
        images, kernel = tf.ones(shape, dtype), tf.ones([5, 5, 64, 128], dtype)
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            maps = tf.nn.conv2d(images, kernel, strides=2, padding="SAME")
        for gradient in tape.gradient(maps, [images, kernel]):
            gradient[0, 0, 0, 0].numpy()  # waits for it

    both = [partial(gradients, dtype) for dtype in (tf.float32, tf.bfloat16)]
    with contextlib.suppress(tf.errors.OpError), hidden_stderr():  # oneDNN prints what a CPU lacks for bfloat16
        times = [[timeit.timeit(one, number=1) for one in both] for _ in range(10)]
        float32, bfloat16 = map(min, zip(*times, strict=True))
        return float32 / bfloat16
    return 0.0
