"""What the tests share: the program as a user calls it, and what it should give."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from dcgan_tf.cli import program
from dcgan_tf.data.dataset import Dataset, read_dataset
from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.weights import of_run
from dcgan_tf.settings.config import Asked, Config
from dcgan_tf.system import messages
from dcgan_tf.system.errors import UserError

if TYPE_CHECKING:
    from dcgan_tf.training.cluster import Cluster

ROOT = Path(__file__).parent.parent
SMALL = ["--gf_dim=8", "--df_dim=8", "--gfc_dim=32", "--dfc_dim=32", "--batch_size=16"]
BROKEN_STREAMS = [  # what follows a command in bash
    ">&- 2>&-",
    "<&- >&- 2>&-",
    ">/dev/full",
    ">/dev/full 2>/dev/full",
    "| true; exit ${PIPESTATUS[0]}",
    "2>&1 | head -1; exit ${PIPESTATUS[0]}",
]
config_of = functools.partial(Config, output_height=64, output_width=64, c_dim=3)  # the sizes can be given
MainResult = subprocess.CompletedProcess


def main_process(*args: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.Popen:
    """`python main.py ARGS` as a process in the folder `cwd`, its output in pipes."""
    command = [sys.executable, "-W", "error", str(ROOT / "main.py"), *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
    del env["TF_CPP_MIN_LOG_LEVEL"]  # the package's own setting, which a user's shell does not have
    return subprocess.Popen(command, cwd=cwd, env=env, **pipes)


def call_main(*args: object, cwd: Path, env: dict[str, str] | None = None) -> MainResult:
    """`python main.py ARGS` to its end, without an error."""
    process = main_process(*args, cwd=cwd, env=env)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, f"exit code {process.returncode}\n{out}\n{err}"
    return MainResult(process.args, process.returncode, out, err)


def main_here(*args: object, out_dir: Path | None = None) -> None:
    """What main.py does, in this process, which spares TensorFlow's start; UserError comes through."""
    argv = ["main.py", *map(str, args)]
    if out_dir:
        argv.append(f"--out_dir={out_dir}")
    with messages.shown():
        program.main(argv)


def fails_with_one_sentence(*args: object, cwd: Path, says: str) -> str:
    """In this folder the program must raise a UserError of one sentence that holds `says`. Returns the sentence."""
    with in_folder(cwd), pytest.raises(UserError) as error:
        main_here(*args)
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text, text
    assert says in text, text
    return text


@contextlib.contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Make it the current folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def write_images(folder: Path, *names: str, gray: int | None = None) -> None:
    """Write an image of 16x16 pixels for each name, of random colours or of one gray level."""
    dice = np.random.default_rng(0)
    for name in names:
        pixels = dice.integers(0, 256, (16, 16, 3), np.uint8)
        if gray is not None:
            pixels[:] = gray
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)


def load(folder: Path, **settings: object) -> Dataset:
    """Read the data set in the folder, by default for 16x16 pixels."""
    return read_dataset(Asked(dataset=str(folder), **{"output_height": 16} | settings))


def images_of(out_dir: Path, name: str, z: np.ndarray, labels: list[int]) -> np.ndarray:
    """What the run's generator makes of z [N, Z] and classes [N], uint8 [N, H, W, C]: the plain way, all at once."""
    import keras

    from dcgan_tf.pixels import to_uint8

    run = Runs(str(out_dir)).named(name)
    config = run.config()
    generator = of_run(run).generator()
    one_hot = keras.ops.one_hot(labels, config.y_dim) if config.y_dim else None
    return to_uint8(generator(z, one_hot, training=False).numpy(), config.value_range)


def cluster_of(config: Config) -> Cluster:
    """The devices that train with these settings."""
    from dcgan_tf.training.cluster import check_batch, init_cluster

    cluster = init_cluster(config.strategy)
    check_batch(config.batch_size, cluster.strategy)
    return cluster


def assert_close(images: np.ndarray, expected: np.ndarray) -> None:
    """Allow a difference of one gray level: with another batch size, sums have another order."""
    assert images.shape == expected.shape
    assert np.abs(images.astype(int) - expected).max() <= 1
    assert len(np.unique(expected)) > 20


def cut(sheet: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Cut a sheet into its images, uint8 [rows, columns, H, W, C]."""
    sheet = np.atleast_3d(sheet)
    cells = sheet.reshape(rows, sheet.shape[0] // rows, columns, sheet.shape[1] // columns, -1)
    return cells.swapaxes(1, 2)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing uses now."""
    with contextlib.ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


def task(ports: list[int], index: int) -> dict[str, str]:
    """TF_CONFIG of one worker of a cluster on this machine."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})}
