"""A folder of images: what is read and what is left out, classes and splits, images that are held out."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import soak_folders
from helpers import SMALL, load, main_here, write_images
from PIL import Image

from dcgan_tf.data import decode
from dcgan_tf.data.dataset import find
from dcgan_tf.data.image_folder import choose_held_out, find_image_files, layout_of
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError
from dcgan_tf.training.sheets import labels_of_sheets

pytestmark = pytest.mark.usefixtures("shown")


def test_names_patterns_and_links(tmp_path):
    (tmp_path / "other").mkdir()
    for name in ("a.jpg", "b.JPEG", "c.png", "d", "e.txt", ".hidden.jpg", "other/f.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / name, "JPEG")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    (tmp_path / "links").symlink_to(tmp_path)
    (tmp_path / "nowhere.7").symlink_to("gone")
    (tmp_path / "f.md").write_text("B")
    os.mkfifo(tmp_path / "pipe.jpg")
    for pattern, expected in {
        "": ["a.jpg", "b.JPEG", "c.png", "link.jpg", "other/f.jpg", "pipe.jpg"],
        ".": ["a.jpg", "b.JPEG", "c.png", "d", "e.txt", "f.md", "link.jpg", "nowhere.7", "other/f.jpg", "pipe.jpg"],
        "*.{jpe,pn}g": ["b.JPEG", "c.png"],
        "**/*.p{ng,pm}": ["c.png"],
        "oth{e,{a,b}}r/**": ["other/f.jpg"],
        "other/**/*.jpg": ["other/f.jpg"],
        "*.7": ["nowhere.7"],
        "*.JPG": ["a.jpg", "link.jpg", "other/f.jpg", "pipe.jpg"],
        "other/*": ["other/f.jpg"],
        "d": ["d"],
        "link.jpg/*": [],
    }.items():
        assert find_image_files(tmp_path, pattern).files == expected
    assert load(tmp_path).images.shape == (5, 16, 16, 1)
    assert load(tmp_path / "other", data_dir=str(tmp_path / "nowhere")).location == str(tmp_path / "other")


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        (
            "blobs",
            {"conditional": True},
            "for each class.*the sub-folders give none to 00.jpg, 01.png, 02.jpg, ...; move",
        ),
        ("blobs", {"input_fname_pattern": "*.webp"}, "which fit --input_fname_pattern"),
        ("blobs/00.jpg", {}, "is a file, not a folder"),
        ("nowhere", {}, "there is nothing at .*nowhere; put images there"),
        ("Blob", {}, r"Blob' \(did you mean blobs\?\): "),
    ],
)
def test_data_set_errors_are_one_sentence(images_dir, name, settings, says):
    with pytest.raises(UserError, match=says) as error:
        load(images_dir / name, **settings)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("files", "class_names", "splits"),
    [
        (["train/cat/1", "train/dog/1", "test/cat/2"], ("cat", "dog"), ["train", "train", "test"]),
        (["Train/cat/1", "VALID/cat/2", "test/dog/3"], ("cat", "dog"), ["train", "test", "test"]),
        (["pets/training/1", "pets/validation/2"], (), ["train", "test"]),
        (["PetImages/Cat/1", "PetImages/Dog/2"], ("Cat", "Dog"), []),
        (["train/1", "dog/2"], ("dog", "train"), []),
        (["train/1", "test/2", "readme"], (), []),
        (["one/1", "one/2"], ("one",), []),
    ],
)
def test_what_the_sub_folders_mean(files: list[str], class_names: tuple[str, ...], splits: list[str]):
    layout = layout_of(files)
    assert layout.class_names == class_names
    assert [layout.splits[file] for file in files if layout.splits] == splits


def test_train_and_test_folders_are_the_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cats = [f"train/cat/{number}.png" for number in range(5)]
    write_images(tmp_path, *cats, "train/dog/1.png", "test/cat/8.png", "test/dog/9.png")
    assert len(load(tmp_path, split="train").images) == 6
    dataset = load(tmp_path, split="test", conditional=True)
    assert dataset.class_names == ("cat", "dog") and list(dataset.labels) == [0, 1]
    assert len(load(tmp_path).images) == 8
    assert "Split:       train 6, test 2" in capsys.readouterr().out
    with pytest.raises(UserError, match="--hold_out is for a folder of images without a test part"):
        load(tmp_path, hold_out=0.2, split="test")


def test_sub_folders_are_classes(tmp_path, capsys):
    for name, gray in (("cat", 20), ("Hund", 230)):
        write_images(tmp_path / "pets" / name, *(f"{number}.png" for number in range(16)), gray=gray)
    pets = tmp_path / "pets"
    dataset = load(pets, conditional=True)
    assert dataset.class_names == ("Hund", "cat")
    assert (dataset.labels == (dataset.images[:, 0, 0, 0] < 128)).all() and dataset.labels.sum() == 16
    assert np.bincount(labels_of_sheets(dataset, 16)).tolist() == [8, 8]
    assert not load(pets).class_names
    assert "Classes:     2: Hund (16), cat (16)" in capsys.readouterr().out
    with pytest.raises(UserError, match="trained on the classes Hund, cat, but .* has none"):
        load(pets, conditional=False, class_names=("Hund", "cat"))


def test_hold_out_chooses_the_same_files_when_others_are_added():
    files = [f"{number:04}.png" for number in range(1000)]
    held_out = choose_held_out(files, 0.1)
    assert 70 < len(held_out) < 130
    assert choose_held_out(files[:500], 0.1) == held_out & set(files[:500])
    assert len(choose_held_out(files[:3], 1e-9)) == 1 and len(choose_held_out(files[:3], 0.999999)) == 2


def test_hold_out_splits_a_folder(images_dir: Path, mnist_dir: Path):
    config = Asked(dataset="blobs", data_dir=str(images_dir), hold_out=0.25)
    names = {}
    for split in ("all", "train", "test"):
        names[split] = {item.name for item in find(dataclasses.replace(config, split=split)).items}
    assert names["all"] == names["train"] and not names["train"] & names["test"]
    assert names["test"] == choose_held_out(sorted(names["train"] | names["test"]), 0.25)
    assert len(names["train"]) > 20 and len(names["train"] | names["test"]) == 40
    with pytest.raises(UserError, match="--hold_out is for a folder of images without"):
        find(Asked(dataset="mnist", data_dir=str(mnist_dir), hold_out=0.1))


def test_what_was_left_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(decode, "heif_version", lambda: "")
    write_images(tmp_path, *(f"{number}.png" for number in range(4)))
    for name in ("3.HEIC", "4.heic", "5", "1.txt", "2.txt"):
        (tmp_path / name).write_bytes(b"x")
    load(tmp_path)
    out = capsys.readouterr().out
    assert (
        "files of other kinds: 2 .heic, 2 .txt, 1 no extension; convert .heic" in out
        and "pip install pillow-heif" in out
    )
    assert "--input_fname_pattern '*'" in out
    assert load(tmp_path).missed == 3
    for file in tmp_path.glob("*.png"):
        file.unlink()
    with pytest.raises(UserError, match="has only files of other kinds: 2 .heic, .*; convert"):
        load(tmp_path)


def test_junk_of_systems_and_what_is_not_there_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    junk = ("@eaDir/1.png/a.png", "#recycle/b.png", "$RECYCLE.BIN/c.png", ".Trash-0/d.png", "__MACOSX/e.png", "._g.png")
    write_images(tmp_path, *(f"cat/{number}.png" for number in range(3)), "dog/1.png", *junk, "lost+found/f.png")
    for name in (".IMG_1.jpg.icloud", "2.jpg.crdownload", "3.jpg.part", "Thumbs.db", ".DS_Store"):
        (tmp_path / "cat" / name).write_bytes(b"x")
    assert load(tmp_path, conditional=True).class_names == ("cat", "dog")
    out = capsys.readouterr().out
    says = (
        "Ignored:     files of other kinds: 1 .crdownload, 1 .db, 1 .icloud, 1 .part; files that end in .crdownload are"
    )
    assert says in out and "files that end in .icloud are not downloaded yet; " in out
    assert "; 7 hidden or of a system: #recycle, $RECYCLE.BIN, .Trash-0, ._g.png, @eaDir, ...\n" in out
    assert len(load(tmp_path / "lost+found").images) == 1  # who names it wants it
    for number in range(9):
        (tmp_path / "cat" / f".IMG_{number}.jpg.icloud").write_bytes(b"x")
    assert load(tmp_path).missed == 11


def test_labels_of_stylegan(tmp_path: Path):
    files = [f"0000{number // 8}/img{number:08}.png" for number in range(12)]
    write_images(tmp_path, *files)
    text = json.dumps({"labels": [[file, number % 3 + 7] for number, file in enumerate(files)]})
    (tmp_path / "dataset.json").write_text(text, encoding="utf-8-sig")
    dataset = load(tmp_path, conditional=True)
    assert dataset.class_names == ("7", "8", "9") and dataset.labels.tolist() == [0, 1, 2] * 4
    (tmp_path / "dataset.json").write_text(text.replace(", 7]", ", 8]").replace(", 9]", ", 7]").replace("8]", "9]", 1))
    assert load(tmp_path, conditional=True).labels.tolist() == [2, 1, 0, *[1, 1, 0] * 3]
    unconditional = load(tmp_path, input_fname_pattern="*.png")
    assert not unconditional.class_names and unconditional.label_names == ("7", "8", "9")
    for labels in (None, [[file, [0.5, 1]] for file in files]):
        (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
        with pytest.raises(UserError, match="the labels in dataset.json give none to 00000/img00000000.png"):
            load(tmp_path, conditional=True)
    for other in ("{}", "[1]", "no JSON", '{"labels": [1]}', '{"labels": []}', '{"labels": [["cat", 0]]}'):
        (tmp_path / "dataset.json").write_text(other)
        assert load(tmp_path, conditional=True).class_names == ("00000", "00001")


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_images(tmp_path, "1.png", "private/2.png")
    scandir = os.scandir

    def as_a_user_sees_it(path: str):  # the tests may run as root, who can read all
        if "private" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", as_a_user_sees_it)
    with pytest.raises(UserError, match=r"The folder .*private cannot be read \(Permission denied\)"):
        load(tmp_path)


def test_sheets_of_runs_inside_the_data_folder_are_no_training_images(tmp_path: Path, capsys):
    write_images(tmp_path, *(f"{number}.png" for number in range(16)), "samples/other/1.png", "run/2.png")
    flags = [f"--data_dir={tmp_path}", "--dataset=.", "--train", "--output_height=16", "--out_name=run", *SMALL]
    main_here(*flags, "--epoch=1", out_dir=tmp_path)
    sheets = len([file for file in (tmp_path / "samples" / "run").iterdir() if file.suffix in (".png", ".gif")])
    assert sheets > 2 and "Reading 18 images" in capsys.readouterr().out
    main_here(*flags, "--resume", "--epoch=2", out_dir=tmp_path)
    out = capsys.readouterr().out
    assert "Reading 18 images" in out and "files of other kinds" not in out
    assert "the images of this program's runs in checkpoints/run, logs/run, samples/run" in out
    # who names the folder of the sheets wants them
    assert len(find_image_files(tmp_path / "samples" / "run", "").files) >= sheets


@pytest.mark.filterwarnings("ignore")
def test_fuzz_names(tmp_path: Path):
    soak_folders.try_names(random.Random(1), tmp_path, 200)


@pytest.mark.filterwarnings("ignore")
def test_fuzz_layouts(tmp_path: Path):
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        soak_folders.try_layout(random.Random(number), folder)
