"""Generators that come with the package: complete, unchanged, and used like any run, without training or network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from helpers import ROOT, main_here

import dcgan_tf
from dcgan_tf import UserError
from dcgan_tf.runs import weights
from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.runs.weights import of_pretrained
from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import Config
from tools import pack_pretrained

NAMES = sorted(path.name for path in weights.PRETRAINED.iterdir() if path.is_dir())
ABOUT = {"command": "c", "data": "d", "licence": "l"}


@pytest.fixture
def blobs_run(blobs_run: Path, tmp_path: Path) -> Path:
    """A copy of the small run, which other tests do not see."""
    return shutil.copytree(blobs_run, tmp_path / "blobs_run")


@pytest.fixture
def package(blobs_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of the package's, to which the run blobs-small can be added."""
    for module in (weights, pack_pretrained):
        monkeypatch.setattr(module, "PRETRAINED", tmp_path / "package")
    (blobs_run / "checkpoints" / "blobs-small" / "metrics.json").write_text('{"checkpoint": "/x", "swd": 7}')
    return tmp_path / "package"


def blobs_small(blobs_run: Path) -> Run:
    return Runs(str(blobs_run)).named("blobs-small")


def test_each_is_complete_and_small():
    assert "mnist" in NAMES
    readme = (ROOT / "README.md").read_text()
    for name in NAMES:
        folder = weights.PRETRAINED / name
        about = json.loads((folder / "about.json").read_text())
        assert {path.name for path in folder.iterdir()} == {
            "about.json",
            "FLAGS.json",
            "metrics.json",
            *about["sha256"],
        }
        assert {"generator.npz"} <= set(about["sha256"]) <= {"generator.npz", "discriminator.npz"}
        for file, digest in about["sha256"].items():
            content = (folder / file).read_bytes()
            assert hashlib.sha256(content).hexdigest() == digest and len(content) <= 8e6
        assert all(about[key] for key in ("command", "data", "licence", "iteration"))
        assert about["command"].startswith(f"python main.py --dataset {name} --train ")
        assert flags_json.read(folder / "FLAGS.json").dataset == name and f"| `{name}` (" in readme
        assert json.loads((folder / "metrics.json").read_text())["iteration"] == int(about["iteration"])


def test_images_without_training(tmp_path: Path):
    main_here("--dataset=mnist", "--pretrained", "--generate_test_images=20", out_dir=tmp_path)
    files = sorted((tmp_path / "samples" / "pretrained-mnist" / "images").iterdir())
    images = dcgan_tf.load("pretrained:mnist", out_dir=tmp_path).generate(20)
    np.testing.assert_array_equal(images[..., 0], np.stack([iio.imread(file) for file in files]))
    ink = images.mean((1, 2, 3))
    assert ((ink > 10) & (ink < 80)).all()  # digits: real ones have 33 on average
    assert images.std(axis=0).mean() > 20


def test_the_mouths_can_be_trained_further(images_dir: Path, tmp_path: Path):
    """This run has its discriminator. With almost no learning rate, only G's moving averages change a little."""
    settings = {"init_from": "pretrained:mouths", "iterations": 1, "batch_size": 8, "learning_rate": 1e-12}
    run = dcgan_tf.train("blobs", data_dir=str(images_dir), out_dir=tmp_path, **settings)
    expected = dcgan_tf.load("pretrained:mouths", out_dir=tmp_path).generate(4)
    others = dcgan_tf.load("pretrained:mouths", out_dir=tmp_path).generate(4, seed=4)
    assert np.abs(run.generate(4).astype(int) - expected).mean() < 10
    assert np.abs(others.astype(int) - expected).mean() > 30


def test_the_avatars_have_two_classes(tmp_path: Path):
    """In the drawings, people have shoulders at the bottom of the image, and robots end above it."""
    run = dcgan_tf.load("pretrained:avatars", out_dir=tmp_path)
    bottom = {name: run.generate(32, classes=name)[:, -3:, 24:40].mean((1, 2, 3)) for name in ("people", "robots")}
    assert np.median(bottom["people"]) < 200 and (bottom["people"] < 240).mean() > 0.9
    assert (bottom["robots"] > 240).mean() > 0.9


def test_what_a_pretrained_run_does_not_have(tmp_path: Path):
    with pytest.raises(UserError, match=r"no pretrained run of the data set 'cats'; there are .*mnist"):
        main_here("--dataset=cats", "--pretrained", out_dir=tmp_path)
    for option in ({"best": True}, {"iteration": 100}, {"weights": "raw"}):
        with pytest.raises(UserError, match="has one set of weights; leave out --best, --iteration and --weights"):
            dcgan_tf.load("pretrained:mnist", **option)
    with pytest.raises(UserError, match="has only the generator"):
        main_here("--dataset=mnist", "--pretrained", "--export", out_dir=tmp_path)


def test_an_own_run_can_be_added_and_damage_is_found(blobs_run: Path, package: Path, tmp_path: Path):
    folder = pack_pretrained.add(blobs_small(blobs_run), "blobs", ABOUT)
    assert folder == package / "blobs" and json.loads((folder / "metrics.json").read_text()) == {"swd": 7}
    before = dcgan_tf.load("blobs", out_dir=blobs_run).generate(8).astype(int)
    after = dcgan_tf.load("pretrained:blobs", out_dir=tmp_path).generate(8)
    assert np.abs(after - before).max() <= 2 and before.std() > 1  # float16
    shutil.copy(folder / "FLAGS.json", folder / "generator.npz")
    with pytest.raises(UserError, match="is damaged .*its digest is wrong.*install dcgan_tf again"):
        dcgan_tf.load("pretrained:blobs", out_dir=tmp_path).generate(1)
    (folder / "about.json").write_text("{}")
    with pytest.raises(UserError, match="about.json is damaged .*install dcgan_tf again"):
        dcgan_tf.load("pretrained:blobs", out_dir=tmp_path).generate(1)


def test_what_cannot_be_added(blobs_run: Path, package: Path, monkeypatch: pytest.MonkeyPatch):
    run = blobs_small(blobs_run)
    pack_pretrained.add(run, "blobs", ABOUT)
    monkeypatch.setattr(pack_pretrained, "MAX_BYTES", 1000)
    with pytest.raises(UserError, match="The generator of blobs-small has .* at most 1,000; leave it out"):
        pack_pretrained.add(run, "blobs", ABOUT, discriminator=True)
    assert not of_pretrained("blobs").has_discriminator and [p.name for p in package.iterdir()] == ["blobs"]
    (run.folder / "metrics.json").unlink()
    with pytest.raises(UserError, match="has no .*metrics.json; measure it with --evaluate first"):
        pack_pretrained.add(run, "blobs", ABOUT)


def test_a_training_begins_with_a_pretrained_run(blobs_run: Path, package: Path, images_dir: Path, tmp_path: Path):
    folder = pack_pretrained.add(blobs_small(blobs_run), "blobs", ABOUT, discriminator=True)
    train = ["--dataset=blobs", f"--data_dir={images_dir}", "--train", "--iterations=1", "--batch_size=8"]
    main_here(*train, "--pretrained", "--learning_rate=1e-12", "--out_name=new", out_dir=tmp_path)
    saved = tf.train.load_checkpoint(str(tmp_path / "checkpoints" / "new" / "model-1"))
    for file in ("generator.npz", "discriminator.npz"):
        arrays = {name: array for name, array in np.load(folder / file).items() if "moving_" not in name}
        assert len(arrays) > 5 and len({array.dtype for array in arrays.values()} - {np.dtype(np.float16)}) == 0
        for name, array in arrays.items():
            key = name.replace("/", ".S") + "/.ATTRIBUTES/VARIABLE_VALUE"
            np.testing.assert_allclose(saved.get_tensor(key), array.astype(np.float32), atol=1e-9, err_msg=name)

    run = dcgan_tf.train(
        "blobs", data_dir=str(images_dir), out_dir=tmp_path, init_from="pretrained:blobs", iterations=1, batch_size=8
    )
    assert run.config.z_dim == 12 and run.config.output_width == 24
    for arguments, says in (
        (["--pretrained", "--gf_dim=6"], "The run pretrained-blobs has --gf_dim 8"),
        (["--pretrained", "--output_height=40"], "The run pretrained-blobs has --output_height 20"),
        (["--pretrained", "--init_from=new"], "--init_from and --pretrained both choose the weights"),
        (["--pretrained", "--resume"], "--pretrained begins a new run and --resume continues one"),
    ):
        with pytest.raises(UserError, match=says):
            main_here(*train, *arguments, out_dir=tmp_path)


def test_no_training_begins_with_a_generator_alone(blobs_run: Path, package: Path, images_dir: Path, tmp_path: Path):
    pack_pretrained.add(blobs_small(blobs_run), "blobs", ABOUT)
    with pytest.raises(UserError, match="run pretrained-blobs has only the generator, but this needs the discr"):
        train = ["--dataset=blobs", f"--data_dir={images_dir}", "--train", "--iterations=1", "--batch_size=8"]
        main_here(*train, "--pretrained", out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras, when it saves
def test_commands_that_need_the_discriminator(blobs_run: Path, package: Path, images_dir: Path, tmp_path: Path):
    pack_pretrained.add(blobs_small(blobs_run), "blobs", ABOUT, discriminator=True)
    data = ["--dataset=blobs", f"--data_dir={images_dir}"]
    main_here(*data, f"--features={tmp_path / 'own.npz'}", out_dir=blobs_run)
    main_here(*data, "--pretrained", f"--features={tmp_path / 'pretrained.npz'}", out_dir=tmp_path)
    own, again = (np.load(tmp_path / f"{name}.npz")["features"] for name in ("own", "pretrained"))
    assert 0 < np.abs(again - own).max() < 0.01 * np.abs(own).max()
    main_here(*data, "--pretrained", "--export", out_dir=tmp_path)
    assert list(tmp_path.rglob("discriminator.keras"))


def test_the_tool_is_a_program(tmp_path: Path):
    tool = [sys.executable, "-W", "error", str(ROOT / "tools" / "pack_pretrained.py")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [str(tmp_path / "checkpoints" / "no-run"), "blobs", "c", "d", "l"]
    done = subprocess.run([*tool, *words], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done
    assert done.stderr.startswith(f"Error: {tmp_path / 'checkpoints' / 'no-run' / 'FLAGS.json'} "), done


def test_the_tools_command_line(blobs_run: Path, package: Path, capsys: pytest.CaptureFixture, shown: None):
    run = blobs_small(blobs_run).folder
    pack_pretrained.main([str(run), "blobs", "the command", "the data", "the licence", "--discriminator"])
    assert capsys.readouterr().out == f"Wrote {package / 'blobs'}\n"
    about = json.loads((package / "blobs" / "about.json").read_text())
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (package / "blobs").glob("*.npz")}
    assert len(digests) == 2 and about == {
        "sha256": digests,
        "iteration": "60",
        "command": "the command",
        "data": "the data",
        "licence": "the licence",
    }
    saved = flags_json.read(package / "blobs" / "FLAGS.json")
    assert (saved.dataset, saved.data_dir, saved.output_width) == ("blobs", Config.data_dir, 24)
    names = ["FLAGS.json", "about.json", "discriminator.npz", "generator.npz", "metrics.json"]
    assert sorted(path.name for path in (package / "blobs").iterdir()) == names
