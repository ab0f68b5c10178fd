"""Checkpoints of the original: a genuine one with the pictures it gave, and made ones of other shapes."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from helpers import config_of, main_here

import dcgan_tf
from dcgan_tf.networks import build_discriminator, build_generator
from dcgan_tf.runs.original import of_original, read
from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.weights import of_run
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError

FOLDER = Path(__file__).parent / "original_checkpoint"
PREFIX = str(FOLDER / "model.b32-600")


def write_tf1(prefix: str, config: Config) -> None:
    """Write networks of these sizes, with random numbers for averages, as TensorFlow 1's Saver does."""
    variables = [*build_generator(config).variables, *build_discriminator(config).variables]
    random = np.random.default_rng(0)
    tensors = [v.numpy() + random.uniform(0, 0.1, v.shape).astype(np.float32) for v in variables]
    tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=[v.path for v in variables], shape_and_slices=[""] * len(variables), tensors=tensors
    )


def test_the_genuine_checkpoint_gives_its_own_samples():
    recorded = np.load(FOLDER / "sampler.npz")
    weights = of_original(PREFIX, {"dataset": "mnist"})
    config = weights.config
    assert (config.output_height, config.output_width, config.c_dim, config.y_dim) == (28, 28, 1, 10)
    assert (config.z_dim, config.gf_dim, config.df_dim, config.gfc_dim, config.dfc_dim) == (100, 16, 16, 64, 64)
    generator = weights.generator()
    assert weights.origin() == (PREFIX, 600)
    samples = generator(recorded["z"], recorded["y"], training=False)
    np.testing.assert_allclose(samples, recorded["samples"], atol=1e-5)
    assert recorded["samples"].std() > 0.1
    logits = weights.discriminator()(samples, recorded["y"], training=False)
    assert abs(float(tf.reduce_mean(tf.sigmoid(logits))) - 0.5) < 0.3  # a trained one doubts its own generator's


@pytest.mark.parametrize("path", [f"{PREFIX}.data-00000-of-00001", str(FOLDER)])
def test_any_of_its_files_will_do(path: str):
    recorded = np.load(FOLDER / "sampler.npz")
    run = dcgan_tf.load(path)
    assert run.name == "model.b32-600"
    images = run.generate(z=recorded["z"], labels=recorded["y"].argmax(1))
    assert np.abs(images - 255 * recorded["samples"]).max() < 0.51


@pytest.mark.parametrize(
    ("named", "other"),
    [
        (b'"/home/me/dcgan/model.b32-700"', 200),
        (b"\x92\xff\n", 200),
        (None, 200),  # there is no such file
    ],
)
def test_its_folder_may_have_moved(named: bytes | None, other: int, tmp_path: Path, capfd: pytest.CaptureFixture):
    """Args: named: what the file `checkpoint` names. other: the iteration of another checkpoint."""
    for file in FOLDER.glob("model*"):
        shutil.copy(file, tmp_path)
    shutil.copy(f"{PREFIX}.index", tmp_path / f"model.b32-{other}.index")
    if named:
        (tmp_path / "checkpoint").write_bytes(b"model_checkpoint_path: " + named)
    assert of_original(str(tmp_path), {}).name == "model.b32-600"
    assert capfd.readouterr().err == ""


def test_commands_work_on_it_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture):
    main_here(f"--checkpoint={PREFIX}.index", "--grid=10x3", out_dir=tmp_path)
    grid = tmp_path / "samples" / "model.b32-600" / "grid_10x3.png"
    rows = "Rows:        0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert capsys.readouterr().out == f"Generator: {PREFIX}\n{rows}\nWrote {grid}\n"
    assert iio.imread(grid).shape == (280, 84)
    main_here(f"--checkpoint={PREFIX}", "--freeze", "--out_name=mine", out_dir=tmp_path)
    assert (tmp_path / "checkpoints" / "mine" / "frozen" / "generator.pb").stat().st_size > 600_000


def test_training_goes_on_from_it(mnist_dir: Path, tmp_path: Path):
    args = ["--train", "--dataset=mnist", f"--data_dir={mnist_dir}", f"--checkpoint={PREFIX}", "--out_name=tuned"]
    main_here(*args, "--train_size=64", "--epoch=1", out_dir=tmp_path)
    run = Runs(str(tmp_path)).named("tuned")
    config = run.config()
    assert (config.gf_dim, config.dfc_dim, config.output_height, config.y_dim) == (16, 64, 28, 10)
    _, before = read(PREFIX)
    tuned = tf.train.load_checkpoint(str(run.folder / "model-1"))
    moved = {}
    for network in (of_run(run).generator(), of_run(run).discriminator()):
        for variable in network.trainable_variables:
            moved[variable.path] = np.abs(variable.numpy() - before[variable.path]).max()
    # Fresh Adam: its first update is at most one learning rate long; G has two.
    assert 1.9e-4 < max(moved.values()) < 4.5e-4
    assert tuned.get_tensor("iteration/.ATTRIBUTES/VARIABLE_VALUE") == 1


@pytest.mark.parametrize(
    ("sizes", "given"),
    [
        ({"output_height": 64, "output_width": 64, "c_dim": 3}, {}),
        ({"output_height": 45, "output_width": 30, "c_dim": 1}, {"output_height": 45, "output_width": 30}),
        ({"output_height": 12, "output_width": 20, "c_dim": 3, "class_names": ("0", "1", "2")}, {"output_width": 20}),
    ],
)
def test_sizes_are_read_off_the_shapes(sizes: dict, given: dict, tmp_path: Path):
    config = Config(z_dim=7, gf_dim=2, df_dim=3, gfc_dim=5, dfc_dim=6, conditional="class_names" in sizes, **sizes)
    path = str(tmp_path / "model")
    if "class_names" in sizes:
        given = {"output_height": 12} | given
    else:  # which these networks do not have
        config = dataclasses.replace(config, gfc_dim=Config.gfc_dim, dfc_dim=Config.dfc_dim)
    write_tf1(path, config)
    weights = of_original(path, given)
    assert weights.config == config
    _, arrays = read(path)
    for variable in [*weights.generator().variables, *weights.discriminator().variables]:
        assert (variable.numpy() == arrays[variable.path]).all()


def test_what_does_not_fit_is_told(tmp_path: Path, mnist_run: Path, images_dir: Path):
    write_tf1(str(tmp_path / "wide"), config_of(output_height=32, output_width=48, gf_dim=2, df_dim=2))
    ours = mnist_run / "checkpoints" / "mnist-small"
    whole = Path(f"{PREFIX}.data-00000-of-00001").read_bytes()
    for name, content in {"cut": whole[:1000], "altered": b"x" * 1000 + whole[1000:], "gone": b""}.items():
        shutil.copy(f"{PREFIX}.index", tmp_path / f"{name}.index")
        (tmp_path / f"{name}.data-00000-of-00001").write_bytes(content)
    (tmp_path / "gone.data-00000-of-00001").unlink()
    training = ["--train", "--dataset=blobs", f"--data_dir={images_dir}", "--batch_size=8"]
    for path, flags, says in (
        (PREFIX, ["--gf_dim=64"], "The run model.b32-600 has --gf_dim 16"),
        (PREFIX, ["--output_height=32"], "generator/g_h1_lin/Matrix has the shape (74, 1568), not (74, 1792)"),
        (tmp_path / "wide", [], "give the --output_height and the --output_width that it was trained with"),
        (ours, [], "is not carpedm20/DCGAN-tensorflow's ('generator/"),
        *((tmp_path / name, [], "with all of its files, .index and .data-*") for name in ("cut", "altered", "gone")),
        (tmp_path / "nothing", [], "; give the path of one of the original's, like checkpoint/"),
        (images_dir, [], "(Couldn't find 'checkpoint' file"),
        (PREFIX, training, "A training with labels needs a class for every image"),
    ):
        with pytest.raises(UserError, match=re.escape(says)):
            main_here(f"--checkpoint={path}", *flags, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()
