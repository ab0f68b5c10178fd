"""What the tests share: real MNIST, a small picture set, a small trained run, and main.py as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import imageio.v3 as iio
import matplotlib
import numpy as np
import pytest

# Tests keep nothing in the user's cache, but use its font list, which matplotlib needs many seconds to make.
CACHE = tempfile.TemporaryDirectory()
os.environ |= {"XDG_CACHE_HOME": CACHE.name, "MPLCONFIGDIR": matplotlib.get_cachedir()}

from dcgan_tf.data import mnist  # noqa: E402
from dcgan_tf.settings.config import Config  # noqa: E402
from dcgan_tf.system import messages  # noqa: E402
from dcgan_tf.system.startup import start_tensorflow  # noqa: E402

start_tensorflow()

import tensorflow as tf  # noqa: E402

from dcgan_tf.training.cluster import Cluster, init_cluster  # noqa: E402

# Split the CPU into four devices, for the tests of several devices; all other tests use the first one.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
)

ROOT = Path(__file__).parent.parent
SMALL = ["--gf_dim=8", "--df_dim=8", "--gfc_dim=32", "--dfc_dim=32", "--batch_size=16"]
MainResult = subprocess.CompletedProcess
RunMain = Callable[..., MainResult]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the slow tests unless --slow is given; pytest prints how many it deselected."""
    if config.getoption("--slow"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_report_header(config: pytest.Config) -> str:
    return (
        "slow tests: included" if config.getoption("--slow") else "slow tests: left out; pytest --slow runs them, too"
    )


def main_process(*args: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.Popen:
    """`python main.py ARGS` as a process in the folder `cwd`, its output in pipes."""
    command = [sys.executable, "-W", "error", str(ROOT / "main.py"), *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
    del env["TF_CPP_MIN_LOG_LEVEL"]  # the package's own setting, which a user's shell does not have
    return subprocess.Popen(command, cwd=cwd, env=env, **pipes)


def call_main(*args: object, cwd: Path, code: int = 0, env: dict[str, str] | None = None) -> MainResult:
    """`python main.py ARGS` to its end; the exit code must be `code`."""
    process = main_process(*args, cwd=cwd, env=env)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, f"exit code {process.returncode}, not {code}\n{out}\n{err}"
    return MainResult(process.args, process.returncode, out, err)


def fails_with_one_sentence(*args: object, cwd: Path, says: str, env: dict[str, str] | None = None) -> str:
    """`python main.py ARGS` must exit with 1 and end with one sentence that holds `says`, not with a traceback."""
    lines = call_main(*args, cwd=cwd, code=1, env=env).stderr.strip().splitlines()
    err = lines[-1]
    assert err.startswith("Error: ") and err.endswith("."), lines
    assert all("image/s" in line or not line.strip() for line in lines[:-1]), lines  # a progress bar
    assert says in err, err
    return err


def main_here(*args: object, out_dir: Path) -> None:
    """main.main(ARGS) in this process, which spares TensorFlow's start; UserError comes through."""
    from dcgan_tf.cli import program

    with messages.shown():
        program.main(["main.py", f"--out_dir={out_dir}", *map(str, args)])


def images_of(out_dir: Path, name: str, z: np.ndarray, labels: list[int]) -> np.ndarray:
    """What the run's generator makes of z [N, Z] and classes [N], uint8 [N, H, W, C]: the plain way, all at once."""
    import keras

    from dcgan_tf.pixels import to_uint8
    from dcgan_tf.runs.run import Runs
    from dcgan_tf.runs.weights import Checkpoint

    run = Runs(str(out_dir)).named(name)
    config = run.config()
    generator, _ = Checkpoint(run).generator(config)
    made = (
        generator(z, keras.ops.one_hot(labels, config.y_dim), training=False)
        if config.y_dim
        else generator(z, training=False)
    )
    return to_uint8(made.numpy(), config.value_range)


def cluster_of(config: Config) -> Cluster:
    """The devices that train with these settings."""
    return init_cluster(config.strategy, config.batch_size, config.xla)


@pytest.fixture
def shown() -> Iterator[None]:
    """Messages are printed, as the command line prints them."""
    with messages.shown():
        yield


@pytest.fixture(scope="session")
def mnist_dir(pytestconfig: pytest.Config) -> Path:
    """A data_dir that holds the real MNIST, which is fetched once for all runs of the tests."""
    folder = pytestconfig.cache.mkdir("data")
    with filelock.FileLock(folder / ".lock"):
        mnist.ensure(folder / "mnist")
    return folder


@pytest.fixture(scope="session")
def images_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data_dir with a folder `blobs` of 40 colour PNG and JPEG files, 40 wide and 36 high."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "blobs").mkdir()
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:36, :40]
    for number in range(40):
        y, x = random.uniform(8, 28, 2)
        blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 40)[..., None] * random.uniform(80, 255, 3)
        iio.imwrite(folder / "blobs" / f"{number:02}.{'png' if number % 2 else 'jpg'}", blob.astype(np.uint8))
    return folder


@pytest.fixture(scope="session")
def mnist_run(mnist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The out_dir of a small conditional run of 40 iterations on MNIST, named mnist-small."""
    folder = tmp_path_factory.mktemp("mnist_run")
    frequencies = ["--sample_freq=20", "--ckpt_freq=20", "--log_freq=10"]
    args = ["--dataset=mnist", "--train", "--epoch=2", "--train_size=320", f"--data_dir={mnist_dir}"]
    call_main(*args, *SMALL, *frequencies, "--out_name=mnist-small", cwd=folder)
    return folder


@pytest.fixture(scope="session")
def blobs_run(images_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The out_dir of an unconditional run of 60 iterations on 20x24 colour pictures, normal z, named blobs-small."""
    folder = tmp_path_factory.mktemp("blobs_run")
    args = ["--dataset=blobs", "--train", "--epoch=30", "--epoch_samples=5,30", f"--data_dir={images_dir}"]
    sizes = ["--output_height=20", "--output_width=24", "--z_dim=12", "--z_dist=normal01"]
    frequencies = ["--learning_rate=0.002", "--sample_freq=20", "--log_freq=10", "--out_name=blobs-small"]
    main_here(*args, *SMALL, *sizes, *frequencies, out_dir=folder)
    return folder
