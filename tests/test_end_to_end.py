"""The program as a user runs it: real processes, real data, the files they leave."""

from __future__ import annotations

import json
import platform
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from compare_runs import assert_same_run, curves, steps
from helpers import (
    BROKEN_STREAMS,
    ROOT,
    SMALL,
    call_main,
    main_here,
    main_process,
    write_images,
)

import dcgan_tf
from dcgan_tf.runs.run import Runs, complete_checkpoints, iteration_in
from dcgan_tf.system.messages import DcganWarning


def test_training_leaves_sheets_curves_settings_and_a_checkpoint(mnist_run: Path):
    samples = mnist_run / "samples" / "mnist-small"
    assert sorted(f.name for f in samples.glob("train_*")) == ["train_00000020.png", "train_00000040.png"]
    sheet = iio.imread(samples / "train_00000040.png")
    assert sheet.shape == (4 * 28, 4 * 28)
    assert len(np.unique(sheet)) > 50
    checkpoints = mnist_run / "checkpoints" / "mnist-small"
    # Other tests export this run and evaluate it.
    found = {file.name for file in checkpoints.iterdir()} - {"export", "frozen", "metrics.json"}
    assert found == {
        ".lock", ".pid", "FLAGS.json", "starts.json", "checkpoint", "model-40.data-00000-of-00001", "model-40.index",
    }  # fmt: skip
    settings = json.loads((checkpoints / "FLAGS.json").read_text())
    assert (settings["gf_dim"], settings["output_height"], len(settings["class_names"])) == (8, 28, 10)


def test_tensorboard_reads_the_curves(mnist_run: Path):
    logs = mnist_run / "logs" / "mnist-small"
    tags = set(curves(logs).Tags()["tensors"])
    assert {"d_loss", "d_loss_real", "d_loss_fake", "g_loss", "z", "d", "d_"} <= tags
    assert steps(logs) == [1, 10, 20, 30, 40]
    last = {tag: float(tf.make_ndarray(curves(logs).Tensors(tag)[-1].tensor_proto)) for tag in tags if "loss" in tag}
    assert last["d_loss"] == pytest.approx(last["d_loss_real"] + last["d_loss_fake"], rel=1e-6)
    assert 0.1 < last["d_loss"] < 5
    histogram = tf.make_ndarray(curves(logs).Tensors("z")[-1].tensor_proto)  # [buckets, (left, right, count)]
    assert histogram[:, 2].sum() == 16 * 100
    assert -1 <= histogram[0, 0] < -0.9


def test_a_run_remembers_its_starts(tmp_path: Path, capsys: pytest.CaptureFixture):
    """Two starts, the second with one more image; then a damaged file, and a third start."""
    write_images(tmp_path / "data", *(f"{number}.png" for number in range(16)))
    flags = ["--train", f"--dataset={tmp_path}/data", "--out_name=run", *SMALL, "--output_height=16", "--resume"]
    main_here(*flags, out_dir=tmp_path)
    assert capsys.readouterr().out.count("Hint:        25 iterations are few: ") == 2  # at the start and at the end
    write_images(tmp_path / "data", *(f"{number}.png" for number in range(17)))
    with pytest.warns(DcganWarning, match="^The run run was trained on 16 images; it continues on 17.$"):
        main_here(*flags, "--epoch=26", out_dir=tmp_path)
    assert "are few" not in capsys.readouterr().out
    run = Runs(str(tmp_path)).named("run")
    assert [start["images"] for start in run.starts()] == [16, 17]
    assert run.starts()[0] | {"date": "", "preset": "", "device": ""} == {
        "date": "", "preset": "", "device": "", "images": 16, "classes": 0, "dcgan_tf": dcgan_tf.__version__,
        "python": platform.python_version(), "tensorflow": tf.__version__,
    }  # fmt: skip
    for damaged in ("[{", "7", "[7]"):
        (run.folder / "starts.json").write_text(damaged)
        assert run.starts() == []
    main_here(*flags, "--epoch=27", out_dir=tmp_path)
    assert len(run.starts()) == 1


def test_every_later_command_needs_no_setting_and_no_data(mnist_run: Path, capsys: pytest.CaptureFixture):
    samples = mnist_run / "samples" / "mnist-small"
    main_here("--dataset", "mnist", "--data_dir=nowhere", out_dir=mnist_run)
    out = capsys.readouterr().out
    assert str(samples) in out and str(mnist_run / "checkpoints" / "mnist-small" / "model-40") in out
    assert iio.imread(samples / "test_random.png").shape == (112, 112)
    flags = ["--dataset", "mnist", "--input_height=28", "--output_height=28", "--visualize"]  # the original's line
    main_here(*flags, out_dir=mnist_run)
    sheets = [iio.imread(samples / f"test_arange_{i}.png") for i in range(100)]
    assert {sheet.shape for sheet in sheets} == {(112, 112)}
    assert len({sheet.tobytes() for sheet in sheets}) == 100


def test_training_on_a_folder_with_flags_of_the_original(images_dir: Path, tmp_path: Path):
    """Unconditional, with --crop, a wildcard and a data_dir in the environment."""
    lines = ["--dataset=blobs", f"--data_dir={images_dir}", "--input_fname_pattern=*.png", "--crop"]
    sizes = ["--input_height=32", "--output_height=24", "--output_width=20", "--gf_dim=4", "--df_dim=4"]
    common = [*lines, *sizes, "--batch_size=10", "--epoch=3", "--sample_freq=3", "--G_img_sum", "--log_freq=2"]
    done = call_main(*common, "--train", "--verbose", cwd=tmp_path)
    assert "generator/g_h4/w" in done.stdout
    assert re.search("^Images: +20, colour.*\nPrepared: +the centre 32x32, resized to 20x24", done.stdout, re.M)
    assert re.search(r"(it/s|s/it), d_loss=\d\.\d{3}, g_loss=\d\.\d{3}\]", done.stderr)
    assert "\r" not in done.stderr and "Reading images" not in done.stderr  # whole lines, nothing dead
    (run,) = (tmp_path / "checkpoints").glob("*/")
    assert run.name.startswith("blobs-20")
    assert iio.imread(tmp_path / "samples" / run.name / "train_00000003.png").shape == (3 * 24, 4 * 20, 3)
    assert steps(tmp_path / "logs" / run.name, "G") == [1, 2, 4, 6]
    assert steps(tmp_path / "logs" / run.name, "Samples") == [3, 6]
    *size, png = tf.make_ndarray(curves(tmp_path / "logs" / run.name).Tensors("Samples")[-1].tensor_proto)
    assert size == [b"80", b"72"] and png == (tmp_path / "samples" / run.name / "train_00000006.png").read_bytes()
    main_here("--dataset=blobs", out_dir=tmp_path)
    assert iio.imread(tmp_path / "samples" / run.name / "test_random.png").shape == (3 * 24, 4 * 20, 3)


@pytest.mark.parametrize(
    ("number", "reader_ends"),
    [
        (signal.SIGINT, True),  # as in 2>&1 | tee log, which Ctrl-C ends first
        *(pytest.param(number, False, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGUSR1)),
    ],
)
def test_a_signal_saves_and_resume_continues_exactly(mnist_dir: Path, tmp_path: Path, number: int, reader_ends: bool):
    """Stopped somewhere and resumed, a run ends with the weights, sheets and curves of one that was not."""
    length = ["--epoch=3", "--train_size=480", "--sample_freq=30", "--log_freq=7", "--ckpt_freq=1000"]
    decays = ["--lr_decay_epochs=2", "--weight_decay=2.5e-5"]
    args = ["--dataset=mnist", "--train", f"--data_dir={mnist_dir}", *SMALL, *length, *decays]
    process = main_process(*args, "--out_name=stopped", cwd=tmp_path)
    flags_file = tmp_path / "checkpoints" / "stopped" / "FLAGS.json"
    events = tmp_path / "logs" / "stopped"
    while process.poll() is None and not (flags_file.exists() and any(events.iterdir())):
        time.sleep(0.05)
    time.sleep(0.5)
    if reader_ends:
        process.stdout.close()
        process.stderr.close()
    process.send_signal(number)
    if reader_ends:
        process.wait(timeout=120)
    else:
        out, err = process.communicate(timeout=120)
        assert "Stopped after iteration" in out and "Traceback" not in err
        assert "give the same command with --resume.\n" in out
    assert process.returncode == 128 + number
    (checkpoint,) = complete_checkpoints(flags_file.parent)
    at = iteration_in(checkpoint)
    assert 0 < at < 90
    main_here("--dataset=mnist", "--train", "--resume", out_dir=tmp_path)
    main_here(*args, "--out_name=whole", out_dir=tmp_path)
    assert steps(events) == steps(tmp_path / "logs" / "whole") == [1, *range(7, 90, 7)]
    assert_same_run(tmp_path, "stopped", "whole", 90)


def test_help_and_flag_errors_do_not_import_tensorflow(tmp_path: Path):
    """In this process, so that what was imported can be seen; each in a fresh interpreter."""
    for argv, code, says in (
        ([], 0, "--pretrained --grid 10x16 "),
        (["--version"], 0, "dcgan_tf 1."),
        (["--help"], 0, "* --train "),
        (["--trian"], 1, "did you mean --train?"),
        (["--grid=2x2"], 1, "No trained run of data set 'celebA' (the default of --dataset) in "),
    ):
        program = f"""
import runpy, sys
sys.argv = ["main.py", *{argv!r}]
try:
    runpy.run_path({str(ROOT / "main.py")!r}, run_name="__main__")
finally:
    assert not {{"tensorflow", "keras", "numpy"}} & set(sys.modules)
"""
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}
        )
        assert done.returncode == code and says in done.stdout + done.stderr, done
        assert done.stderr.count("\n") == code, done
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_training_under_broken_streams_is_the_same(images_dir: Path, tmp_path: Path):
    """From the first line to the last: the same checkpoint, bit for bit."""
    flags = ["--dataset=blobs", f"--data_dir={images_dir}", "--train", *SMALL, "--output_height=16", "--iterations=8"]
    line = shlex.join([sys.executable, str(ROOT / "main.py"), *flags, "--log_freq=1", "--sample_freq=2"])
    saved = set()
    for number, streams in enumerate(["", *BROKEN_STREAMS]):
        command = f"{line} --out_name={number} {streams}"
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, (streams, done)
        folder = tmp_path / "checkpoints" / str(number)
        saved.add((folder / "model-8.data-00000-of-00001").read_bytes())
    assert len(saved) == 1


@pytest.mark.slow
def test_no_output_of_tensorflow(mnist_run: Path, images_dir: Path, tmp_path: Path):
    unused = {"KERAS_BACKEND": "jax", "MPLBACKEND": "none"}
    done = call_main("--dataset=mnist", cwd=mnist_run, env=unused)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) <= 4
    train = ["--dataset=blobs", "--train", f"--data_dir={images_dir}", *SMALL, "--output_height=16", "--iterations=1"]
    done = call_main(*train, "--precision=bfloat16", cwd=tmp_path)
    assert not re.search(r"[IWEF]\d{4} \d\d:\d\d:", done.stderr), done.stderr  # how TensorFlow's C++ messages begin


def test_preset_auto_trains_on_20_images(tmp_path: Path, capsys: pytest.CaptureFixture):
    write_images(tmp_path / "data" / "few", *(f"{number}.png" for number in range(20)))  # noise, as in photographs
    sizes = ["--output_height=16", "--gf_dim=4", "--df_dim=4"]
    args = ["--dataset=few", f"--data_dir={tmp_path}/data", "--train", "--preset=auto", "--iterations=5"]
    main_here(*args, *sizes, out_dir=tmp_path)
    out = capsys.readouterr().out
    assert "\nPreset:      photos: 20 images, " in out
    (file,) = tmp_path.glob("checkpoints/*/FLAGS.json")
    settings = json.loads(file.read_text())
    names = ("g_steps", "g_ema", "augment", "augment_p", "batch_size", "iterations", "gf_dim", "df_dim", "stages")
    assert [settings[name] for name in names] == [2, 0.999, "color,translation,cutout", 0.5, 16, 5, 4, 4, "2"]
    assert settings["precision"] in ("float32", "bfloat16")
    assert iio.imread(file.parents[2] / "samples" / file.parent.name / "augmented.png").shape == (64, 64, 3)
