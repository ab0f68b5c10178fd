"""Start TensorFlow without its messages, and Pillow without its own; say why TensorFlow sees no GPU."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import OWN_PROCESS, PROCESS_LOCK, Screen

OF_TENSORFLOW = re.compile(
    rb"[IWEF]\d{4} \d\d:|\d{4}-\d\d-\d\d .*: [IWEF] |WARNING: All log messages before absl|To enable the following"
)
CONTROL_GROUP = "/sys/fs/cgroup"
_process = 0  # the process that has computed with TensorFlow; 0: none yet


def check_process() -> None:
    """Raise UserError in a process that was forked from one that has used TensorFlow: it would wait forever."""
    global _process
    if _process not in (0, os.getpid()):
        raise UserError(
            "TensorFlow does not work in a process that was forked after its parent has used it; start processes with"
            " multiprocessing.get_context('spawn'), or use runs in the children only."
        )
    _process = os.getpid()


def start_tensorflow() -> None:
    """Import TensorFlow and find its devices. Raises UserError in a program in the style of TensorFlow 1."""
    with hidden_stderr():
        import tensorflow as tf

        if not tf.executing_eagerly():
            raise UserError(
                "dcgan_tf needs TensorFlow's eager execution, which is off here (tf.compat.v1.disable_eager_execution,"
                " disable_v2_behavior, or inside a tf.Graph or tf.function); use dcgan_tf in a process without it."
            )
        for gpu in tf.config.get_visible_devices("GPU"):
            # A Python program may have used the GPU already (RuntimeError), or set a limit of its memory (ValueError).
            with contextlib.suppress(RuntimeError, ValueError):
                tf.config.experimental.set_memory_growth(gpu, True)
        if OWN_PROCESS.is_set():
            tf.get_logger().setLevel("ERROR")  # its warnings are about its internals; users' errors are raised
        # Grappler's remapper fails on the gradient of a leaky relu, prints that, and makes nothing faster.
        tf.config.optimizer.set_experimental_options({"remapping": False})


def start_bfloat16() -> None:
    """Multiply once in bfloat16, so that what oneDNN prints once about a CPU without AVX-512 does not reach the screen.

    The devices must have been set up before.
    """
    import tensorflow as tf

    with hidden_stderr(), tf.device("CPU:0"):
        one = tf.ones([1, 1], tf.bfloat16)
        tf.matmul(one, one)


def silence_pillow() -> None:
    """Let Pillow, and the libtiff inside it, write nothing to stderr about damaged files, which are skipped and named.

    libtiff has no other switch than this function in C. In a user's own process nothing changes.
    """
    if not OWN_PROCESS.is_set():
        return
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    with contextlib.suppress(ImportError, OSError, AttributeError):  # a Pillow that hides its libtiff
        from PIL import _imaging

        libtiff = ctypes.CDLL(_imaging.__file__)
        libtiff.TIFFSetErrorHandler(None)


@contextlib.contextmanager
def hidden_stderr() -> Iterator[None]:
    """Hide what TensorFlow's C++ code writes to stderr, unless the user asks for it with TF_CPP_MIN_LOG_LEVEL 0 or 1.

    In somebody else's process, lines of others that come meanwhile are written at the end.
    """
    visible = os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")
    try:
        os.fstat(2)
    except OSError:  # it is closed, as that of a GUI may be
        visible = True
    if visible:
        yield
        return
    with PROCESS_LOCK, tempfile.TemporaryFile() as hidden:
        stderr = os.dup(2)
        Screen(sys.stderr).flush()
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        finally:
            Screen(sys.stderr).flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            hidden.seek(0)
            for line in hidden:
                if not OWN_PROCESS.is_set() and not OF_TENSORFLOW.match(line):
                    with contextlib.suppress(OSError):
                        os.write(2, line)


def why_no_gpu() -> str:
    """Return what stands for the name of a GPU if TensorFlow sees none, with a hint if there is an NVIDIA driver."""
    hint = ""
    if shutil.which("nvidia-smi") and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        hint = "; pip install 'dcgan_tf[cuda]' gives what it needs, TF_CPP_MIN_LOG_LEVEL=0 shows its reason"
    return f"TensorFlow sees no GPU{hint}"


@contextlib.contextmanager
def keras_defaults() -> Iterator[None]:
    """Use Keras's own defaults for layers, whatever the user's keras.json or program sets: float32, channels last."""
    from keras import config

    with PROCESS_LOCK:
        floatx = config.floatx()
        image_data_format = config.image_data_format()
        dtype_policy = config.dtype_policy()
        config.set_floatx("float32")
        config.set_image_data_format("channels_last")
        config.set_dtype_policy("float32")
        try:
            yield
        finally:
            config.set_floatx(floatx)
            config.set_image_data_format(image_data_format)
            config.set_dtype_policy(dtype_policy)


def usable() -> tuple[int, float]:
    """Return the cores, and the bytes of memory, that this process may use: in a container, fewer than there are.

    Returns: (at least 1, infinity where no container limits the memory).
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    quota = _limits("cpu.max")
    if len(quota) == 2:  # microseconds of all cores in a period of so many
        cores = min(cores, math.ceil(quota[0] / quota[1]))
    return cores, min(_limits("memory.max"), default=math.inf)


def _limits(file: str) -> list[float]:
    """Return the numbers in a file of a container's control group (version 2); none if it is not there."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(CONTROL_GROUP, file).read_text().split() if word != "max"]
    return []
