"""--precision auto: the measurement, the choice, what is printed, and what the run keeps."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from helpers import SMALL, cluster_of, free_ports, main_here, task

import dcgan_tf
from dcgan_tf.settings.config import Config
from dcgan_tf.training import precision

TRAIN = ["--dataset=blobs", "--train", "--output_height=16", *SMALL, "--batch_size=8", "--out_name=run"]
ALWAYS, NEVER = 0, math.inf  # values of MIN_GAIN: choose bfloat16, choose float32


def train(out_dir: Path, images_dir: Path, capsys: pytest.CaptureFixture, *args: str) -> tuple[str, str]:
    """Train the run. Returns what was printed, and the precision in FLAGS.json."""
    main_here(*TRAIN, f"--data_dir={images_dir}", *args, out_dir=out_dir)
    flags = json.loads((out_dir / "checkpoints/run/FLAGS.json").read_text())
    return capsys.readouterr().out, flags["precision"]


@pytest.mark.parametrize(
    ("float32", "bfloat16", "gain", "chosen"),
    [
        ([3.0, 2.0, 90.0], [1.0, 50.0, 1.0], 3.0, "bfloat16"),  # medians 3 and 1
        ([1.3, 1.3], [1.0, 1.0], 1.3, "bfloat16"),
        ([1.25], [1.0], 1.25, "float32"),
        ([1.0, 1.0, 1.0], [2.0, 2.0, 0.1], 0.5, "float32"),
        ([1.0], [], 0.0, "float32"),  # the device cannot multiply bfloat16
    ],
)
def test_choice_by_hand(float32: list[float], bfloat16: list[float], gain: float, chosen: str):
    assert precision.bfloat16_gain(float32, bfloat16) == gain
    assert precision.faster(gain) == chosen


def test_times_are_measured_in_both_precisions(monkeypatch: pytest.MonkeyPatch):
    float32, bfloat16 = precision.product_times()
    assert len(float32) == len(bfloat16) == precision.REPEATS
    assert all(1e-6 < seconds < 10 for seconds in float32 + bfloat16)
    monkeypatch.setattr(precision, "_product_time", lambda matrix: float(matrix.dtype == tf.float32))
    assert precision.product_times() == ([1.0] * precision.REPEATS, [0.0] * precision.REPEATS)


def test_a_device_that_cannot_multiply_bfloat16_gets_float32(
    images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    measured = precision._product_time

    def product_time(matrix: tf.Tensor) -> float:
        if matrix.dtype == tf.bfloat16:
            raise tf.errors.UnimplementedError(None, None, "no such kernel")
        return measured(matrix)

    monkeypatch.setattr(precision, "_product_time", product_time)
    out, kept = train(tmp_path, images_dir, capsys, "--iterations=1", "--precision=auto")
    assert kept == "float32"
    assert "Precision:   float32, because this processor has no bfloat16\n" in out


def test_auto_prints_what_it_chose_and_the_run_keeps_it(
    images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """Resumed by the same command where the measurement gives the other precision."""
    out, kept = train(tmp_path, images_dir, capsys, "--iterations=2", "--precision=auto")
    told = re.search(r"^Precision: +(\w+), because this \w+ multiplies bfloat16 \d+\.\d\d times as", out, re.M)
    assert f"Device:      CPU (TensorFlow sees no GPU), {kept}\n" in out
    assert told[1] == kept
    assert "--precision auto uses" not in out
    monkeypatch.setattr(precision, "MIN_GAIN", NEVER if kept == "bfloat16" else ALWAYS)
    out, kept_now = train(tmp_path, images_dir, capsys, "--iterations=3", "--precision=auto", "--resume")
    assert "Finished after iteration 3 of 3" in out and kept_now == kept
    assert "Precision:" not in out and "--precision auto uses" not in out


def test_bfloat16_must_be_clearly_faster():
    assert precision.faster(precision.bfloat16_gain([1.3, 1.31, 9.0], [1.0, 1.0])) == "bfloat16"
    assert precision.faster(precision.bfloat16_gain([1.29], [1.0])) == "float32"
    assert precision.faster(precision.bfloat16_gain([1.0], [])) == "float32"


def test_hint_where_bfloat16_is_faster(
    images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """Once, in a new run with the default; not if the user gave float32, and not with other commands."""
    hint = re.compile(
        r"^Hint: +this \w+ multiplies bfloat16 \d+\.\d\d times as fast as float32; --precision auto", re.M
    )
    monkeypatch.setattr(precision, "MIN_GAIN", ALWAYS)
    out, kept = train(tmp_path / "a", images_dir, capsys, "--iterations=1")
    assert kept == "float32" and len(hint.findall(out)) == out.count("--precision") == 1
    out, kept = train(tmp_path / "a", images_dir, capsys, "--iterations=2", "--resume")
    assert kept == "float32" and "--precision auto uses" not in out
    main_here("--dataset=blobs", "--grid=2x2", out_dir=tmp_path / "a")
    assert "--precision auto uses" not in capsys.readouterr().out
    cluster = cluster_of(Config())
    assert precision.choose_precision(Config(), {"precision": "float32"}, cluster) == Config()
    monkeypatch.setattr(precision, "MIN_GAIN", NEVER)
    assert precision.choose_precision(Config(), {}, cluster) == Config()


@pytest.mark.usefixtures("shown")
def test_hint_where_the_bfloat16_that_was_given_is_not_faster(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    given, cluster = {"precision": "bfloat16"}, cluster_of(Config())
    monkeypatch.setattr(precision, "MIN_GAIN", NEVER)
    assert precision.choose_precision(Config(**given), given, cluster) == Config(**given)
    hint = r"Hint: +this \w+ multiplies bfloat16 \d+\.\d\d times as fast as float32; --precision auto uses float32 in a"
    assert re.match(hint, capsys.readouterr().out)
    other_worker = dataclasses.replace(cluster, index=1)
    assert precision.choose_precision(Config(**given), given, other_worker) == Config(**given)
    monkeypatch.setattr(precision, "MIN_GAIN", ALWAYS)
    assert precision.choose_precision(Config(**given), given, cluster) == Config(**given)
    assert capsys.readouterr().out == ""


def test_auto_from_python(images_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "MIN_GAIN", ALWAYS)
    sizes = {"output_height": 16, "gf_dim": 4, "df_dim": 4, "batch_size": 8, "iterations": 1}
    run = dcgan_tf.train("blobs", data_dir=str(images_dir), out_dir=tmp_path, precision="auto", **sizes)
    assert run.config.precision == "bfloat16"
    assert json.loads(run.run.flags_file.read_text())["precision"] == "bfloat16"


@pytest.mark.slow
def test_all_workers_take_the_value_of_the_chief(monkeypatch: pytest.MonkeyPatch):
    program = (
        "from dcgan_tf.system.startup import start_tensorflow; start_tensorflow()\n"
        "from dcgan_tf.training.cluster import init_cluster\n"
        "cluster = init_cluster('auto', 'auto')\n"
        "print(cluster.index, cluster.value_of_chief(1.5 + cluster.index))"
    )
    ports = free_ports(2)
    processes = []
    for index in range(2):
        monkeypatch.setenv("TF_CONFIG", task(ports, index)["TF_CONFIG"])
        processes.append(subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True))
    outs = [process.communicate(timeout=120)[0].splitlines()[-1] for process in processes]
    assert outs == ["0 1.5", "1 1.5"]
