"""TensorFlow keeps what XLA has compiled, so that the next start of the program compiles nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dcgan_tf.system.cache import DiskCache
from dcgan_tf.system.files import check_writable
from dcgan_tf.system.messages import OWN_PROCESS
from dcgan_tf.system.startup import hidden_stderr

FLAGS = "TF_XLA_FLAGS"
# What else decides what is compiled, or whether it runs; TensorFlow's own key has the computation only
VARIABLES = (FLAGS, "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "CUDA_VISIBLE_DEVICES")
OF_MACHINE = ("model name", "flags", "Features", "Model", "NVRM")  # how the lines of its files begin that are the same

_folder: Path | None = None  # where TensorFlow keeps what this process compiles


def keep_compiled(cache: DiskCache) -> None:
    """Let TensorFlow keep what XLA compiles in this process, which must be the program's own.

    Call it before TensorFlow is imported. Flags that the user gives TensorFlow count more.
    """
    global _folder
    flags = os.environ.get(FLAGS, "").strip()
    if not OWN_PROCESS.is_set() or not cache.enabled or re.search(r"[\"\\\n]", str(cache.folder)):
        return
    with contextlib.suppress(PackageNotFoundError, OSError):
        name = hashlib.sha256(f"{version('tensorflow')}{_machine()}".encode()).hexdigest()[:32]
        folder = cache.folder / "compiled" / name
        check_writable(folder)
        if folder.exists():
            os.utime(folder)  # the time of its last use
        cache.make_room(0)
        os.environ[FLAGS] = f'--tf_xla_persistent_cache_directory="{folder}" {flags}'
        _folder = folder


def _machine() -> str:
    """Return what is known without TensorFlow of what code is compiled for: processor, GPUs, driver and flags."""
    known = {f"{os.cpu_count()} {[os.environ.get(name) for name in VARIABLES]}"}
    driver = Path("/proc/driver/nvidia")
    for file in (Path("/proc/cpuinfo"), driver / "version", *driver.glob("gpus/*/information")):
        with contextlib.suppress(OSError):
            known |= {line for line in file.read_text(errors="replace").splitlines() if line.startswith(OF_MACHINE)}
    return str(sorted(known))


def first_call(call: Callable[[], None]) -> None:
    """Make the call that traces and compiles the train step; if what was kept is damaged, remove it, and call again."""
    import tensorflow as tf

    kept: list[Path] = []
    if _folder:
        kept += _folder.glob("*")
    if not kept:
        call()
        return
    with hidden_stderr():  # TensorFlow says of each file that it is no text
        try:
            call()
        except tf.errors.OpError:
            for file in kept:
                file.unlink(missing_ok=True)
            call()
