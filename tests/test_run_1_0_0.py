"""A run of version 1.0.0 is read as before, and resumed it ends as that version ended it."""

from __future__ import annotations

import shutil
from pathlib import Path

import imageio.v3 as iio
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import ROOT, main_here

import dcgan_tf

RUN = ROOT / "tests" / "run_1_0_0"
NAME = "shapes-1.0.0"
TOLERANCE = 2e-4  # another processor sums in another order; six iterations at this rate move weights by up to 0.06
LOSSES = ("d_loss", "d_loss_real", "d_loss_fake", "g_loss")


@pytest.fixture(scope="module")
def shapes_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data_dir with the images that the run was trained on: 2 classes of 12 images, 16x16 in colour."""
    folder = tmp_path_factory.mktemp("data")
    rows, columns = np.mgrid[:16, :16]
    for label, name in enumerate(("dots", "stripes")):
        (folder / "shapes" / name).mkdir(parents=True)
        for number in range(12):
            wave = np.cos((rows * (number + 3) + label * columns * 5) / 9)
            image = (127.5 + 100 * wave[..., None] * [1, 0.5, -1]).astype(np.uint8)
            iio.imwrite(folder / "shapes" / name / f"{number:02}.png", image)
    return folder


def variables(path: Path) -> dict[str, np.ndarray]:
    """All variables of a checkpoint, by their names in a run."""
    reader = tf.train.load_checkpoint(str(path))
    found = {}
    for name in reader.get_variable_to_shape_map():
        if "OBJECT_GRAPH" not in name and "save_counter" not in name:
            found[name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE").replace(".S", "/")] = reader.get_tensor(name)
    return found


@pytest.mark.filterwarnings("ignore:Model .generator. had a build config:UserWarning")  # from Keras, of the old file
def test_its_exported_generator_is_read():
    run = dcgan_tf.load(RUN / "checkpoints" / NAME)
    assert dcgan_tf.networks  # Keras finds the classes of layers that are imported
    generator = keras.saving.load_model(RUN / "generator.keras")
    z = run.z(range(4))
    images = generator([z, np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]])
    np.testing.assert_allclose(255 * images.numpy(), run.generate(z=z, labels=[0, 1, 1, 0]), atol=0.501)


def test_resumed_it_ends_as_1_0_0_ended_it(shapes_dir: Path, tmp_path: Path):
    shutil.copytree(RUN, tmp_path, dirs_exist_ok=True)
    run = dcgan_tf.load(NAME, out_dir=tmp_path)
    assert run.config.stage_count == 2 and run.config.class_names == ("dots", "stripes")
    assert run.generate(4, classes="stripes").std() > 1
    before = variables(tmp_path / "checkpoints" / NAME / "model-6")

    data = f"--data_dir={shapes_dir}"
    main_here("--train", "--resume", f"--out_name={NAME}", "--iterations=12", data, out_dir=tmp_path)

    expected = dict(np.load(RUN / "expected.npz"))
    losses = dcgan_tf.load(NAME, out_dir=tmp_path).losses()
    logged = np.stack([losses[name] for name in LOSSES], axis=1)
    np.testing.assert_allclose(logged, expected.pop("losses"), atol=TOLERANCE)
    after = variables(tmp_path / "checkpoints" / NAME / "model-12")
    assert set(after) == set(expected)
    for name, value in expected.items():
        # The gradient of a bias in front of batch norm is 0 and rounding, which Adam enlarges.
        if name.rsplit("/", 1)[-1] in ("w", "Matrix", "gamma", "beta", "beta1_power", "beta2_power", "iteration"):
            np.testing.assert_allclose(after[name], value, atol=TOLERANCE, err_msg=name)
    moved = np.abs(before["generator/g_h1/w"] - expected["generator/g_h1/w"]).max()
    assert moved > 100 * TOLERANCE  # else this test could not fail
