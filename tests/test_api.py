"""dcgan_tf.load and dcgan_tf.train give what the commands give, and print nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from compare_runs import assert_same_run
from helpers import ROOT, main_here

import dcgan_tf
from dcgan_tf import UserError
from dcgan_tf.download.demo import draw_monsters

SIZES = {"output_height": 16, "gf_dim": 4, "df_dim": 4, "batch_size": 8}


def test_generate_gives_the_images_of_the_command(mnist_run: Path, capfd: pytest.CaptureFixture):
    run = dcgan_tf.load("mnist", out_dir=mnist_run)
    images = run.generate(3, seed=5, classes=[7, 2])
    assert capfd.readouterr() == ("", "")
    args = ["--dataset=mnist", "--generate_test_images=3", "--seed=5", "--class=7,2", "--sample_dir=api"]
    main_here(*args, out_dir=mnist_run)
    folder = mnist_run / "api" / "mnist-small" / "images"
    files = ["seed0005_class2.png", "seed0006_class7.png", "seed0007_class2.png"]
    np.testing.assert_array_equal(images[..., 0], np.stack([iio.imread(folder / file) for file in files]))
    assert images.dtype == np.uint8 and images.shape == (3, 28, 28, 1)
    np.testing.assert_array_equal(run.generate(1, seed=5, classes=2), images[:1])


def test_interpolate_and_losses_give_what_the_commands_write(mnist_run: Path):
    run = dcgan_tf.load("mnist-small", out_dir=mnist_run)
    images = run.interpolate([3, 12, 7], steps=4, classes="5")
    assert images.shape == (2, 1, 4, 28, 28, 1)
    np.testing.assert_array_equal(images[0, 0, 0], run.generate(1, seed=3, classes=5)[0])
    np.testing.assert_array_equal(images[1, 0, -1], run.generate(1, seed=7, classes=5)[0])
    losses = run.losses()
    assert losses["iteration"].tolist() == [1, 10, 20, 30, 40]
    assert set(losses) == {"iteration", "d_loss", "d_loss_real", "d_loss_fake", "g_loss"}
    np.testing.assert_allclose(losses["d_loss"], losses["d_loss_real"] + losses["d_loss_fake"], rtol=1e-5)


def test_a_training_logs_and_prints_nothing(images_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture):
    logged: list[dict[str, float]] = []
    often = {"log_freq": 2, "ckpt_freq": 2, "max_to_keep": 5, "on_log": logged.append}
    settings = {"iterations": 6, "g_ema": 0.5, "hold_out": 0.3, "data_dir": images_dir, "out_dir": tmp_path}
    run = dcgan_tf.train("blobs", **SIZES | often | settings)
    assert [values["iteration"] for values in logged] == [1, 2, 4, 6]
    assert logged[0]["g_loss"] > 0
    images = run.generate(4)
    assert images.shape == (4, 16, 16, 3)
    assert "train_00000006.png" in [path.name for path in run.samples.iterdir()]

    # Other weights give other images; a resumed training does not change the images of a run.
    earlier = dcgan_tf.load("blobs", out_dir=tmp_path, iteration=4).generate(4)
    raw = dcgan_tf.load("blobs", out_dir=tmp_path, weights="raw").generate(4)
    for one, other in ((images, earlier), (images, raw), (earlier, raw)):
        assert (one != other).any()
    average = dcgan_tf.load("blobs", out_dir=tmp_path, weights="ema").generate(4)
    np.testing.assert_array_equal(average, images)
    more = dcgan_tf.train("blobs", out_dir=tmp_path, resume=True, iterations=8)
    assert more.run == run.run and (more.generate(4) != images).any()
    np.testing.assert_array_equal(run.generate(4), images)
    with pytest.raises(UserError, match="no checkpoint of iteration 5 in .*; choose one that it has: 2, 4, 6, 8"):
        dcgan_tf.load("blobs", out_dir=tmp_path, iteration=5).generate(1)
    scores = run.evaluate(evaluate_samples=20)
    assert capfd.readouterr() == ("", "")
    assert scores["swd"] == json.loads((run.run.folder / "metrics.json").read_text())["swd"] > 0
    scores = run.evaluate(evaluate_samples=20, input_fname_pattern="*.jpg")  # the others are in the training
    assert "blobs/*.jpg" in scores["note"] and 0 < scores["real_test_pictures"] < 20
    main_here("--dataset=blobs", "--generate_test_images=2", "--iteration=4", out_dir=tmp_path)
    np.testing.assert_array_equal(iio.imread(run.samples / "images" / "seed0001.png"), earlier[1])


def test_a_training_that_begins_with_weights_has_them_from_its_first_checkpoint_on(
    images_dir: Path, blobs_run: Path, tmp_path: Path
):
    def stop(losses: dict[str, float]) -> None:
        shutil.copytree(tmp_path / "checkpoints" / "new", tmp_path / "checkpoints" / "first")
        raise RuntimeError("a program that ends")

    def variable(path: str, name: str) -> np.ndarray:
        reader = tf.train.load_checkpoint(str(tmp_path / "checkpoints" / path))
        return reader.get_tensor(name.replace("/", ".S") + "/.ATTRIBUTES/VARIABLE_VALUE")

    shutil.copytree(blobs_run / "checkpoints", tmp_path / "checkpoints")
    settings = {"data_dir": str(images_dir), "out_dir": tmp_path, "batch_size": 8, "learning_rate": 1e-12}
    with pytest.raises(RuntimeError, match="a program that ends"):
        dcgan_tf.train("blobs", init_from="blobs-small", out_name="new", g_ema=0.9, on_log=stop, log_freq=1, **settings)
    before, new = (dcgan_tf.load(name, out_dir=tmp_path).generate(4) for name in ("blobs-small", "first"))
    np.testing.assert_array_equal(new, before)
    shutil.rmtree(tmp_path / "samples")  # as in a copy of the checkpoints alone
    run = dcgan_tf.train("blobs", resume=True, out_name="new", iterations=2, **settings)
    assert (run.config.output_width, run.config.z_dist, run.config.z_dim) == (24, "normal01", 12)
    assert (run.samples / "train_00000002.png").exists()
    assert variable("new/model-2", "iteration") == 2
    for name in ("generator/g_h0_lin/Matrix", "discriminator/d_h0_conv/w"):
        np.testing.assert_allclose(variable("new/model-2", name), variable("blobs-small/model-60", name), atol=1e-9)
    for arguments, says in (
        ({"init_from": run.run.folder, "gf_dim": 6}, "The run new has --gf_dim 8"),
        ({"init_from": "none"}, "No trained run of data set 'none'"),
    ):
        with pytest.raises(UserError, match=says):
            dcgan_tf.train("blobs", **settings, **arguments)


def test_a_training_that_cannot_begin_leaves_no_run(images_dir: Path, blobs_run: Path, tmp_path: Path):
    shutil.copytree(blobs_run / "checkpoints", tmp_path / "checkpoints")
    (tmp_path / "checkpoints" / "blobs-small" / "model-60.data-00000-of-00001").write_bytes(b"damaged")
    settings = {"data_dir": str(images_dir), "out_dir": tmp_path, "batch_size": 8, "iterations": 2, "out_name": "new"}
    for arguments, says in (
        ({"init_from": "blobs-small"}, "does not fit the sizes .* or is damaged"),
        ({"evaluate_freq": 1, "inception": "missing.pb", "output_height": 16}, "missing.pb is not the Inception graph"),
    ):
        with pytest.raises(UserError, match=says):
            dcgan_tf.train("blobs", **settings, **arguments)
        assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["blobs-small"]
        assert not list((tmp_path / "samples").iterdir()) and not list((tmp_path / "logs").iterdir())


@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM", "handled"])
def test_a_signal_saves_and_returns_or_ends_the_program(kind: str, images_dir: Path, tmp_path: Path):
    number = signal.SIGINT if kind == "SIGINT" else signal.SIGTERM
    received: list[int] = []

    def interrupt(values: dict[str, float]) -> None:
        if values["iteration"] == 4:
            os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    if kind == "handled":
        signal.signal(number, lambda number, frame: received.append(number))
    settings = {"data_dir": str(images_dir), "iterations": 500, "log_freq": 2, "on_log": interrupt, **SIZES}
    try:
        run = dcgan_tf.train("blobs", out_dir=tmp_path, **settings)
        assert run.finished is False and kind != "SIGTERM"
    except SystemExit as error:
        assert (kind, error.code) == ("SIGTERM", 143)
        run = dcgan_tf.load("blobs", out_dir=tmp_path)
    assert received == [number] * (kind == "handled")
    if kind == "handled":
        signal.signal(number, handler)
    assert 4 <= run.iteration < 500
    assert signal.getsignal(number) is handler
    assert run.generate(1).shape == (1, 16, 16, 3)


@pytest.mark.parametrize("error", [dcgan_tf.StopTraining, RuntimeError])
def test_an_exception_in_a_callback_saves_what_was_trained(
    error: type[BaseException], images_dir: Path, tmp_path: Path
):
    def stop(values: dict[str, float]) -> None:
        if values["iteration"] == 4:
            raise error

    how = {"data_dir": images_dir, "out_dir": tmp_path, "evaluate_freq": 2, "evaluate_samples": 20}
    often = {"iterations": 6, "log_freq": 2, "sample_freq": 4, "ckpt_freq": 3}
    if error is dcgan_tf.StopTraining:
        run = dcgan_tf.train("blobs", on_log=stop, **how, **often, **SIZES)
        assert run.finished is False
    else:
        with pytest.raises(error):
            dcgan_tf.train("blobs", on_evaluate=stop, **how, **often, **SIZES)
    run = dcgan_tf.load("blobs", out_dir=tmp_path)
    assert (run.iteration, run.finished) == (4, None)
    assert run.losses()["iteration"].tolist() == [1, 2, 4] and (run.samples / "train_00000004.png").exists()
    assert repr(run) == f"<TrainedRun {run.name}, 16x16x3, raw weights>"
    assert dcgan_tf.train("blobs", resume=True, data_dir=images_dir, out_dir=tmp_path).finished


def test_the_settings_of_a_run_train_it_again(classes_dir: Path, tmp_path: Path):
    given = {"data_dir": str(classes_dir), "preset": "small", "iterations": 3, "seed": 3, "conditional": True}
    run = dcgan_tf.train("classes", out_dir=tmp_path, out_name="first", **SIZES, **given)
    assert run.config.seed == 0 and run.settings["seed"] == 3
    assert not run.settings.keys() & {"epoch", "beta1", "class_names"}
    saved = json.loads(run.run.flags_file.read_text())
    dcgan_tf.train(**json.loads(json.dumps(run.settings)), out_dir=tmp_path, out_name="second")
    main_here("--train", f"--settings={run.run.flags_file}", "--out_name=third", out_dir=tmp_path)
    for name in ("second", "third"):
        assert_same_run(tmp_path, "first", name, 3)
        assert json.loads((run.run.folder.parent / name / "FLAGS.json").read_text()) == saved
    with pytest.raises(UserError, match="give only one of them"):
        dcgan_tf.train(**saved | {"epoch": 1}, out_dir=tmp_path)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras, when it saves
def test_the_networks_are_keras_models_for_inference(classes_run: Path, tmp_path: Path):
    shutil.copytree(classes_run / "checkpoints" / "classes-small", tmp_path / "hub" / "snapshot")
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "hub").rglob("*")}
    run = dcgan_tf.load(tmp_path / "hub" / "snapshot", out_dir=tmp_path / "mine")
    images = run.generator([run.z([3, 4]), np.eye(2, dtype=np.float32)]).numpy()
    np.testing.assert_allclose(images * 255, run.generate(z=run.z([3, 4]), labels=[0, 1]), atol=0.6)
    assert run.discriminator([images, np.eye(2, dtype=np.float32)]).shape == (2, 1)
    assert run.run.folder == tmp_path / "mine" / "checkpoints" / "snapshot"
    assert run.export(tmp_path / "exported") == tmp_path / "exported"
    assert (tmp_path / "exported" / "generator.tflite").exists() and not (tmp_path / "mine").exists()
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "hub").rglob("*")} == files


TYPED = """
from pathlib import Path
import numpy as np
import dcgan_tf

def stop(values: dict[str, float]) -> None:
    raise dcgan_tf.StopTraining

run = dcgan_tf.load(Path("folder"), out_dir="here")
images: np.ndarray = run.generate(z=run.z([1, 2]), labels=np.array([0, 1]))
results: tuple[float, dict[str, np.ndarray], Path] = (run.project(images[0]).rms, run.losses(), run.export("exported"))
state: tuple[str, int | None, bool | None, dcgan_tf.Config] = (run.name, run.iteration, run.finished, run.config)
trained: dcgan_tf.TrainedRun | None = dcgan_tf.train("cats", on_log=stop, on_evaluate=print)
array, labels, config = dcgan_tf.read("cats", output_height=32)
print(array.shape, dcgan_tf.networks.build_generator(config), dcgan_tf.losses.g_loss, results, state, trained)
"""


def page_blocks() -> list[str]:
    """Return the blocks of code of docs/python.md."""
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_what_is_public_has_types_and_comes_when_it_is_used(tmp_path: Path):
    api = pytest.importorskip("mypy.api")
    (tmp_path / "typed.py").write_text(TYPED)
    out, err, code = api.run(["--strict", "--follow-imports=silent", str(tmp_path / "typed.py")])
    assert code == 0, out + err
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert [name for name in dcgan_tf.__all__ if f"`{name}" not in page] == []
    assert dir(dcgan_tf) == sorted(dcgan_tf.__all__)
    with pytest.raises(AttributeError, match="'trian'"):
        dcgan_tf.trian  # noqa: B018


def test_read_gives_what_a_training_sees(classes_dir: Path):
    images, labels, config = dcgan_tf.read("classes", data_dir=classes_dir, output_height=8, conditional=True)
    assert images.shape == (24, 8, 8, 3) and images.dtype == np.uint8
    assert sorted(labels.tolist()) == [0] * 12 + [1] * 12 and config.class_names == ("dark", "light")
    assert dcgan_tf.networks.build_generator(config).name == "generator"


def test_mistakes_raise_user_error(mnist_run: Path, tmp_path: Path):
    run = dcgan_tf.load("mnist", out_dir=mnist_run)
    for call, says in (
        (lambda: dcgan_tf.load("none", out_dir=tmp_path), "No trained run of data set 'none'"),
        (lambda: dcgan_tf.load("mnist", out_dir=mnist_run, weights="ema"), "no average of the weights"),
        (lambda: run.generate(0), "greater than 0, but is 0"),
        (lambda: run.generate(z=np.zeros((2, 7))), r"shape \[N, 100\].*\(2, 7\)"),
        (lambda: run.generate(2, labels=[3]), "labels must be 2 numbers below 10"),
        (lambda: run.generate(2, classes="dog"), "dog"),
        (lambda: run.interpolate(np.array(3)), "two seeds or more"),
        (lambda: run.generate(True), "a whole number, but is 'True'"),
        (lambda: run.generate(z=[[1], [2, 3]]), r"z must be numbers, but is \[\[1\], \[2, 3\]\]"),
        (lambda: run.project(7), r"a file, or uint8 of the shape \(28, 28, 1\), but is int64 of \(1,\)"),
        (lambda: run.export(True), "--export must be text, but is 'True'"),
        (lambda: dcgan_tf.train("mnist", on_log=7), "--on_log must be a function, but is 7"),
        (lambda: dcgan_tf.load(b"mnist"), "--source must be text, but is \"b'mnist'\""),
    ):
        with pytest.raises(UserError, match=says):
            call()


@pytest.mark.slow
def test_the_page_runs_as_it_stands(tmp_path: Path):
    draw_monsters(tmp_path / "data" / "demo")
    moved = """
made = gan.generator(tf.random.uniform([64, config.z_dim], -1, 1), training=True)
print(abs(tf.reduce_mean(made) * 127.5 + 127.5 - images.mean()).numpy(), abs(127.5 - images.mean()))
"""
    (tmp_path / "page.py").write_text("\n".join([*page_blocks(), moved]))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    after, before = map(float, done.stdout.splitlines()[-1].split())
    assert after < before / 2 and len((tmp_path / "losses.csv").read_text().splitlines()) == 11
