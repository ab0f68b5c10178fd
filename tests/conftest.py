"""What the tests share: real MNIST, a small picture set, a small trained run, and main.py as a user calls it."""

from __future__ import annotations

import atexit
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock
import imageio.v3 as iio
import matplotlib
import numpy as np
import pytest

# Tests keep nothing in the user's cache, but use its font list, which matplotlib needs many seconds to make.
CACHE = tempfile.TemporaryDirectory()
atexit.register(CACHE.cleanup)
os.environ |= {"XDG_CACHE_HOME": CACHE.name, "MPLCONFIGDIR": matplotlib.get_cachedir()}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would programs

from dcgan_tf.download import mnist  # noqa: E402
from dcgan_tf.system import messages  # noqa: E402
from dcgan_tf.system.startup import start_tensorflow  # noqa: E402

start_tensorflow()

import tensorflow as tf  # noqa: E402
from helpers import SMALL, main_here  # noqa: E402

# Split the CPU into four devices, for the tests of several devices; all other tests use the first one.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")
    parser.addoption("--soak", action="store_true", help="also run the tests marked slow, and those marked soak")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what --slow or --soak would run; pytest prints how many it deselected."""
    left_out = unwanted(config)
    long = [item for item in items if any(item.get_closest_marker(name) for name in left_out)]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if not any(item.get_closest_marker(name) for name in left_out)]


def unwanted(config: pytest.Config) -> tuple[str, ...]:
    if config.getoption("--soak"):
        return ()
    if config.getoption("--slow"):
        return ("soak",)
    return ("slow", "soak")


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
    main_here(*args, *SMALL, *frequencies, "--out_name=mnist-small", out_dir=folder)
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


@pytest.fixture(scope="session")
def classes_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data_dir with a folder `classes` of 2 classes, dark and light, of 12 images each, 16x16 in colour."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (folder / "classes" / name).mkdir(parents=True)
        for number in range(12):
            image = random.normal(level, 15, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            iio.imwrite(folder / "classes" / name / f"{number:02}.png", image)
    return folder


@pytest.fixture(scope="session")
def classes_run(classes_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The out_dir of a run with labels on `classes`, 12 iterations at once (classes-small) and in two parts (parts)."""
    folder = tmp_path_factory.mktemp("classes_run")
    sizes = ["--gf_dim=4", "--df_dim=4", "--batch_size=8", "--ckpt_freq=4", "--sample_freq=4", "--log_freq=2"]
    args = ["--dataset=classes", "--conditional", "--train", f"--data_dir={classes_dir}", "--output_height=16", *sizes]
    few = ["--augment=color,translation,cutout", "--g_ema=0.9", "--learning_rate=0.01"]
    main_here(*args, *few, "--iterations=12", "--out_name=classes-small", out_dir=folder)
    main_here(*args, *few, "--iterations=5", "--out_name=parts", out_dir=folder)
    main_here("--out_name=parts", "--train", "--resume", "--iterations=12", out_dir=folder)
    return folder
