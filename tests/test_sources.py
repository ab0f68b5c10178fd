"""Where data sets come from: folders of mixed files, idx files, LMDB, tensorflow-datasets; labels."""

from __future__ import annotations

import dataclasses
import gzip
import io
import itertools
import json
import os
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from helpers import ROOT, SMALL, call_main, fails_with_one_sentence, main_here
from PIL import Image

from dcgan_tf.data import idx, tfds
from dcgan_tf.data.dataset import Dataset, find, read_dataset
from dcgan_tf.data.image_folder import choose_held_out, find_image_files
from dcgan_tf.runs.run import Runs
from dcgan_tf.settings.config import Asked
from dcgan_tf.system import messages
from dcgan_tf.system.errors import UserError

pytestmark = pytest.mark.usefixtures("shown")
TINY = [*SMALL, "--epoch=1", "--train_size=32"]


def load(folder: Path, name: str, **settings: object) -> Dataset:
    return read_dataset(Asked(dataset=name, data_dir=str(folder), **{"output_height": 16} | settings))


def face(random: np.random.Generator, width: int = 178, height: int = 218) -> Image.Image:
    """A smooth image of random colours."""
    return Image.fromarray(random.integers(0, 256, (7, 6, 3), np.uint8)).resize((width, height))


def encoded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG")
    return stream.getvalue()


# Ten kinds of images, as cameras and programs write them
KINDS = {
    "照片 {}.jpg": lambda p: p,
    "IMG_{}.JPG": lambda p: p,
    "mouth {} größer.jpeg": lambda p: p.convert("CMYK"),
    "sub/deep er/{}.png": lambda p: p.convert("RGBA"),
    "sub/{}.PNG": lambda p: p.quantize(16),
    "16/{}.png": lambda p: Image.fromarray(np.asarray(p.convert("L")).astype(np.uint16) * 257),
    "{}.bmp": lambda p: p.convert("1"),
    "{}.gif": lambda p: p,
    "{}.webp": lambda p: p,
    "{}.tif": lambda p: p.convert("L"),
}


@pytest.fixture(scope="session")
def zoo(tmp_path_factory) -> tuple[Path, list[str]]:
    """A data_dir with 300 images of ten kinds in `zoo`, 1x1 to 4000x3000, and the names of the 8 broken ones."""
    folder, random = tmp_path_factory.mktemp("data") / "zoo", np.random.default_rng(0)
    for number in range(292):
        name, kind = list(KINDS.items())[number % 10]
        width, height = {0: (1, 1), 1: (4000, 3000), 2: (1, 50)}.get(number) or random.integers(8, 300, 2).tolist()
        file = folder / name.format(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        kind(face(random, width, height)).save(file)
    whole = (folder / "照片 10.jpg").read_bytes()
    broken = {
        "truncated.jpg": whole[: len(whole) // 2],
        "空.png": b"",
        "text.png": b"not an image",
        "sub/page.jpg": b"<html>404</html>" * 99,
        "half.gif": (folder / "7.gif").read_bytes()[:200],
        "noise.webp": b"RIFF\x10\0\0\0WEBP" + random.bytes(500),
        "noise.tif": b"II*\0" + random.bytes(500),
    }
    for name, content in broken.items():
        (folder / name).write_bytes(content)
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "notes.txt").write_text("not an image")
    (folder / "._IMG_1.JPG").write_bytes(b"metadata that another system adds to an image")
    (folder / "again").symlink_to(folder)
    return folder.parent, sorted([*broken, "gone.jpg"])


def test_mixed_folder_trains_and_lists_broken_files(zoo, tmp_path):
    folder, broken = zoo
    out = call_main("--dataset=zoo", f"--data_dir={folder}", "--train", *TINY, "--out_name=zoo", cwd=tmp_path).stdout
    first, *lines = out.split("Skipped:")[1].splitlines()
    assert first.strip() == "8 that cannot be read"
    listed = itertools.takewhile(lambda line: line.startswith("  "), lines)
    assert sorted(line.strip().split(": ")[0] for line in listed) == broken
    assert "Reading 300 images" in out and "292, colour; width x height: smallest 1x1" in out
    assert "largest 4000x3000" in out and "files of other kinds: 1 .txt\n" in out
    reals = iio.imread(tmp_path / "samples" / "zoo" / "reals.png")
    assert reals.shape == (4 * 64, 4 * 64, 3) and reals.std() > 20
    assert (tmp_path / "samples" / "zoo" / "train_00000002.png").exists()


def test_names_patterns_and_links(tmp_path):
    (tmp_path / "other").mkdir()
    for name in ("a.jpg", "b.JPEG", "c.png", "d", "e.txt", ".hidden.jpg", "other/f.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / name, "JPEG")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    (tmp_path / "links").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")
    assert find_image_files(tmp_path, "")[0] == [
        "a.jpg",
        "b.JPEG",
        "c.png",
        "link.jpg",
        "other/f.jpg",
        "pipe.jpg",
    ]
    assert find_image_files(tmp_path, "*.JPG")[0] == ["a.jpg", "link.jpg", "other/f.jpg", "pipe.jpg"]
    assert find_image_files(tmp_path, "other/*")[0] == ["other/f.jpg"]
    assert find_image_files(tmp_path, "d")[0] == ["d"] and len(find_image_files(tmp_path, ".")[0]) == 6
    assert find_image_files(tmp_path, "*.jpeg")[0] == ["b.JPEG"]
    assert find_image_files(tmp_path, "link.jpg/*")[0] == []
    dataset = load(tmp_path, ".")
    assert dataset.images.shape == (5, 16, 16, 1)
    assert load(tmp_path / "nowhere", str(tmp_path / "other")).location == str(tmp_path / "other")


@pytest.mark.parametrize(("crop", "height"), [(True, 108), (False, None)])
def test_aligned_faces_with_and_without_crop(tmp_path, capsys, crop, height):
    (tmp_path / "faces").mkdir()
    for number in range(32):
        face(np.random.default_rng(number)).save(tmp_path / "faces" / f"{number:06}.jpg")
    arguments = ["--crop", f"--input_height={height}"] if crop else []
    run = ["--dataset=faces", "--train", f"--data_dir={tmp_path}", *arguments, *TINY, "--out_name=f"]
    main_here(*run, out_dir=tmp_path)
    out = capsys.readouterr().out
    assert ("Prepared:    the centre 108x108," if crop else "Prepared:    whole,") in out
    assert "smallest 178x218, median 178x218, largest 178x218" in out
    assert iio.imread(tmp_path / "samples" / "f" / "reals.png").shape == (256, 256, 3)


def test_gray_images_of_45_by_30(tmp_path, capsys):
    (tmp_path / "gray").mkdir()
    for number in range(32):
        face(np.random.default_rng(number), 60, 90).convert("L").save(tmp_path / "gray" / f"{number}.png")
    sizes = ["--output_height=45", "--output_width=30"]
    run = ["--dataset=gray", "--train", f"--data_dir={tmp_path}", *sizes, *TINY, "--out_name=g"]
    main_here(*run, out_dir=tmp_path)
    assert "45x30x1, no classes, range [-1, 1]" in capsys.readouterr().out
    assert iio.imread(tmp_path / "samples" / "g" / "reals.png").shape == (4 * 45, 4 * 30)
    assert iio.imread(tmp_path / "samples" / "g" / "train_00000002.png").shape == (4 * 45, 4 * 30)


def test_missing_data_set_is_an_error(tmp_path):
    args = ["--train", f"--data_dir={tmp_path}"]
    with pytest.raises(UserError, match="nowhere does not exist"):
        main_here("--dataset=nowhere", *args, out_dir=tmp_path)
    fails_with_one_sentence("--dataset=celeb_a", *args, cwd=tmp_path, says="tensorflow-datasets cannot fetch it")
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("blobs", {"conditional": True}, "a sub-folder for each class"),
        ("blobs", {"input_fname_pattern": "*.webp"}, "whose name fits '\\*.webp'"),
        ("blobs/00.jpg", {}, "is a file, not a folder"),
    ],
)
def test_data_set_errors_are_one_sentence(images_dir, name, settings, says):
    with pytest.raises(UserError, match=says) as error:
        load(images_dir, name, **settings)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory) -> Path:
    """A data_dir with a folder `pets` of 16 `cat` (all dark) and 16 `Hund` (all bright)."""
    folder = tmp_path_factory.mktemp("data")
    for name, colour in (("cat", 20), ("Hund", 230)):
        (folder / "pets" / name).mkdir(parents=True)
        for number in range(16):
            Image.new("RGB", (20, 20), (colour, colour, number)).save(folder / "pets" / name / f"{number}.png")
    return folder


def test_sub_folders_are_classes(labelled, tmp_path, capsys):
    dataset = load(labelled, "pets", conditional=True)
    assert dataset.class_names == ("Hund", "cat")
    assert (dataset.labels == (dataset.images[:, 0, 0, 0] < 128)).all() and dataset.labels.sum() == 16
    assert not load(labelled, "pets").class_names
    run = ["--dataset=pets", f"--data_dir={labelled}", *SMALL, "--output_height=16"]
    main_here(*run, "--train", "--conditional", "--epoch=1", out_dir=tmp_path)
    out = capsys.readouterr().out
    assert "Classes:     2: Hund 16, cat 16" in out and "2 classes, range [-1, 1]" in out
    (saved,) = Runs(str(tmp_path)).all()
    assert saved.config().class_names == ("Hund", "cat") and saved.config().conditional
    main_here("--dataset=pets", "--conditional", out_dir=tmp_path)
    assert (saved.samples_folder / "test_random.png").exists()
    with pytest.raises(UserError, match="trained on the classes Hund, cat, but .* has none"):
        read_dataset(Asked(dataset="pets", data_dir=str(labelled), conditional=False, class_names=("Hund", "cat")))
    with pytest.raises(UserError, match="conditional False"):
        main_here("--dataset=pets", "--noconditional", out_dir=tmp_path)


def write_idx(folder: Path, prefix: str, images: np.ndarray, labels: np.ndarray | None, zipped: bool) -> None:
    folder.mkdir(exist_ok=True)
    for what, array in (("images-idx3", images), ("labels-idx1", labels)):
        if array is not None:
            raw = idx.encode(array)
            file = folder / f"{prefix}-{what}-ubyte{'.gz' if zipped else ''}"
            file.write_bytes(gzip.compress(raw) if zipped else raw)


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_of_other_data_sets(tmp_path, zipped):
    images = np.random.default_rng(0).integers(0, 256, (30, 12, 8), np.uint8)
    labels = (np.arange(30) % 5).astype(np.uint8)
    write_idx(tmp_path / "fashion", "train", images[:20], labels[:20], zipped)
    write_idx(tmp_path / "fashion", "t10k", images[20:], labels[20:], zipped)
    dataset = load(tmp_path, "fashion", output_height=None)
    assert (
        dataset.images.shape == (30, 12, 8, 1)
        and dataset.class_names == tuple("01234")
        and not dataset.shuffle_each_epoch
    )
    order = np.random.RandomState(547).permutation(30)
    np.testing.assert_array_equal(dataset.images[..., 0], images[order])
    assert dataset.labels.tolist() == labels[order].tolist()
    assert len(load(tmp_path, "fashion", output_height=None, split="train").images) == 20
    assert not load(tmp_path, "fashion", conditional=False).class_names
    assert load(tmp_path, "fashion", output_height=16, output_width=20).images.shape == (30, 16, 20, 1)


def test_a_test_part_without_classes_does_not_matter_to_the_training(tmp_path, capsys):
    folder = tmp_path / "data" / "digits"
    image = np.zeros((8, 8), np.uint8)
    for name in ("train/cat/0.png", "train/dog/1.png", "test/2.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        iio.imwrite(folder / name, image)
    config = Asked(dataset="digits", data_dir=str(tmp_path / "data"), conditional=True, output_height=8)
    with messages.shown():
        dataset = read_dataset(dataclasses.replace(config, split="train"))
    assert dataset.class_names == ("cat", "dog") and sorted(dataset.labels) == [0, 1]
    assert not dataset.has_test  # so an evaluation measures on the training images
    assert "no train and test part" not in capsys.readouterr().out
    for split in ("all", "test"):
        with pytest.raises(UserError, match="1 image lie in no sub-folder, such as test/2.png"):
            read_dataset(dataclasses.replace(config, split=split))
    with pytest.raises(UserError, match="--hold_out is for a folder without a test part"):
        read_dataset(dataclasses.replace(config, split="train", hold_out=0.5))
    iio.imwrite(folder / "train" / "3.png", image)
    with pytest.raises(UserError, match="2 images lie in no sub-folder, such as test/2.png"):
        read_dataset(dataclasses.replace(config, split="train"))


def test_idx_files_in_a_sub_folder_are_named(tmp_path: Path):
    (tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    (tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(UserError, match="idx files in a sub-folder: give --dataset FashionMNIST/raw"):
        read_dataset(Asked(dataset="FashionMNIST", data_dir=str(tmp_path)))


def test_idx_files_without_two_parts_or_all_classes(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (30, 12, 8), np.uint8)
    labels = (np.arange(30) % 5).astype(np.uint8)
    write_idx(tmp_path / "mine", "faces", images, labels, zipped=False)
    assert len(load(tmp_path, "mine", output_height=None, split="train").images) == 30
    assert "has no train and test part, so --split train has no effect" in capsys.readouterr().out
    assert read_dataset(Asked(dataset="mine", data_dir=str(tmp_path)), "train").has_test is False  # as --evaluate does
    assert "no effect" not in capsys.readouterr().out
    write_idx(tmp_path / "mine", "train", images, labels, zipped=False)
    write_idx(tmp_path / "mine", "faces", images[:2], labels[1:3], zipped=False)
    run = Asked(dataset="mine", data_dir=str(tmp_path), class_names=tuple("01234"))
    test = read_dataset(run, "test")
    assert test.class_names == tuple("01234") and sorted(test.labels) == [1, 2]


def test_damaged_idx_files(tmp_path):
    write_idx(tmp_path / "x", "train", np.zeros((9, 4, 4), np.uint8), np.zeros(8, np.uint8), zipped=False)
    with pytest.raises(UserError, match="do not have one label for each image"):
        load(tmp_path, "x")
    file = tmp_path / "x" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match="is damaged"):
        load(tmp_path, "x")


def test_mnist_order_is_that_of_the_original(mnist_dir):
    recorded = json.loads((ROOT / "tests/golden/mnist_order.json").read_text())
    dataset = read_dataset(Asked(dataset="mnist", data_dir=str(mnist_dir)))
    assert dataset.images.shape == (70000, 28, 28, 1) and dataset.class_names == tuple("0123456789")
    labels = next(value for key, value in recorded.items() if "label" in key)
    assert dataset.labels[: len(labels)].tolist() == labels


def test_lsun_archives(tmp_path, capsys):
    lmdb = pytest.importorskip("lmdb")
    random = np.random.default_rng(0)
    stored = {}
    for name, count in (("bedroom_train_lmdb", 40), ("bedroom_val_lmdb", 3), ("tower_train_lmdb", 5)):
        folder = tmp_path / "lsun" / name
        folder.mkdir(parents=True)
        with lmdb.open(str(folder), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
            for number in range(count):
                stored[name, number] = face(random, 60, 40)
                transaction.put(f"{number:040x}".encode(), encoded(stored[name, number]))
    dataset = load(tmp_path, "lsun", conditional=True)
    assert dataset.images.shape == (48, 16, 16, 3) and dataset.class_names == ("bedroom", "tower")
    assert dataset.labels.tolist() == [0] * 43 + [1] * 5
    means = [np.asarray(image).mean() for image in stored.values()]
    np.testing.assert_allclose(dataset.images.mean((1, 2, 3)), means, atol=4)
    capsys.readouterr()
    np.testing.assert_array_equal(load(tmp_path, "lsun", conditional=True).images, dataset.images)
    assert "read from the cache" in capsys.readouterr().out
    assert len(load(tmp_path, "lsun", split="train").images) == 45
    for stray in (".tower_val_lmdb.x1y2z3w4", "tower_train_lmdb.bak"):  # of a killed download, and a copy
        shutil.copytree(tmp_path / "lsun" / "tower_train_lmdb", tmp_path / "lsun" / stray)
    assert load(tmp_path, "lsun", conditional=True).labels.tolist() == [0] * 43 + [1] * 5
    assert len(load(tmp_path, "lsun/bedroom_val_lmdb").images) == 3
    assert len(load(tmp_path, "lsun/bedroom_val_lmdb", split="test").images) == 3
    file = tmp_path / "lsun" / "bedroom_val_lmdb" / "data.mdb"
    file.write_bytes(b"no data base" * 1000)
    with pytest.raises(UserError, match="bedroom_val_lmdb cannot be read"):
        load(tmp_path, "lsun")


def test_tensorflow_datasets_prepared_on_disk(tmp_path, capsys):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    random = np.random.default_rng(0)
    arrays = random.integers(0, 256, (32, 20, 24, 3), np.uint8)
    labels = np.arange(32) % 3
    parts = {"train": slice(20), "test": slice(20, 32)}
    builder = tfds.dataset_builders.TfDataBuilder(
        name="my_set",
        version="1.2.0",
        data_dir=tmp_path,
        split_datasets={
            split: tf.data.Dataset.from_tensor_slices({"photo": arrays[part], "kind": labels[part]})
            for split, part in parts.items()
        },
        features=tfds.features.FeaturesDict(
            {"photo": tfds.features.Image(shape=(20, 24, 3)), "kind": tfds.features.ClassLabel(names=["a", "b", "c"])}
        ),
    )
    builder.download_and_prepare()
    dataset = load(tmp_path, "my_set", conditional=True, output_height=20, output_width=24)
    assert dataset.class_names == ("a", "b", "c") and dataset.images.shape == (32, 20, 24, 3)
    assert sorted(image.tobytes() for image in dataset.images) == sorted(array.tobytes() for array in arrays)
    label_of = {array.tobytes(): label for array, label in zip(arrays, labels, strict=True)}
    assert [label_of[image.tobytes()] for image in dataset.images] == dataset.labels.tolist()
    capsys.readouterr()
    again = load(tmp_path, "my_set", conditional=True, output_height=20, output_width=24)
    assert "read from the cache" in capsys.readouterr().out and again.labels.tolist() == dataset.labels.tolist()
    for stray in ("incomplete.A1B2C3_1.2.0", ".1.9.0", "1.3.0.bak"):
        shutil.copytree(tmp_path / "my_set" / "1.2.0", tmp_path / "my_set" / stray)
    train = load(tmp_path, "my_set", split="train", output_height=20, output_width=24)
    assert train.location == f"{tmp_path}/my_set/1.2.0"
    np.testing.assert_array_equal(train.images, dataset.images[:20])
    main_here("--dataset=my_set", f"--data_dir={tmp_path}", "--train", *TINY, out_dir=tmp_path)
    out = capsys.readouterr().out
    assert f"Read from:   {tmp_path}/my_set/1.2.0" in out and "64x64x3, no classes" in out
    (tmp_path / "my_set").rename(tmp_path / "celeb_a")
    assert len(load(tmp_path, "celebA").images) == 32
    record = next(tmp_path.glob("celeb_a/1.2.0/*train.tfrecord*"))
    record.write_bytes(record.read_bytes()[:-100])
    with pytest.raises(UserError, match="is damaged"):
        load(tmp_path, "celebA")


def test_what_a_killed_download_of_tensorflow_datasets_leaves_does_not_block_the_next_one(tmp_path, monkeypatch):
    for name in ("incomplete.A1B2C3_3.0.2/cifar10-train.tfrecord-00000-of-00001", ".DS_Store"):
        (tmp_path / "cifar10" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cifar10" / name).write_bytes(b"x")
    fetched = []
    monkeypatch.setattr(tfds, "_fetch", lambda *args: fetched.append(args))
    with pytest.raises(UserError, match="There is no data set"):
        load(tmp_path, "cifar10")
    assert fetched == [("cifar10", str(tmp_path))]


def test_hold_out_chooses_the_same_files_when_others_are_added():
    files = [f"{number:04}.png" for number in range(1000)]
    held_out = choose_held_out(files, 0.1)
    assert 70 < len(held_out) < 130
    assert choose_held_out(files[:500], 0.1) == held_out & set(files[:500])
    assert len(choose_held_out(files[:3], 1e-9)) == 1 and len(choose_held_out(files[:3], 0.999999)) == 2
    with pytest.raises(UserError, match="--hold_out needs at least two images"):
        choose_held_out(["a.png"], 0.5)


def test_hold_out_splits_a_folder(images_dir: Path):
    config = Asked(dataset="blobs", data_dir=str(images_dir), hold_out=0.25)
    names = {}
    for split in ("all", "train", "test"):
        names[split] = {item.name for item in find(dataclasses.replace(config, split=split)).items}
    assert names["all"] == names["train"] and not names["train"] & names["test"]
    assert names["test"] == choose_held_out(sorted(names["train"] | names["test"]), 0.25)
    assert len(names["train"]) > 20 and len(names["train"] | names["test"]) == 40


def test_hold_out_of_other_data_sets(mnist_dir: Path):
    with pytest.raises(UserError, match="--hold_out is for a folder of image files"):
        find(Asked(dataset="mnist", data_dir=str(mnist_dir), hold_out=0.1))
