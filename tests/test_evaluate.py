"""--evaluate, --features, --evaluate_freq and --best on real runs."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from helpers import SMALL, call_main, config_of, cut, main_here
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import dcgan_tf
from dcgan_tf.data.dataset import Dataset, read_dataset
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.evaluation import evaluator, metrics
from dcgan_tf.evaluation.distances import blur, sliced_wasserstein
from dcgan_tf.evaluation.evaluator import Evaluator, labels_like, load_splits, some_rows
from dcgan_tf.evaluation.spaces import pool
from dcgan_tf.networks import build_generator
from dcgan_tf.runs.run import EVENT_FILES, Runs
from dcgan_tf.runs.weights import of_run
from dcgan_tf.sampling.sampler import Sampler
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import DcganWarning

QUICK = ["--dataset=mnist", "--evaluate", "--evaluate_samples=200"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache_dir that is empty at first."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def evaluated(mnist_run: Path, mnist_dir: Path, cache: Path) -> str:
    """What --evaluate prints of the small MNIST run."""
    return call_main(*QUICK, f"--data_dir={mnist_dir}", f"--cache_dir={cache}", cwd=mnist_run).stdout


@pytest.mark.slow
def test_evaluate_prints_and_saves_the_figures(mnist_run: Path, evaluated: str, mnist_dir: Path):
    values = json.loads((mnist_run / "checkpoints/mnist-small/metrics.json").read_text())
    assert values["control_error"] == pytest.approx(0.0309)  # what 60,000 real pictures give on the 10,000 others
    assert values["class_accuracy_real"] > 0.98
    assert 0.3 < values["nearest_neighbour_error"] <= 0.95  # 40 iterations of a tiny network: noise
    assert values["frechet"] > 100 and "fid" not in values  # a classifier's features are not those of FID
    assert values["iteration"] == 40 and values["generated"] == 200 and values["real_test_pictures"] == 10_000
    assert re.search(r"real training images \(control\) +3\.09%", evaluated)
    assert f"{100 * values['nearest_neighbour_error']:.2f}%" in evaluated
    assert ", classes in the shares of the real images:" in evaluated
    assert values["saw_test_pictures"] is True and values["note"] in evaluated
    assert "also trained on the test images (--split all)" in values["note"]
    curves = EventAccumulator(str(mnist_run / "logs/mnist-small")).Reload()
    (point,) = curves.Tensors("evaluate/nearest_neighbour_error")
    assert point.step == 40
    assert float(tf.make_ndarray(point.tensor_proto)) == pytest.approx(values["nearest_neighbour_error"])
    run = Runs(str(mnist_run)).named("mnist-small")
    assert set(run.logs_folder.glob(EVENT_FILES)) - set(run.curves())  # those of the evaluation are no curves
    rows = cut(iio.imread(mnist_run / "samples/mnist-small/nearest.png"), 10, 10).astype(int)
    dataset = read_dataset(Asked(dataset="mnist", data_dir=str(mnist_dir), split="train"))
    distances = ((dataset.images - rows[2, 3]) ** 2).sum((1, 2, 3))  # a real picture is under each generated one
    np.testing.assert_array_equal(rows[3, 3], dataset.images[distances.argmin()])


@pytest.fixture
def no_inception(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and no weights in Keras's cache, whatever the machine has."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


@pytest.mark.usefixtures("no_inception")
def test_inception_that_cannot_be_had_is_told_and_the_rest_done(
    blobs_run: Path, images_dir: Path, capsys: pytest.CaptureFixture
):
    main_here("--dataset=blobs", "--evaluate", "--evaluate_samples=50", f"--data_dir={images_dir}", out_dir=blobs_run)
    out = capsys.readouterr().out
    assert "KID, precision and recall are left out: The weights of InceptionV3" in out
    assert "FID: python -m dcgan_tf.download inception." in out
    assert "no test part" in out
    assert re.search(r"sliced Wasserstein distance of patches \(SWD\) +\d", out)
    assert iio.imread(blobs_run / "samples/blobs-small/nearest.png").shape == (10 * 20, 10 * 24, 3)


def test_hold_out_measures_on_images_that_training_has_not_seen(
    images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    data = ["--dataset=blobs", f"--data_dir={images_dir}"]
    sizes = ["--output_height=16", "--gf_dim=4", "--df_dim=4", "--batch_size=8", "--evaluate_samples=60"]
    main_here(*data, *sizes, "--train", "--iterations=6", "--hold_out=0.3", "--evaluate_freq=3", out_dir=tmp_path)
    main_here(*data, "--evaluate", out_dir=tmp_path)
    out = capsys.readouterr().out
    counts = {int(text) for text in re.findall(r"Split: +train \d+, test (\d+)", out)}
    assert len(counts) == 1 and 5 <= min(counts) <= 20
    assert f"Reading {40 - min(counts)} images from" in out
    assert "Iteration 3: swd " in out and "Iteration 6: swd " in out
    assert re.search(r"nearer to a training image than to an unseen one \(unseen: 50%\) +\d+\.\d\d%", out)
    assert "Measured on images that the run has not seen (--hold_out or --split train)." in out
    (file,) = tmp_path.glob("checkpoints/*/metrics.json")
    values = json.loads(file.read_text())
    assert values["saw_test_pictures"] is False
    run = dcgan_tf.load("blobs", out_dir=tmp_path)
    train, held_out = (read_dataset(run.config, split).images for split in ("train", "test"))
    images = run.generate(60)
    assert len(held_out) == min(counts)
    assert values["swd"] == pytest.approx(sliced_wasserstein(held_out, images))
    assert values["copying"] == metrics.copying(images, train, held_out)
    assert list(tmp_path.glob("checkpoints/*/best/model-*.index"))


class Perfect(Sampler):
    """A generator whose images are as good as real ones."""

    def images(self, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return images_like(labels, seed=len(labels))


def images_like(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return an image for each label: noise, or blurred noise."""
    images = np.random.default_rng(seed).uniform(0, 255, (len(labels), 16, 16, 1)).astype(np.float32)
    images[labels == 1] = blur(blur(images[labels == 1]))
    return images.astype(np.uint8)


@pytest.mark.usefixtures("no_inception")
def test_a_perfect_generator_is_perfect_whatever_the_shares_of_the_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = config_of(output_height=16, output_width=16, c_dim=1, conditional=True, class_names=("a", "b"))
    config = dataclasses.replace(config, cache_dir=str(tmp_path), evaluate_samples=400)
    figures = []
    for shares in ([200, 200], [380, 20]):
        labels = np.repeat(np.arange(2, dtype=np.int32), shares)
        images = images_like(labels, 0)
        dataset = Dataset(images, labels, config.class_names, ImageSpec(16, 16, 1), "", shuffle_each_epoch=True)
        monkeypatch.setattr(evaluator, "read_dataset", lambda config, split, dataset=dataset: dataset)
        measured = Evaluator(config)
        figures.append(measured.measure(Perfect(build_generator(config), config)))
        generated = labels_like(labels, 400)
        for some in (generated, generated[:100]):  # some metrics take the first ones only
            np.testing.assert_allclose(np.bincount(some) / len(some), np.array(shares) / 400, atol=0.02)
    equal, unequal = figures
    assert unequal["swd"] == pytest.approx(equal["swd"], rel=0.5)  # 200 with the classes in turn
    assert unequal["class_accuracy"] == equal["class_accuracy"] == 1
    assert measured.facts["generated_classes"] == "in the shares of the real images"


def test_the_second_svm_knows_all_classes_of_a_sorted_folder():
    labels = np.repeat(np.arange(4, dtype=np.int32), 2_000)
    images = np.zeros((len(labels), 1, 1, 1), np.uint8)
    dataset = Dataset(images, labels, tuple("abcd"), ImageSpec(1, 1, 1), "", shuffle_each_epoch=True)
    rows = some_rows(dataset, 1_000)
    assert len(set(rows)) == 1_000 and set(labels[rows]) == {0, 1, 2, 3}


def test_features_are_the_pooled_activations(mnist_run: Path, mnist_dir: Path, tmp_path: Path):
    (tmp_path / "folder.npz").mkdir()
    for name in (".", tmp_path / "folder.npz", "cat.jpg"):
        with pytest.raises(UserError, match="--features must be the name of an .npz file to write, but is"):
            main_here("--dataset=mnist", f"--features={name}", f"--data_dir={mnist_dir}", out_dir=mnist_run)
    file = tmp_path / "new" / "features.npz"
    main_here("--dataset=mnist", f"--features={file}", f"--data_dir={mnist_dir}", out_dir=mnist_run)
    stored = np.load(file)
    assert stored["features"].shape == (70_000, 16 * (11 + 18))
    dataset = read_dataset(Asked(dataset="mnist", data_dir=str(mnist_dir), seed=0))
    np.testing.assert_array_equal(stored["labels"], dataset.labels)
    assert list(stored["class_names"]) == [str(i) for i in range(10)]
    assert stored["features"].dtype == np.float32
    run = Runs(str(mnist_run)).named("mnist-small")
    discriminator = of_run(run).discriminator()
    some = [0, 300, 69_999]
    images = tf.constant(dataset.images[some].astype(np.float32) / 255)
    maps = discriminator.activations(images, tf.zeros([3, 10]), training=False)
    expected = np.concatenate([pool(x) for x in maps], axis=1)
    np.testing.assert_allclose(stored["features"][some], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("no_inception")
def test_an_evaluation_on_other_images_says_so(
    blobs_run: Path, images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    shutil.copytree(blobs_run, tmp_path / "out")
    shutil.copytree(images_dir / "blobs", tmp_path / "others")
    args = ["--out_name=blobs-small", "--evaluate", "--evaluate_samples=20"]
    main_here(*args, f"--dataset={tmp_path / 'others'}", "--truncation=0.5", out_dir=tmp_path / "out")
    values = json.loads((tmp_path / "out/checkpoints/blobs-small/metrics.json").read_text())
    assert values["note"].startswith(f"Measured on the data set '{tmp_path / 'others'}'")
    assert values["note"].endswith(f"the run was trained on the data set 'blobs' in {images_dir / 'blobs'}.")
    assert "of iteration 60, raw weights, truncation 0.5:" in capsys.readouterr().out
    main_here(*args, f"--dataset={images_dir / 'blobs'}", out_dir=tmp_path / "out")  # the same folder
    assert "images that the run was trained on" in capsys.readouterr().out


@pytest.mark.usefixtures("no_inception")
def test_an_evaluation_that_cannot_be_written_is_not_lost(blobs_run: Path, images_dir: Path, tmp_path: Path):
    shutil.copytree(blobs_run, tmp_path, dirs_exist_ok=True)
    for folder in ("logs", "samples"):
        shutil.rmtree(tmp_path / folder)
        (tmp_path / folder).write_text("no folder")
    run = dcgan_tf.load("blobs", out_dir=tmp_path, data_dir=images_dir)
    (run.run.folder / "metrics.json").unlink(missing_ok=True)
    (run.run.folder / "metrics.json").mkdir()  # which no file can replace
    with pytest.warns(DcganWarning) as warned:
        assert run.evaluate(evaluate_samples=10)["swd"] > 0
    texts = [str(warning.message) for warning in warned]
    assert [text.split(" could")[0] for text in texts] == ["The sheet", "The curves", "metrics.json"], texts


@pytest.mark.usefixtures("no_inception")
def test_one_class_has_no_classifier(classes_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    shutil.copytree(classes_dir / "classes" / "dark", tmp_path / "one" / "dark")
    sizes = ["--output_height=16", "--gf_dim=4", "--df_dim=4", "--batch_size=4"]
    args = [f"--data_dir={tmp_path}", "--dataset=one", "--conditional"]
    main_here(*args, *sizes, "--train", "--iterations=1", out_dir=tmp_path)
    main_here(*args, "--evaluate", "--evaluate_samples=10", out_dir=tmp_path)
    out = capsys.readouterr().out
    assert "1-NN error" not in out and "(SWD)" in out
    main_here(*args, f"--features={tmp_path / 'features.npz'}", out_dir=tmp_path)
    assert list(np.load(tmp_path / "features.npz")["class_names"]) == ["dark"]


def test_the_seed_of_generated_images_does_not_change_the_order_of_real_ones(mnist_run: Path, mnist_dir: Path):
    config = Runs(str(mnist_run)).named("mnist-small").config()
    config = dataclasses.replace(config, data_dir=str(mnist_dir))
    (train, _), (other, _) = (load_splits(dataclasses.replace(config, seed=seed)) for seed in (0, 50_000))
    np.testing.assert_array_equal(other.images, train.images)


@pytest.mark.slow
def test_best_checkpoint_is_kept_beside_the_newest(
    evaluated: str, mnist_dir: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    args = ["--dataset=mnist", "--train", "--epoch=1", "--train_size=320", f"--data_dir={mnist_dir}", "--split=train"]
    often = ["--evaluate_freq=5", "--evaluate_samples=100", f"--cache_dir={cache}"]
    main_here(*args, *SMALL, *often, "--out_name=judged", out_dir=tmp_path)
    out = capsys.readouterr().out
    assert "Training a classifier" in evaluated and "Training a classifier" not in out  # the cache keeps it
    assert len(list((cache / "classifiers").iterdir())) == 1
    assert [f"Iteration {n}: nearest_neighbour_error" in out for n in (5, 10, 15, 20)] == [True] * 4
    best = tmp_path / "checkpoints/judged/best"
    kept = json.loads((best / "metrics.json").read_text())
    assert (best / f"model-{kept['iteration']}.index").exists()
    curves = EventAccumulator(str(tmp_path / "logs/judged")).Reload().Tensors("evaluate/nearest_neighbour_error")
    scores = {point.step: float(tf.make_ndarray(point.tensor_proto)) for point in curves}
    assert min(scores.values()) == pytest.approx(kept["nearest_neighbour_error"])
    assert kept["iteration"] == min(step for step, value in scores.items() if value == min(scores.values()))
    main_here("--dataset=mnist", "--best", "--grid=2x2", out_dir=tmp_path)
    assert f"Generator: {best}/model-{kept['iteration']}" in capsys.readouterr().out
