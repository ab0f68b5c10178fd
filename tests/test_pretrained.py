"""Runs that come with the package: complete, unchanged, and used like any run, without training or network."""

from __future__ import annotations

import hashlib
import json
import shutil
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
from dcgan_tf.settings.config import Config
from tools import pack_pretrained

NAMES = sorted(path.name for path in weights.PRETRAINED.iterdir() if path.is_dir())


@pytest.fixture
def run(blobs_run: Path, tmp_path: Path) -> Run:
    """A copy of the small run blobs-small, which other tests do not see, with figures."""
    shutil.copytree(blobs_run, tmp_path / "blobs_run")
    run = Runs(str(tmp_path / "blobs_run")).named("blobs-small")
    (run.folder / "metrics.json").write_text('{"checkpoint": "/x", "swd": 7}')
    return run


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of the package's, to which a run can be added."""
    for module in (weights, pack_pretrained):
        monkeypatch.setattr(module, "PRETRAINED", tmp_path / "package")
    return tmp_path / "package"


@pytest.mark.parametrize("name", NAMES)
def test_each_is_complete_and_small(name: str):
    folder = weights.PRETRAINED / name
    about = json.loads((folder / "about.json").read_text())
    assert {path.name for path in folder.iterdir()} == {"about.json", "FLAGS.json", "metrics.json", *about["sha256"]}
    assert {"generator.npz"} <= set(about["sha256"]) <= {"generator.npz", "discriminator.npz"}
    for file, digest in about["sha256"].items():
        content = (folder / file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest and len(content) <= 8e6
    assert all(about[key] for key in ("command", "data", "licence", "iteration"))
    assert about["command"].startswith(f"python main.py --dataset {name} --train ")
    assert Config.read(folder / "FLAGS.json").dataset == name
    assert f"| `{name}`" in (ROOT / "README.md").read_text()
    assert json.loads((folder / "metrics.json").read_text())["iteration"] == int(about["iteration"])


def test_images_without_training(tmp_path: Path):
    main_here("--dataset=mnist", "--pretrained", "--generate_test_images=20", out_dir=tmp_path)
    files = sorted((tmp_path / "samples" / "pretrained-mnist" / "images").iterdir())
    images = dcgan_tf.load("pretrained:mnist", out_dir=tmp_path).generate(20)
    np.testing.assert_array_equal(images[..., 0], np.stack([iio.imread(file) for file in files]))
    ink = images.mean((1, 2, 3))
    assert ((ink > 10) & (ink < 80)).all()  # digits: real ones have 33 on average
    assert images.std(axis=0).mean() > 20


def test_the_avatars_have_two_classes(tmp_path: Path):
    """In the drawings, people have shoulders at the bottom of the image, and robots end above it."""
    run = dcgan_tf.load("pretrained:avatars", out_dir=tmp_path)
    bottom = {name: run.generate(32, classes=name)[:, -3:, 24:40].mean((1, 2, 3)) for name in ("people", "robots")}
    assert np.median(bottom["people"]) < 200 and (bottom["people"] < 240).mean() > 0.9
    assert (bottom["robots"] > 240).mean() > 0.9


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras, when it saves
def test_the_generator_is_exported_where_there_is_no_other_network(tmp_path: Path):
    main_here("--dataset=Avatars", "--pretrained", "--export", out_dir=tmp_path)
    folder = tmp_path / "checkpoints" / "pretrained-avatars" / "export"
    assert sorted(path.name for path in folder.iterdir()) == ["generator", "generator.keras", "generator.tflite"]


def test_what_a_pretrained_run_does_not_have(images_dir: Path, tmp_path: Path):
    train = ["--train", f"--data_dir={images_dir}", "--iterations=1"]
    for flags, says in (
        (["--dataset=cats"], r"no pretrained run of the data set 'cats'; there are .*mnist"),
        (["--dataset=mnist", "--weights=raw"], "The run pretrained-mnist has no raw weights; leave out --weights"),
        (["--dataset=mnist", *train], "run pretrained-mnist has only the generator, but this needs the discr"),
        (["--dataset=mouths", *train, "--gf_dim=6"], "The run pretrained-mouths has --gf_dim "),
    ):
        with pytest.raises(UserError, match=says):
            main_here("--pretrained", *flags, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras, when it saves
def test_an_own_run_with_both_networks_can_be_added(
    run: Run, package: Path, images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture, shown: None
):
    pack_pretrained.main([str(run.folder), "blobs", "the command", "the data", "the licence", "--discriminator"])
    folder = package / "blobs"
    assert capsys.readouterr().out == f"Wrote {folder}\n"
    about = json.loads((folder / "about.json").read_text())
    assert set(about.pop("sha256")) == {"generator.npz", "discriminator.npz"}
    assert about == {"iteration": "60", "command": "the command", "data": "the data", "licence": "the licence"}
    assert json.loads((folder / "metrics.json").read_text()) == {"swd": 7}
    before = dcgan_tf.load(run.folder).generate(8).astype(int)
    after = dcgan_tf.load("pretrained:blobs", out_dir=tmp_path).generate(8)
    assert np.abs(after - before).max() <= 2 and before.std() > 1  # float16
    hub = tmp_path / "hub" / "snapshot"
    pack_pretrained.main([str(run.folder), str(hub), "the command", "the data", "the licence"])
    np.testing.assert_array_equal(dcgan_tf.load(hub, out_dir=tmp_path).generate(8), after)
    assert dcgan_tf.load(hub).iteration == 60 and dcgan_tf.load(hub).config.dataset == "snapshot"
    (hub / "generator.npz").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(UserError, match="generator.npz is damaged, or another file than was packed; copy it again"):
        dcgan_tf.load(hub).generate()
    card = (hub / "README.md").read_text()
    assert "20x24x3" in card and "Licence of the data: the licence" in card and '"swd": 7' in card
    config = Config.read(folder / "FLAGS.json")
    assert (config.dataset, config.data_dir, config.output_width) == ("blobs", Config.data_dir, 24)

    data = ["--dataset=blobs", f"--data_dir={images_dir}"]
    train = ["--train", "--iterations=1", "--batch_size=8", "--learning_rate=1e-12", "--out_name=new"]
    main_here(*data, *train, "--pretrained", out_dir=tmp_path)
    saved = tf.train.load_checkpoint(str(tmp_path / "checkpoints" / "new" / "model-1"))
    for file in ("generator.npz", "discriminator.npz"):
        arrays = {name: array for name, array in np.load(folder / file).items() if "moving_" not in name}
        assert len(arrays) > 5
        for name, array in arrays.items():
            assert array.dtype == np.float16
            key = name.replace("/", ".S") + "/.ATTRIBUTES/VARIABLE_VALUE"
            np.testing.assert_allclose(saved.get_tensor(key), array.astype(np.float32), atol=1e-9, err_msg=name)

    main_here(*data, f"--features={tmp_path / 'own.npz'}", out_dir=run.out_dir)
    main_here(*data, "--pretrained", f"--features={tmp_path / 'pretrained.npz'}", out_dir=tmp_path)
    own, again = (np.load(tmp_path / f"{name}.npz")["features"] for name in ("own", "pretrained"))
    assert 0 < np.abs(again - own).max() < 0.01 * np.abs(own).max()
    main_here(*data, "--pretrained", "--export", out_dir=tmp_path)
    assert list(tmp_path.rglob("discriminator.keras"))
