"""Several devices of one process, and several processes on this machine, against one device; --precision auto."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from compare_runs import curves, steps
from helpers import SMALL, call_main, cluster_of, fails_with_one_sentence, free_ports, main_here, main_process, task

from dcgan_tf.model import DCGAN, Step
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Runs
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.training import cluster

CONFIG = Config(
    output_height=16, output_width=12, c_dim=1, class_names=("a", "b", "c"), z_dim=6, batch_size=16,
    gf_dim=4, df_dim=4, gfc_dim=16, dfc_dim=16, g_ema=0.5, sync_bn=True, strategy="mirrored",
)  # fmt: skip
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(256, size=(3, 16, 16, 12, 1), dtype=np.uint8)
LABELS = RANDOM.integers(3, size=(3, 16)).astype(np.int32)


# Once and for all: in one process the collectives of two strategies would be taken for one another's.
FOUR = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(4)])
TWO = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
STRATEGIES = {1: tf.distribute.get_strategy(), 2: TWO, 4: FOUR}


def begun(config: Config, count: int) -> tuple[DCGAN, Step, dict[str, tf.Tensor]]:
    """A model after an iteration on that many devices, its train step, and what that gave."""
    with STRATEGIES[count].scope():
        model = DCGAN(config)
        step = model.compiled()
    return model, step, step(IMAGES[:1], LABELS[:1])


def differences(one: DCGAN, other: DCGAN) -> dict[str, float]:
    """The largest difference of each variable; not of a bias before batch norm, whose gradient is rounding noise."""
    found = {k: float(np.abs(v.numpy() - other.state()[k].numpy()).max()) for k, v in one.state().items()}
    noise = re.compile(r"(g_h[01]_lin/bias|g_h[123]/biases|d_h[123]_conv/biases|d_h2_lin/bias)$")
    moved = {k: v for k, v in found.items() if not noise.search(k)}
    # A moving mean follows the bias before it.
    return {k: v / 10 if "moving_mean" in k else v for k, v in moved.items()}


@pytest.mark.parametrize(
    ("count", "changes"),
    [
        (2, {}),
        (2, {"stages": "2", "class_loss": 0.1}),
        pytest.param(4, {"class_names": ()}, marks=pytest.mark.slow),
    ],
)
def test_several_devices_train_like_one(count: int, changes: dict):
    config = dataclasses.replace(CONFIG, **changes)
    (one, _, expected), (several, _, logged) = begun(config, 1), begun(config, count)
    for name in ("d_loss", "d_loss_real", "d_loss_fake", "g_loss"):
        assert float(logged[name]) == pytest.approx(float(expected[name]), rel=1e-6), name
    assert (logged["z"] == expected["z"]).numpy().all()
    np.testing.assert_allclose(logged["d"], expected["d"][: 16 // count], rtol=1e-5)  # the first device's pictures
    np.testing.assert_allclose(logged["d_"], expected["d_"][: 16 // count], rtol=1e-5)
    assert max(differences(one, several).values()) < 2e-5  # a tenth of a learning rate


def test_all_devices_leave_out_an_update_whose_gradients_overflow():
    """Those of one device are enough."""
    with TWO.scope():
        model = DCGAN(dataclasses.replace(CONFIG, precision="float16"))
        model.loss_scale.scale.assign(2.0**24)
        step = model.compiled()
    step(np.concatenate([IMAGES[:1, :8], 0 * IMAGES[:1, :8]], 1), LABELS[:1])
    assert float(model.d_optimizer.beta1_power.numpy()) == 0.5
    for name, variable in model.state().items():
        assert (variable.values[0].numpy() == variable.values[1].numpy()).all(), name


@pytest.mark.slow
def test_a_run_continues_on_other_devices(tmp_path: Path):
    """One device, four, and back: every variable is there, and the next iteration is the same."""
    (one, here, _), (four, there, _) = begun(CONFIG, 1), begun(CONFIG, 4)
    for batch, saved, restored in ((1, one, four), (2, four, one)):
        run = Runs(str(tmp_path)).create(CONFIG)
        Checkpoints(saved, run.folder, 1).save()
        Checkpoints(restored, run.folder, 1).restore()
        assert all((v.numpy() == restored.state()[k].numpy()).all() for k, v in saved.state().items())
        expected, logged = (step(IMAGES[batch : batch + 1], LABELS[batch : batch + 1]) for step in (here, there))
        assert float(logged["d_loss"]) == pytest.approx(float(expected["d_loss"]), rel=1e-6)
        assert max(differences(one, four).values()) < 2e-5


def test_errors_of_several_devices(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match="--batch_size must be a multiple of 4, but is 18"):
        cluster_of(dataclasses.replace(CONFIG, batch_size=18))
    assert cluster_of(CONFIG).strategy.num_replicas_in_sync == 4
    assert cluster_of(dataclasses.replace(CONFIG, strategy="auto")).strategy.num_replicas_in_sync == 1  # no GPU here


def test_damaged_tf_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for text in ("[]", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "x"):
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(UserError, match="TF_CONFIG must contain"):
            cluster_of(dataclasses.replace(CONFIG, strategy="multi_worker"))
    fails_with_one_sentence("--dataset=mnist", "--train", cwd=tmp_path, says="but is 'x'")
    assert list(tmp_path.iterdir()) == []


# The precision that suits the device.


def set_gain(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Set how many times as fast as float32 this device seems to compute bfloat16."""
    monkeypatch.setattr(cluster, "bfloat16_gain", lambda: value)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("given", "measured", "chosen", "said"),
    [
        ("auto", 1.3, "bfloat16", "Precision:   bfloat16, because convolutions in bfloat16 are 1.30 times as"),
        ("auto", 1.29, "float32", "Precision:   float32, because"),
        ("float16", 9.0, "float16", ""),
    ],
)
def test_the_precision_of_a_new_run(given, measured, chosen, said, monkeypatch, capsys: pytest.CaptureFixture):
    set_gain(monkeypatch, measured)
    config = dataclasses.replace(CONFIG, precision=given)
    one = cluster_of(dataclasses.replace(CONFIG, strategy="none"))
    assert cluster.choose_precision(config, one).precision == chosen
    out = capsys.readouterr().out
    assert said in out and bool(said) == bool(out)


def test_a_run_keeps_its_precision(images_dir: Path, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture):
    """Resumed by the same command where the measurement gives the other one."""
    flags = ["--dataset=blobs", "--train", f"--data_dir={images_dir}", "--output_height=16", *SMALL, "--out_name=run"]
    for measured, iterations in ((9.0, 1), (0.5, 2)):
        set_gain(monkeypatch, measured)
        main_here(*flags, "--precision=auto", "--resume", f"--iterations={iterations}", out_dir=tmp_path)
        assert json.loads((tmp_path / "checkpoints/run/FLAGS.json").read_text())["precision"] == "bfloat16"
        out = capsys.readouterr().out
        assert "Device:      CPU (TensorFlow sees no GPU), bfloat16\n" in out
        assert ("Precision:" in out) == (iterations == 1)


# Several processes.


@contextlib.contextmanager
def workers(count: int, *args: object, cwd: Path):
    """That many processes of `main.py ARGS` that train together, and their addresses' ports."""
    ports = free_ports(count)
    processes = [main_process(*args, cwd=cwd, env=task(ports, index)) for index in range(count)]
    try:
        yield processes, ports
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def outputs(processes: list[subprocess.Popen], timeout: float = 300) -> list[tuple[int, str, str]]:
    """(exit code, stdout, stderr) of each."""
    both = [process.communicate(timeout=timeout) for process in processes]
    return [(process.returncode, *text) for process, text in zip(processes, both, strict=True)]


@pytest.fixture(scope="module")
def mnist(mnist_dir: Path) -> list[str]:
    """Flags of 50 iterations of 48 digits."""
    flags = ["--dataset=mnist", "--train", f"--data_dir={mnist_dir}", *SMALL, "--batch_size=48", "--sync_bn"]
    flags += ["--train_size=2400", "--epoch=1", "--steps_per_call=5"]
    frequencies = ["--ckpt_freq=10", "--sample_freq=25", "--log_freq=5"]
    return [*flags, *frequencies, "--resume"]  # the same command begins a run and goes on with it


@pytest.fixture(scope="module")
def alone(mnist: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run by one process."""
    folder = tmp_path_factory.mktemp("alone")
    assert "There is no run alone yet" in call_main(*mnist, "--out_name=alone", cwd=folder).stdout
    return folder / "logs" / "alone"


def assert_same_curves(logs: Path, expected: Path) -> None:
    """Equal to the last digits at first; then rounding grows in Adam's steps, as it does with --xla on one device."""
    assert steps(logs) == steps(expected) == [1, *range(5, 51, 5)]
    for tag in ("d_loss", "g_loss"):
        found, wanted = (
            [float(tf.make_ndarray(e.tensor_proto)) for e in curves(f).Tensors(tag)] for f in (logs, expected)
        )
        assert found[:2] == pytest.approx(wanted[:2], rel=1e-5)
        assert found == pytest.approx(wanted, rel=2e-2)


@pytest.mark.slow
def test_two_workers_train_like_one(mnist: list[str], alone: Path, tmp_path: Path):
    with workers(2, *mnist, "--out_name=two", cwd=tmp_path) as (processes, ports):
        (code, out, err), (other_code, other_out, other_err) = outputs(processes)
    assert (code, other_code) == (0, 0), err + other_err
    assert f"worker 1 (127.0.0.1:{ports[1]})" in out
    assert "Finished after iteration 50 of 50; saved" in out
    assert other_out.endswith("Finished after iteration 50 of 50\n")
    assert_same_curves(tmp_path / "logs" / "two", alone)
    assert len(list((tmp_path / "logs" / "two").iterdir())) == 1
    assert sorted(f.name for f in (tmp_path / "checkpoints").iterdir()) == ["two"]
    sheets = sorted(f.name for f in (tmp_path / "samples" / "two").glob("train_*"))
    assert sheets == ["train_00000025.png", "train_00000050.png"]


@pytest.mark.soak
def test_a_run_continues_after_a_lost_worker(mnist: list[str], alone: Path, tmp_path: Path):
    """First one of three is lost, then the chief of two; each time the same command continues."""
    checkpoints = tmp_path / "checkpoints" / "lost"
    for count, victim, at in ((3, 1, 20), (2, 0, 40)):
        with workers(count, *mnist, "--out_name=lost", cwd=tmp_path) as (processes, ports):
            while not (checkpoints / f"model-{at}.index").exists():
                assert all(process.poll() is None for process in processes), outputs(processes)
                time.sleep(0.02)
            processes[victim].kill()
            died = time.monotonic()
            results = outputs(processes)
            assert time.monotonic() - died < 60
        assert results.pop(victim)[0] == -signal.SIGKILL
        for code, _, err in results:
            line = err.strip().splitlines()[-1]
            assert f"because worker {victim} (127.0.0.1:{ports[victim]}) ended or was lost" in line
            assert (code, "Traceback" in err, "E0000" in err) == (1, False, False)
    with workers(2, *mnist, "--out_name=lost", cwd=tmp_path) as (processes, ports):
        results = outputs(processes)
    assert [code for code, _, _ in results] == [0, 0], results
    assert int(re.search(r"Continue from .*model-(\d+)", results[0][1])[1]) >= 40
    assert "2 devices share each batch" in results[0][1]
    assert_same_curves(tmp_path / "logs" / "lost", alone)


@pytest.mark.soak
def test_a_signal_to_all_saves(mnist: list[str], tmp_path: Path):
    """The chief's counts, whichever comes first; the run goes on with one process."""
    checkpoints = tmp_path / "checkpoints" / "two"
    with workers(2, *mnist, "--epoch=20", "--out_name=two", cwd=tmp_path) as (processes, _):
        while not (checkpoints / "model-20.index").exists():
            assert all(process.poll() is None for process in processes), outputs(processes)
            time.sleep(0.02)
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        (code, out, err), (other_code, _, other_err) = outputs(processes)
    assert (code, other_code) == (128 + signal.SIGTERM, 1), err + other_err
    assert "because worker 0" in other_err.strip().splitlines()[-1]
    at = re.search(r"Stopped after iteration (\d+) of 1000; saved .*model-\1", out)[1]
    done = call_main("--dataset=mnist", "--train", "--resume", "--epoch=2", cwd=tmp_path)
    assert f"model-{at}" in done.stdout


@pytest.mark.slow
def test_workers_with_other_settings(mnist: list[str], tmp_path: Path):
    ports = free_ports(2)
    different = [[*mnist, f"--learning_rate={rate}", "--out_name=no"] for rate in (0.001, 0.002)]
    processes = [main_process(*args, cwd=tmp_path, env=task(ports, index)) for index, args in enumerate(different)]
    for code, _, err in outputs(processes):
        assert code == 1
        assert "The 2 workers differ in their settings or data" in err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_interrupt_while_waiting_for_other_workers(mnist: list[str], tmp_path: Path):
    process = main_process(*mnist, "--out_name=no", cwd=tmp_path, env=task([20001, 20002], 0))
    assert "There is no run no yet" in process.stdout.readline()
    assert "waiting for all of them" in process.stdout.readline()
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (-signal.SIGINT, "", "")
