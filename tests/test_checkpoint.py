"""A checkpoint holds everything, of every network, and gives it back; what is left of lost files."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from compare_runs import steps
from helpers import SMALL, fails_with_one_sentence, main_here

from dcgan_tf.model import DCGAN
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Runs, complete_checkpoints
from dcgan_tf.runs.weights import of_run
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import DcganWarning

SIZES = {"output_height": 16, "output_width": 12, "c_dim": 3, "gf_dim": 2, "df_dim": 3, "gfc_dim": 5, "dfc_dim": 6}


@pytest.mark.parametrize("class_names", [(), ("a", "b")], ids=["unconditional", "conditional"])
def test_every_variable_is_saved_and_restored(tmp_path: Path, class_names: tuple[str, ...]):
    config = Config(**SIZES, z_dim=4, batch_size=4, class_names=class_names)
    run = Runs(str(tmp_path)).create(config)
    model = DCGAN(config)
    model.compiled()(np.zeros((1, 4, 16, 12, 3), np.uint8), np.zeros((1, 4), np.int32))
    path = Checkpoints(model, run.folder, 1).save()
    values = {name: variable.numpy() for name, variable in model.state().items()}
    trained = [v for n in (model.generator, model.discriminator) for v in n.trainable_variables]
    averages = [v for n in (model.generator, model.discriminator) for v in n.non_trainable_variables]
    # weights, two Adam slots each, moving averages; the iteration and two powers for each Adam
    assert len(values) == 3 * len(trained) + len(averages) + 5
    saved = [name for name, _ in tf.train.list_variables(path)]
    assert len(saved) == len(values) + 2  # and TensorFlow's own counter and object graph

    other = DCGAN(Config(**{**vars(config), "seed": 1}))
    assert Checkpoints(other, run.folder, 1).restore() == path
    for name, variable in other.state().items():
        assert (variable.numpy() == values[name]).all(), name

    weights = of_run(run)
    assert weights.origin() == (path, 1)
    for network, loaded in ((model.generator, weights.generator()), (model.discriminator, weights.discriminator())):
        for variable, expected in zip(loaded.variables, network.variables, strict=True):
            assert (variable.numpy() == expected.numpy()).all(), variable.path


def test_what_the_settings_do_not_fit_is_refused(tmp_path: Path):
    config = Config(**SIZES)
    run = Runs(str(tmp_path)).create(config)
    with pytest.raises(UserError, match="has no checkpoint in .*choose one that it has: none; or train it"):
        of_run(run).generator()
    Checkpoints(DCGAN(config), run.folder, 1).save()
    for change in ({"gf_dim": 4}, {"class_names": ("a",)}):
        dataclasses.replace(config, **change).save(run.flags_file)
        with pytest.raises(UserError, match="model-0 does not fit the sizes of .*; choose other weights"):
            of_run(run).generator()


def test_the_newest_are_kept_and_those_that_are_damaged_go(tmp_path: Path):
    config = Config(**SIZES)
    folder = Runs(str(tmp_path)).create(config).folder
    model = DCGAN(config)
    for iteration in (1, 2, 4):
        model.iterations.assign(iteration)
        Checkpoints(model, folder, 2).save()
    assert [Path(path).name for path in complete_checkpoints(folder)] == ["model-2", "model-4"]
    (folder / "model-4.data-00000-of-00001").write_bytes(b"damaged")
    (folder / "checkpoint").write_bytes(b"damaged")
    checkpoints = Checkpoints(model, folder, 2)
    with pytest.warns(DcganWarning, match="model-4 is damaged .*; an older one is used"):
        assert checkpoints.restore() == str(folder / "model-2")
    model.iterations.assign(3)
    checkpoints.save()
    assert sorted(file.name for file in folder.glob("model-*.index")) == ["model-2.index", "model-3.index"]
    state = tf.train.get_checkpoint_state(str(folder))
    assert list(state.all_model_checkpoint_paths) == [str(folder / "model-2"), str(folder / "model-3")]
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "model-3")


@pytest.fixture(scope="module")
def trained(images_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with two checkpoints, of the iterations 2 and 4."""
    folder = tmp_path_factory.mktemp("trained")
    flags = ["--dataset=blobs", f"--data_dir={images_dir}", "--train_size=32", "--ckpt_freq=2", "--log_freq=1", *SMALL]
    main_here("--train", "--max_to_keep=9", "--epoch=2", "--out_name=run", *flags, "--output_height=16", out_dir=folder)
    return folder


@pytest.mark.parametrize("keeps_index", [True, False])
def test_a_run_whose_model_files_are_all_lost_never_begins_again(trained: Path, tmp_path: Path, keeps_index: bool):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    for file in (tmp_path / "checkpoints" / "run").glob("model-*"):
        file.unlink()
    if not keeps_index:
        (tmp_path / "checkpoints" / "run" / "checkpoint").unlink()
        shutil.rmtree(tmp_path / "samples")  # then the curves alone say how far it was
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    flags = ["--dataset=blobs", "--train", "--resume", "--out_name=run", "--epoch=3", f"--out_dir={tmp_path}"]
    fails_with_one_sentence(*flags, cwd=tmp_path, says="copy its files model-* back")
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(
    images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flags = ["--dataset=blobs", f"--data_dir={images_dir}", "--train", "--out_name=run", "--output_height=16", *SMALL]
    main_here(*flags, "--iterations=3", "--log_freq=1", "--ckpt_freq=3", out_dir=tmp_path)
    for file in (tmp_path / "checkpoints" / "run").glob("*"):
        if file.name != "FLAGS.json":
            file.unlink()
    main_here("--dataset=blobs", "--train", "--resume", "--out_name=run", "--iterations=4", out_dir=tmp_path)
    out = capsys.readouterr().out
    assert "Continue from the beginning" in out and "Finished after iteration 4 of 4" in out
    main_here("--dataset=blobs", "--train", "--resume", "--out_name=run", out_dir=tmp_path)
    assert capsys.readouterr().out.count("Hint") == 1  # how to train longer
    assert steps(tmp_path / "logs" / "run")[-1] == 4
