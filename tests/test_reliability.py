"""Sudden death, bad numbers, full disks, two at once, hostile files, leaks."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soak_run_files
import tensorflow as tf
from compare_runs import steps
from helpers import ROOT, SMALL, config_of, fails_with_one_sentence, main_here, main_process
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan_tf.data import idx
from dcgan_tf.model import DCGAN
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Runs, complete_checkpoints
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.signals import StopRequest

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))  # 10,000 in the soak in docs/reliability.md
CADENCE = ["--epoch=2", "--train_size=320", "--ckpt_freq=10", "--sample_freq=10", "--log_freq=5"]


@pytest.fixture
def mnist(mnist_dir: Path) -> list[str]:
    """Flags of a training of 40 iterations."""
    return ["--dataset=mnist", "--train", f"--data_dir={mnist_dir}", *SMALL, *CADENCE]


def tiny_model() -> tuple[DCGAN, Config]:
    config = Config(output_height=8, output_width=8, c_dim=1, gf_dim=2, df_dim=2, z_dim=4, batch_size=4, dataset="tiny")
    return DCGAN(config), config


@pytest.mark.slow
def test_kills_lose_nothing(mnist_dir: Path):
    script = ROOT / "tests" / "soak_kill.py"
    command = [sys.executable, script, "--kills=1", f"--data_dir={mnist_dir}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bit for bit" in done.stdout


@pytest.mark.parametrize("signals", [pytest.param(2, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.soak)])
def test_a_signal_to_a_script_that_trains_loses_nothing(signals: int):
    script = ROOT / "tests" / "soak_signals.py"
    done = subprocess.run([sys.executable, script, f"--signals={signals}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bit for bit" in done.stdout


@pytest.mark.parametrize("kind", soak_run_files.KINDS)
def test_a_damaged_file_of_a_run_loses_nothing(kind: str):
    outcomes = soak_run_files.soak(kind, 40, seed=1)
    assert sum(outcomes.values()) == 40
    if kind in ("model-4.index", "model-4.data"):
        assert "one sentence" not in outcomes  # model-2 is whole


def test_only_files_of_incomplete_checkpoints_are_removed(tmp_path: Path):
    model, config = tiny_model()
    run = Runs(str(tmp_path)).create(config)
    checkpoints = Checkpoints(model, run.folder, max_to_keep=1)
    model.iterations.assign(1)
    checkpoints.save()
    own = ["model-card.md", "model-1-good.index", "model-good-2.index", "model-3 (copy).index", "model-1.index.bak"]
    (run.folder / "model-final").mkdir()
    for name in own:
        (run.folder / name).write_text("mine")
    half = ["model-3.index.tempstate12", "model-3.data-00000-of-00001", "model-3.data-00000-of-00001.tempstate12"]
    for name in half:
        (run.folder / name).write_text("half")
    (run.folder / "model-3_temp").mkdir()
    before = {path.name for path in run.folder.iterdir()}
    assert checkpoints.restore() == str(run.folder / "model-1")
    model.iterations.assign(2)
    checkpoints.save()
    gone = {*half, "model-3_temp", "model-1.index", "model-1.data-00000-of-00001"}
    assert before - {path.name for path in run.folder.iterdir()} == gone


def test_a_copy_of_a_run_never_touches_the_original(tmp_path: Path):
    model, config = tiny_model()
    runs = Runs(str(tmp_path))
    original = runs.create(config, "original")
    model.iterations.assign(1)
    Checkpoints(model, original.folder, max_to_keep=1).save()
    shutil.copytree(original.folder, runs.named("copy").folder)
    checkpoints = Checkpoints(model, runs.named("copy").folder, max_to_keep=1)
    checkpoints.restore()
    model.iterations.assign(2)
    checkpoints.save()
    kept = {run.name: [Path(path).name for path in complete_checkpoints(run.folder)] for run in runs.all()}
    assert kept == {"original": ["model-1"], "copy": ["model-2"]}


def test_resume_removes_what_a_killed_training_left(mnist_run: Path, mnist_dir: Path, tmp_path: Path):
    shutil.copytree(mnist_run, tmp_path / "out")
    checkpoints, samples, logs = (
        tmp_path / "out" / part / "mnist-small" for part in ("checkpoints", "samples", "logs")
    )
    (checkpoints / "model-60_temp").mkdir()
    (checkpoints / "model-60_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (checkpoints / "model-60.data-00000-of-00001").write_bytes(b"half")
    (samples / ".temporary-1-train_00000060.png").write_bytes(b"half")
    with next(logs.glob("events*")).open("ab") as events:
        events.write(b"\x10\0\0\0half a record")
    main_here("--dataset=mnist", "--train", "--resume", "--epoch=3", out_dir=tmp_path / "out")
    assert sorted(f.name for f in checkpoints.glob("model*")) == ["model-60.data-00000-of-00001", "model-60.index"]
    assert not list(samples.glob(".temporary*"))
    assert steps(logs) == [1, 10, 20, 30, 40, 50, 60]


def test_the_second_interrupt_ends_at_once():
    with StopRequest() as stop:
        assert not stop.signal
        signal.raise_signal(signal.SIGINT)
        assert stop.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # put back


def test_a_signal_while_sampling(mnist_run: Path):
    process = main_process("--dataset=mnist", "--visualize", "--batch_size=4096", cwd=mnist_run)
    assert process.stdout.readline().startswith("Run:")
    process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=300)[1]
    assert process.returncode == 143
    assert "Traceback" not in err
    assert not list((mnist_run / "samples" / "mnist-small").glob(".temporary*"))


def test_an_interrupt_while_preparing(mnist: list[str], tmp_path: Path):
    process = main_process(*mnist, cwd=tmp_path)
    assert process.stdout.readline().startswith("Reading 70,000 images")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in err
    if "Stopped after iteration" not in out:  # the training has begun before the signal came, on a busy machine
        assert not [file for file in tmp_path.rglob("[!.]*") if file.is_file()]


@pytest.mark.slow
def test_numbers_that_are_not_finite_stop_and_keep_the_last_good_checkpoint(mnist: list[str], tmp_path: Path):
    main_here(*mnist, "--epoch=1", "--out_name=run", out_dir=tmp_path)
    flags_file = tmp_path / "checkpoints" / "run" / "FLAGS.json"
    flags_file.write_text(json.dumps(json.loads(flags_file.read_text()) | {"learning_rate": 1e30}))
    says = "Training stopped at iteration 25 because a loss is not finite (d_loss "
    error = fails_with_one_sentence("--dataset=mnist", "--train", "--resume", "--epoch=2", cwd=tmp_path, says=says)
    assert "try a lower --learning_rate than 1e+30" in error
    assert tf.train.latest_checkpoint(str(flags_file.parent)).endswith("model-20")
    main_here("--dataset=mnist", out_dir=tmp_path)


def limited(size: int, *args: object, cwd: Path) -> tuple[int, str, str]:
    """main.py where no file may grow beyond `size` bytes: what a full disk looks like to it."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # noqa: E731
    command = [sys.executable, str(ROOT / "main.py"), *map(str, args)]
    process = subprocess.Popen(command, cwd=cwd, preexec_fn=limit, **pipes)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.slow
def test_a_full_disk(mnist: list[str], tmp_path: Path):
    """Neither sheets nor curves nor a checkpoint can be written: only the last one ends the training."""
    main_here(*mnist, "--epoch=1", "--out_name=run", out_dir=tmp_path)
    code, out, err = limited(1500, "--dataset=mnist", "--train", "--resume", "--epoch=2", cwd=tmp_path)
    assert code == 1
    assert "Warning: The sheet could not be written" in err
    assert "Warning: The curves could not be written" in err
    error = err.strip().splitlines()[-1]
    assert error.startswith("Error: The checkpoint of iteration 30 could not be written")
    assert "make room on that disk, then continue with --resume" in error
    assert "Traceback" not in err
    checkpoints = tmp_path / "checkpoints" / "run"
    assert sorted(f.name for f in checkpoints.glob("model*")) == ["model-20.data-00000-of-00001", "model-20.index"]
    assert not list((tmp_path / "samples" / "run").glob(".temporary*"))
    main_here("--dataset=mnist", "--train", "--resume", "--epoch=2", out_dir=tmp_path)
    assert steps(tmp_path / "logs" / "run") == [1, *range(5, 41, 5)]


@pytest.mark.slow
def test_two_trainings_of_one_run(mnist: list[str], tmp_path: Path):
    first = main_process(*mnist, "--epoch=1000", "--out_name=run", cwd=tmp_path)
    while not (tmp_path / "checkpoints" / "run" / "checkpoint").exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    fails_with_one_sentence(*mnist, "--out_name=run", cwd=tmp_path, says="exists already")
    resumed = ["--out_name=run", "--train", "--resume"]
    fails_with_one_sentence(*resumed, cwd=tmp_path, says=f"is being trained by process {first.pid}")
    first.kill()
    first.communicate()
    main_here("--out_name=run", "--train", "--resume", "--epoch=1", out_dir=tmp_path)  # the lock died with its process


def test_only_one_process_holds_the_lock(tmp_path: Path):
    run = Runs(str(tmp_path)).create(config_of())
    with run.lock(), pytest.raises(UserError, match=f"process {os.getpid()}"), run.lock():
        pass
    with run.lock():
        (run.folder / ".pid").write_bytes(b"\xff")  # damaged
        with pytest.raises(UserError, match="being trained by process"), run.lock():
            pass
    with run.lock(), (run.folder / ".lock").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


SETTING_NAMES = [*json.loads(config_of().to_json())]
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZ
@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"\0\0\x08" + tail))
def test_fuzz_idx(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    folder = tmp_path_factory.getbasetemp()
    header = gzip.compress(b"")[:10]
    for name, written in (("fuzz", content), ("packed.gz", gzip.compress(content)), ("fuzzed.gz", header + content)):
        (folder / name).write_bytes(written)
        with contextlib.suppress(UserError):
            assert idx.read(folder / name).dtype == np.uint8


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(st.dictionaries(st.sampled_from(SETTING_NAMES), JSON, max_size=3), st.binary(max_size=32))
def test_fuzz_flags_json(tmp_path_factory: pytest.TempPathFactory, changes: dict, raw: bytes):
    file = tmp_path_factory.getbasetemp() / "FLAGS.json"
    for content in (json.dumps(json.loads(config_of().to_json()) | changes).encode(), raw):
        file.write_bytes(content)
        with contextlib.suppress(UserError):
            assert isinstance(Config.read(file), Config)
