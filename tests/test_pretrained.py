"""Generators that come with the package: complete, unchanged, and used like any run, without training or network."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from conftest import main_here

import dcgan_tf
from dcgan_tf import UserError, pretrained
from dcgan_tf.runs import Runs

NAMES = sorted(folder.name for folder in pretrained.FOLDER.iterdir())


def test_each_is_complete_and_small():
    assert "mnist" in NAMES
    for name in NAMES:
        folder = pretrained.FOLDER / name
        about = json.loads((folder / "about.json").read_text())
        weights = (folder / "generator.npz").read_bytes()
        assert hashlib.sha256(weights).hexdigest() == about["sha256"] and len(weights) < 8e6
        assert all(about[key] for key in ("command", "data", "licence", "iteration"))
        assert json.loads((folder / "FLAGS.json").read_text())["dataset"] == name
        assert json.loads((folder / "metrics.json").read_text())["iteration"] == int(about["iteration"])


def test_images_without_training(tmp_path: Path):
    main_here("--dataset=mnist", "--pretrained", "--generate_test_images=20", out_dir=tmp_path)
    files = sorted((tmp_path / "samples" / "pretrained-mnist" / "images").iterdir())
    images = dcgan_tf.load("pretrained:mnist", out_dir=tmp_path).generate(20)
    np.testing.assert_array_equal(images[..., 0], np.stack([iio.imread(file) for file in files]))
    ink = images.mean((1, 2, 3))
    assert ((ink > 10) & (ink < 80)).all()  # digits: real ones have 33 on average
    assert images.std(axis=0).mean() > 20


def test_what_a_pretrained_run_does_not_have(tmp_path: Path):
    with pytest.raises(UserError, match=r"no pretrained run of the data set 'cats'; there are .*mnist"):
        main_here("--dataset=cats", "--pretrained", out_dir=tmp_path)
    with pytest.raises(UserError, match="has only the generator"):
        main_here("--dataset=mnist", "--pretrained", "--export", out_dir=tmp_path)


def test_an_own_run_can_be_added_and_damage_is_found(blobs_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = Runs(str(blobs_run)).named("blobs-small")
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    (run.checkpoints / "metrics.json").write_text("{}")
    about = {"command": "c", "data": "d", "licence": "l"}
    folder = pretrained.add(run, "blobs", about)
    before = dcgan_tf.load("blobs", out_dir=blobs_run).generate(8).astype(int)
    after = dcgan_tf.load("pretrained:blobs", out_dir=tmp_path).generate(8)
    assert np.abs(after - before).max() <= 2 and before.std() > 1  # float16
    shutil.copy(folder / "FLAGS.json", folder / "generator.npz")
    with pytest.raises(UserError, match="are damaged .*its digest is wrong.*install dcgan_tf again"):
        dcgan_tf.load("pretrained:blobs", out_dir=tmp_path).generate(1)
