"""--project finds the z, and the class, of an image that the generator made."""

from __future__ import annotations

import re
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from helpers import fails_with_one_sentence, images_of, main_here

import dcgan_tf
from dcgan_tf import UserError
from dcgan_tf.system import image_files


def rms(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(a.astype(float) - b))))


def test_the_image_of_a_seed_is_recovered(blobs_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    """Seed 1000 is not among those that the search begins with."""
    target = dcgan_tf.load("blobs", out_dir=blobs_run).generate(1, seed=1000)[0]
    others = dcgan_tf.load("blobs", out_dir=blobs_run).generate(64)
    nearest = min(rms(target, other) for other in others)
    image_files.save_png(tmp_path / "blob.png", target)
    main_here("--dataset=blobs", f"--project={tmp_path / 'blob.png'}", out_dir=blobs_run)
    folder = blobs_run / "samples" / "blobs-small"
    pair = iio.imread(folder / "project_blob.png")
    np.testing.assert_array_equal(pair[:, :24], target)
    reconstruction = pair[:, 24:]
    assert rms(reconstruction, target) < nearest / 2
    printed = re.search(r"differs from the image by ([\d.]+) gray levels", capsys.readouterr().out)
    assert float(printed[1]) == round(rms(reconstruction, target), 1)
    z = np.load(folder / "project_blob_z.npy")
    assert z.shape == (12,)
    made = images_of(blobs_run, "blobs-small", z[None], [])[0]
    assert np.abs(made.astype(int) - reconstruction).max() <= 1


def test_the_class_is_found(mnist_run: Path):
    run = dcgan_tf.load("mnist", out_dir=mnist_run)
    target = run.generate(1, seed=1000, classes=7)[0]
    found = run.project(target)
    assert found.label == 7 and found.rms == rms(found.image, target) < 5
    assert np.abs(found.z).max() <= 1
    again = run.generate(z=found.z[None], labels=[7])[0]
    assert np.abs(again.astype(int) - found.image).max() <= 1
    other = run.project(target, classes=[3])
    assert other.label == 3 and other.rms > found.rms


def test_mistakes_are_one_sentence(blobs_run: Path, tmp_path: Path):
    (tmp_path / "text.png").write_text("no image")
    for name, says in (("text.png", "cannot be read (it is not an image)"), ("none.png", "No such file")):
        arguments = ("--dataset=blobs", f"--project={tmp_path / name}", f"--out_dir={blobs_run}")
        fails_with_one_sentence(*arguments, cwd=tmp_path, says=says)
    with pytest.raises(UserError, match=r"uint8 of the shape \(20, 24, 3\), but is float64"):
        dcgan_tf.load("blobs", out_dir=blobs_run).project(np.zeros((20, 24, 3)))
