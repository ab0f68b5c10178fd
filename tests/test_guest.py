"""As a library the program is a guest: what belongs to the whole process stays as it was."""

from __future__ import annotations

import io
import logging
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from compare_runs import assert_same_run
from helpers import ROOT

import dcgan_tf
from dcgan_tf import DcganWarning, UserError
from dcgan_tf.evaluation.spaces import Classifier
from dcgan_tf.system.cache import DiskCache
from dcgan_tf.system.messages import ignored_warnings
from dcgan_tf.system.startup import start_tensorflow

SIZES: dict[str, Any] = {"output_height": 16, "gf_dim": 4, "df_dim": 4, "batch_size": 8, "iterations": 6, "log_freq": 1}


def drawn() -> tuple[float, float, float]:
    """Return the next random number of Python, NumPy and TensorFlow."""
    return random.random(), np.random.random(), float(tf.random.uniform([]))


def set_seeds() -> None:
    random.seed(5)
    np.random.seed(5)
    tf.random.set_seed(5)


def settings_of_a_host() -> tuple:
    """What a host may have set for itself, some of it in its keras.json."""
    config = keras.config
    return np.geterr(), config.floatx(), config.image_data_format(), config.dtype_policy().name, logging.root.level


def use(images_dir: Path, out_dir: Path) -> tuple[bytes, bytes, bytes]:
    """Return the checkpoint of a training, its images, and the features of a classifier that learnt them."""
    run = dcgan_tf.train("blobs", data_dir=images_dir, out_dir=out_dir, **SIZES)
    images = run.generate(20)
    labels = np.arange(20, dtype=np.int32) % 2
    classifier = Classifier(images, labels, 2, DiskCache(out_dir, 1, enabled=False))
    saved = (run.run.folder / "model-6.data-00000-of-00001").read_bytes()
    return saved, images.tobytes(), classifier.of(images).tobytes()


@pytest.fixture(scope="module")
def plain(images_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    """What comes of it where nothing is unusual."""
    return use(images_dir, tmp_path_factory.mktemp("plain"))


def test_settings_of_the_host_stay_and_change_nothing(plain: tuple, images_dir: Path, tmp_path: Path):
    before = settings_of_a_host()
    try:
        np.seterr(all="raise")
        keras.config.set_floatx("float64")
        keras.config.set_image_data_format("channels_first")
        keras.config.set_dtype_policy("mixed_float16")
        logging.root.setLevel(logging.DEBUG)
        tf.random.set_seed(7)
        odd = settings_of_a_host()
        assert use(images_dir, tmp_path) == plain
        assert settings_of_a_host() == odd
    finally:
        errors, floatx, image_data_format, policy, level = before
        np.seterr(**errors)
        keras.config.set_floatx(floatx)
        keras.config.set_image_data_format(image_data_format)
        keras.config.set_dtype_policy(policy)
        logging.root.setLevel(level)


class Bare:
    """A stream as some programs put in place of stderr: it has no isatty."""

    def write(self, text: str) -> None:
        raise RuntimeError

    flush = write


def test_streams_that_fail_change_nothing(plain: tuple, images_dir: Path, tmp_path: Path, monkeypatch):
    closed = io.StringIO()
    closed.close()
    for number, stream in enumerate((None, closed, Bare())):
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        settings = SIZES | {"out_dir": tmp_path, "out_name": str(number), "verbose": True}
        run = dcgan_tf.train("blobs", data_dir=images_dir, **settings)
        assert (run.run.folder / "model-6.data-00000-of-00001").read_bytes() == plain[0]


def state() -> tuple:
    """What belongs to the whole process."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    streams = (sys.stdout, sys.stderr, sys.unraisablehook, warnings.showwarning)
    return *streams, dict(os.environ), os.getcwd(), handlers, logging.getLogger().handlers[:], warnings.filters[:]


def test_nothing_of_the_process_changes(images_dir: Path, blobs_run: Path, tmp_path: Path, caplog):
    """Random numbers of the caller go on, and messages go through the logger."""
    before = state()
    set_seeds()
    expected = [drawn() for _ in range(4)]
    set_seeds()
    found = [drawn()]
    images = dcgan_tf.load("blobs-small", out_dir=blobs_run).generate(20)
    found.append(drawn())
    with caplog.at_level(logging.INFO, "dcgan_tf"):
        dcgan_tf.train("blobs", data_dir=images_dir, out_dir=tmp_path, **SIZES)
    found.append(drawn())
    Classifier(images, np.arange(20, dtype=np.int32) % 2, 2, DiskCache(tmp_path, 1))  # that of an evaluation
    found.append(drawn())
    assert found == expected and state() == before
    said = [record.getMessage() for record in caplog.records if record.name == "dcgan_tf"]
    assert any(message.startswith("Finished after iteration 6 of 6; saved") for message in said)
    code = "import signal, sys, warnings\ndef state():\n return [*warnings.filters, *map(signal.getsignal, (2, 15))]\n"
    code += "before = state()\nimport dcgan_tf\nassert state() == before\n"
    code += "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def write_line(text: str) -> None:
    """Print a line in one piece: print() writes the end of a line by itself, and another thread may come between."""
    sys.stdout.write(f"{text}\n")


def test_other_threads_print_during_a_training(images_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture):
    def train() -> None:
        settings = SIZES | {"data_dir": images_dir, "out_dir": tmp_path}
        dcgan_tf.train("blobs", on_log=lambda values: write_line("logged"), **settings)

    thread = threading.Thread(target=train)
    thread.start()
    printed = 0
    while thread.is_alive():
        write_line("here")
        print("there", file=sys.stderr)
        printed += 1
        thread.join(0.05)
    out, err = capfd.readouterr()
    assert printed > 3
    assert sorted(out.split()) == ["here"] * printed + ["logged"] * 6
    assert err.split() == ["there"] * printed


def test_two_trainings_at_once(images_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture):
    """They end like trainings one after the other, bit for bit; only the one that is asked to speaks."""
    settings = SIZES | {"data_dir": images_dir, "out_dir": tmp_path, "sample_freq": 3}
    seeds = {"one": 1, "two": 2}
    for name, seed in seeds.items():
        dcgan_tf.train("blobs", out_name=f"{name}-alone", seed=seed, **settings)
    capfd.readouterr()

    def train(name: str) -> None:
        dcgan_tf.train("blobs", out_name=name, seed=seeds[name], verbose=name == "one", **settings)

    with ThreadPoolExecutor() as pool:
        list(pool.map(train, seeds))
    out, _ = capfd.readouterr()
    assert out.count("Finished after iteration 6 of 6") == 1
    assert str(tmp_path / "samples" / "one") in out and str(tmp_path / "samples" / "two") not in out
    for name in seeds:
        assert_same_run(tmp_path, name, f"{name}-alone", 6)


def test_warnings_arrive_when_they_happen(images_dir: Path, tmp_path: Path):
    seen = []

    def lose_the_samples(values: dict) -> None:
        shutil.rmtree(tmp_path / "samples" / "run", ignore_errors=True)
        seen.append([str(warning.message) for warning in caught])

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        arguments = SIZES | {"data_dir": images_dir, "out_dir": tmp_path, "sample_freq": 2}
        dcgan_tf.train("blobs", out_name="run", on_log=lose_the_samples, **arguments)
    counts = [len(messages) for messages in seen]
    assert counts[0] == 0 and counts[3] >= 1 and counts[5] >= 2  # at the latest before the next sheet is made
    assert [str(warning.message)[:10] for warning in caught] == ["The sheet "] * 3 + ["The report"]
    assert seen[3][0].startswith("The sheet could not be written (No such file or directory")
    assert caught[0].category is DcganWarning


def test_a_gpu_whose_memory_the_program_has_limited(monkeypatch: pytest.MonkeyPatch):
    """The CPU of these tests has logical devices, as a GPU with a limit of its memory has."""
    cpu = tf.config.list_physical_devices("CPU")
    with pytest.raises(ValueError, match="memory growth"):
        tf.config.experimental.set_memory_growth(cpu[0], True)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: cpu)
    start_tensorflow()


def test_a_run_goes_to_another_process_and_keeps_its_checkpoint(images_dir: Path, blobs_run: Path, tmp_path: Path):
    shutil.copytree(blobs_run, tmp_path / "out")
    run = dcgan_tf.load("blobs", out_dir=tmp_path / "out", seed=5)
    images = run.generate(2)
    np.testing.assert_array_equal(images, run.generate(2, seed=5))
    again = pickle.loads(pickle.dumps(run))
    np.testing.assert_array_equal(again.generate(2), images)
    dcgan_tf.train("blobs", out_dir=tmp_path / "out", resume=True, iterations=65, data_dir=images_dir)
    found = run.project(images[0])
    assert np.abs(run.generate(z=found.z[None])[0].astype(int) - found.image).max() <= 1
    assert (dcgan_tf.load("blobs", out_dir=tmp_path / "out", seed=5).generate(2) != images).any()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(run)).generate(2), images)


def test_a_forked_process_says_why_it_would_hang(blobs_run: Path, monkeypatch: pytest.MonkeyPatch):
    run = dcgan_tf.load("blobs", out_dir=blobs_run)
    run.generate(1)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    for use in (run.generate, dcgan_tf.load("blobs", out_dir=blobs_run).generate, run.evaluate):
        with pytest.raises(UserError, match=r"forked .*; start processes with multiprocessing.get_context\('spawn'\)"):
            use()


def test_filters_of_warnings_survive_overlapping_blocks():
    before = warnings.filters[:]
    entered = threading.Event()

    def other() -> None:
        with ignored_warnings(UserWarning):
            entered.set()

    with ignored_warnings(DeprecationWarning):
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.2)  # it waits for its turn
    thread.join()
    assert entered.is_set() and warnings.filters == before


def test_keras_with_another_backend_is_refused_at_import(tmp_path: Path):
    """A stand-in for Keras, because its other backends need packages that the tests do not install."""
    keras = "types.SimpleNamespace(config=types.SimpleNamespace(backend=lambda: 'torch'))"
    command = [sys.executable, "-c", f"import sys, types; sys.modules['keras'] = {keras}; import dcgan_tf"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=300)
    assert done.returncode == 1
    assert "with the backend torch, but dcgan_tf needs TensorFlow; import dcgan_tf first" in done.stderr


@pytest.mark.slow
def test_a_program_in_the_style_of_tensorflow_1_gets_one_sentence(tmp_path: Path):
    code = "import tensorflow as tf, dcgan_tf\ntf.compat.v1.disable_v2_behavior()\n"
    code += "for use in (dcgan_tf.load, dcgan_tf.train):\n"
    code += " try: use('pretrained:mnist' if use is dcgan_tf.load else 'mnist')\n"
    code += " except dcgan_tf.UserError as error: assert 'needs TensorFlow\\'s eager execution' in str(error), error\n"
    code += " else: raise AssertionError(use)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_stderr_comes_back_after_overlapping_starts(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    before = os.fstat(2)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: start_tensorflow(), range(4)))
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
    assert (os.fstat(2).st_dev, os.fstat(2).st_ino) == (before.st_dev, before.st_ino)
