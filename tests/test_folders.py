"""Folders, names and disks as people have them: what is left out is said, and a run is found again."""

from __future__ import annotations

import errno
import itertools
import math
import shutil
from pathlib import Path

import filelock
import numpy as np
import pytest
import tensorflow as tf
from helpers import SMALL, call_main, fails_with_one_sentence, main_here
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dcgan_tf.data import formats
from dcgan_tf.data.dataset import Dataset, read_dataset
from dcgan_tf.data.image_folder import find_image_files, layout_of
from dcgan_tf.evaluation.metrics import score
from dcgan_tf.runs.run import Runs, complete_checkpoints
from dcgan_tf.settings.config import SETTINGS, Asked, Config
from dcgan_tf.system.cache import cache_folder
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import DcganWarning
from dcgan_tf.training.curves import last_step
from dcgan_tf.training.schedule import Schedule

pytestmark = pytest.mark.usefixtures("shown")


def make(folder: Path, *names: str, gray: int | None = None) -> None:
    """Write an image of 16x16 pixels for each name, of random pixels or of one gray level."""
    random = np.random.default_rng(0)
    for name in names:
        pixels = (
            random.integers(0, 256, (16, 16, 3), np.uint8) if gray is None else np.full((16, 16, 3), gray, np.uint8)
        )
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)


def load(folder: Path, **settings: object) -> Dataset:
    return read_dataset(Asked(dataset=str(folder), **{"output_height": 16} | settings))


@pytest.fixture(scope="module")
def trained(images_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with two checkpoints, of the iterations 2 and 4."""
    folder = tmp_path_factory.mktemp("trained")
    flags = ["--dataset=blobs", f"--data_dir={images_dir}", "--train_size=32", "--ckpt_freq=2", "--log_freq=1", *SMALL]
    main_here("--train", "--max_to_keep=9", "--epoch=2", "--out_name=run", *flags, "--output_height=16", out_dir=folder)
    return folder


@pytest.mark.parametrize("damage", ["lost", "empty", "cut", "old"])
def test_the_model_files_of_a_run_are_enough(trained: Path, images_dir: Path, tmp_path: Path, damage: str):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "checkpoints" / "run"
    index = folder / "checkpoint"
    assert [Path(path).name for path in complete_checkpoints(folder)] == ["model-2", "model-4"]
    if damage == "lost":
        index.unlink()
    elif damage == "empty":
        index.write_bytes(b"")
    elif damage == "cut":
        index.write_bytes(index.read_bytes()[:60])
    else:
        index.write_text('model_checkpoint_path: "model-2"\nall_model_checkpoint_paths: "model-2"\n')
    curves = sorted((tmp_path / "logs").rglob("events*"))
    before = [file.stat().st_size for file in curves]
    main_here("--dataset=blobs", "--out_name=run", "--grid=2x2", out_dir=tmp_path)
    main_here("--dataset=blobs", "--train", "--out_name=run", "--resume", "--epoch=3", out_dir=tmp_path)
    assert [file.stat().st_size for file in curves] == before
    state = tf.train.get_checkpoint_state(str(folder))
    assert [Path(path).name for path in state.all_model_checkpoint_paths] == ["model-2", "model-4", "model-6"]
    assert Path(state.model_checkpoint_path).name == "model-6"


@pytest.mark.parametrize("keeps_index", [True, False])
def test_a_run_whose_model_files_are_all_lost_never_begins_again(trained: Path, tmp_path: Path, keeps_index: bool):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    for file in (tmp_path / "checkpoints" / "run").glob("model-*"):
        file.unlink()
    if not keeps_index:
        (tmp_path / "checkpoints" / "run" / "checkpoint").unlink()
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
    assert last_step((tmp_path / "logs" / "run").glob("events*")) == 4


@pytest.mark.parametrize("name", ["a[1]", "a]", "what?", "all*"])
def test_a_path_that_tensorflow_takes_for_a_pattern_is_refused_first(images_dir: Path, tmp_path: Path, name: str):
    flags = ["--dataset=blobs", f"--data_dir={images_dir}", "--train", *SMALL]
    fails_with_one_sentence(*flags, f"--out_dir={tmp_path / name}", cwd=tmp_path, says="takes for a pattern")
    assert not list(tmp_path.iterdir())


def test_a_data_set_of_any_name_gives_a_run_that_is_found_again(tmp_path: Path):
    folder = tmp_path / "Katzen [2024] *neu*"
    make(folder, *(f"{number}.png" for number in range(16)))
    flags = [*SMALL, "--output_height=16", "--epoch=1"]
    main_here(f"--dataset={folder}", "--train", *flags, out_dir=tmp_path)
    (run,) = Runs(str(tmp_path)).all()
    assert run.name.startswith("Katzen _2024_ _neu_-20")
    main_here(f"--dataset={folder}", out_dir=tmp_path)
    assert (run.samples_folder / "test_random.png").exists()


def test_a_disk_without_locks_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_locks(self: object, *args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    run = Runs(str(tmp_path)).create(Config(dataset="a"))
    monkeypatch.setattr(filelock.FileLock, "acquire", no_locks)
    with pytest.warns(DcganWarning, match="has no locks"), run.lock():
        pass


def test_without_a_home_directory_the_cache_is_temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", "~nobody-of-this-name/x")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert cache_folder("") == tmp_path / "dcgan_tf"


@pytest.mark.parametrize("encoding", [pytest.param("cp1252", marks=pytest.mark.slow), "ascii"])
def test_names_that_the_log_cannot_encode(tmp_path: Path, encoding: str):
    make(tmp_path / "图像", *(f"猫/{number}.png" for number in range(8)), *(f"狗/{number}.png" for number in range(8)))
    (tmp_path / "图像" / "猫" / "坏.png").write_bytes(b"no image")
    flags = ["--train", "--conditional", "--epoch=1", "--output_height=16", *SMALL]
    result = call_main(
        f"--dataset={tmp_path / '图像'}", *flags, cwd=tmp_path, env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    )
    assert "Classes:     2: \\u72d7 8, \\u732b 8" in result.stdout


def test_a_file_name_that_is_not_utf8_can_be_held_out(tmp_path: Path):
    make(tmp_path / "a", *(f"{number}.png" for number in range(20)))
    odd = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    shutil.copy(tmp_path / "a" / "0.png", tmp_path / "a" / odd)
    dataset = load(tmp_path / "a", hold_out=0.3, split="train")
    assert 0 < len(dataset.images) < 21


@pytest.mark.parametrize(
    ("files", "class_names", "splits"),
    [
        (["train/cat/1", "train/dog/1", "test/cat/2"], ("cat", "dog"), ["train", "train", "test"]),
        (["Train/cat/1", "VALID/cat/2", "test/dog/3"], ("cat", "dog"), ["train", "test", "test"]),
        (["pets/training/1", "pets/validation/2"], (), ["train", "test"]),
        (["PetImages/Cat/1", "PetImages/Dog/2"], ("Cat", "Dog"), []),
        (["a/b/Cat/1", "a/b/Dog/2"], ("Cat", "Dog"), []),
        (["train/1", "dog/2"], ("dog", "train"), []),
        (["train/cat/1", "train/dog/2"], ("cat", "dog"), []),
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
    make(tmp_path / "pets", *cats, "train/dog/1.png", "test/cat/8.png", "test/dog/9.png")
    assert len(load(tmp_path / "pets", split="train").images) == 6
    dataset = load(tmp_path / "pets", split="test", conditional=True)
    assert dataset.class_names == ("cat", "dog") and list(dataset.labels) == [0, 1]
    assert len(load(tmp_path / "pets").images) == 8
    assert "Split:       train 6, test 2" in capsys.readouterr().out
    with pytest.raises(UserError, match="--hold_out is for a folder without a test part"):
        load(tmp_path / "pets", hold_out=0.2, split="test")


def test_what_was_left_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(formats, "heif_version", lambda: "")
    make(tmp_path / "phone", *(f"{number}.png" for number in range(4)))
    for name in ("3.HEIC", "4.heic", "5", "1.txt", "2.txt"):
        (tmp_path / "phone" / name).write_bytes(b"x")
    load(tmp_path / "phone")
    out = capsys.readouterr().out
    assert (
        "files of other kinds: 2 .heic, 2 .txt, 1 no extension; convert .heic" in out
        and "--input_fname_pattern '*'" in out
    )
    (tmp_path / "phone" / "0.png").unlink()
    with pytest.warns(DcganWarning, match=r"left out: files of other kinds: 2 .heic"):
        load(tmp_path / "phone")
    shutil.rmtree(tmp_path / "phone")
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "1.HEIC").write_bytes(b"x")
    with pytest.raises(UserError, match="phone has none, but files of other kinds: 1 .heic; convert"):
        load(tmp_path / "phone")


def test_a_folder_that_cannot_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make(tmp_path, "1.png", "lost+found/2.png")
    walk = __import__("os").walk

    def as_a_user_sees_it(top: Path, onerror=None, **options: object):  # the tests may run as root, who can read all
        if onerror:
            onerror(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "lost+found")))
        for parent, folders, files in walk(top, **options):
            folders[:] = [name for name in folders if name != "lost+found"]
            yield parent, folders, files

    monkeypatch.setattr("dcgan_tf.data.image_folder.os.walk", as_a_user_sees_it)
    with pytest.warns(
        DcganWarning, match=r"the images in 1 folder that cannot be read, such as lost\+found\.$"
    ) as warned:
        assert len(load(tmp_path).images) == 1
    assert len(warned) == 1
    (tmp_path / "1.png").rename(tmp_path / "1.txt")
    with pytest.raises(UserError, match="There is no data set .* the images in 1 folder that cannot be read"):
        load(tmp_path)


def test_sheets_of_runs_inside_the_data_folder_are_no_training_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    make(tmp_path, *(f"{number}.png" for number in range(16)), "samples/other/1.png", "run/2.png")
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


def test_a_png_with_a_long_text_is_read(tmp_path: Path):
    make(tmp_path, "plain.png")
    info = PngInfo()
    info.add_text("parameters", "x" * 5_000_000, zip=True)
    info.add_itxt("workflow", "y" * 5_000_000)
    with Image.open(tmp_path / "plain.png") as image:
        image.save(tmp_path / "texts.png", pnginfo=info)
    images = load(tmp_path).images
    assert len(images) == 2 and (images[0] == images[1]).all()


@pytest.mark.parametrize(
    ("gray", "settings", "says"),
    [
        (9, {}, "all images are nearly black .the brightest pixel is 9 of 255"),
        (200, {}, "all images are nearly the same"),
        (None, {"crop": True, "input_height": 4}, "--crop keeps 6.2% of the median image, the 4x4 pixels"),
    ],
)
def test_images_of_which_the_networks_see_little_warn(tmp_path: Path, gray: int | None, settings: dict, says: str):
    make(tmp_path, *(f"{number}.png" for number in range(16)), gray=gray)
    with pytest.warns(DcganWarning, match=says):
        load(tmp_path, **settings)


@pytest.mark.parametrize(
    ("suffix", "says"), [(".tif", "all images are nearly black"), (".png", "all images are nearly the same")]
)
def test_wide_integers_and_white_on_transparent_warn(tmp_path: Path, suffix: str, says: str):
    """0 to 255 in 32-bit integers, and white drawings whose background is only transparent."""
    for number in range(16):
        if suffix == ".tif":
            image = Image.fromarray((np.arange(400).reshape(20, 20) % 256).astype(np.int32))
        else:
            image = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
            image.paste((255, 255, 255, 255), (4, 4, 8 + number % 5, 12))
        image.save(tmp_path / f"{number}{suffix}")
    with pytest.warns(DcganWarning, match=says):
        load(tmp_path)


def test_train_size_is_of_an_epoch_and_not_of_the_folder(tmp_path: Path):
    """As in the original, each epoch has other images; --help says so."""
    make(tmp_path, *(f"{number:02}.png" for number in range(40)))
    dataset = load(tmp_path, train_size=8)
    per_epoch = Schedule(Config(train_size=8, batch_size=4), len(dataset.images)).per_epoch
    batches = itertools.islice(dataset.batches(4, per_epoch, seed=0), 10 * per_epoch)
    used = {image.tobytes() for images, _ in batches for image in images}
    assert per_epoch == 2 and len(used) > 30
    assert "a folder has other ones in each" in SETTINGS["train_size"].help


def test_a_sheet_of_a_labelled_folder_shows_all_classes(tmp_path: Path):
    make(
        tmp_path / "a",
        *(f"black/{number}.png" for number in range(20)),
        *(f"white/{number}.png" for number in range(20)),
    )
    from dcgan_tf.training.training_sheets import labels_of_sheets

    labels = labels_of_sheets(load(tmp_path / "a", conditional=True), 16)
    assert np.bincount(labels).tolist() == [8, 8]


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--is_train", "--is_train is now --train; give that instead."),
        ("--image_size=108", "--image_size is now --input_height; give that instead."),
        ("--output_size=64", "--output_size is now --output_height; give that instead."),
    ],
)
def test_flags_of_older_versions_of_the_original(tmp_path: Path, flag: str, says: str):
    fails_with_one_sentence("--dataset=mnist", flag, cwd=tmp_path, says=says)


def test_a_value_behind_a_switch(tmp_path: Path):
    fails_with_one_sentence(
        "--dataset=mnist", "--train", "True", cwd=tmp_path, says="a switch stands alone, as --train"
    )


def test_a_score_that_is_not_a_number_does_not_count():
    assert score({"nearest_neighbour_error": float("nan"), "fid": 3.0}) == (math.inf, 3.0, math.inf, math.inf)
    assert score({"fid": float("inf")}) is None


def test_of_checkpoints_with_the_same_1_nn_error_the_lower_distance_is_better():
    first = {"nearest_neighbour_error": 0.0, "class_accuracy": 1.0, "swd": 149.0}
    assert score(first | {"swd": 50.0}) < score(first)
    assert score(first | {"frechet": 9.0, "swd": 200.0}) < score(first | {"frechet": 10.0})
    assert score(first | {"nearest_neighbour_error": 0.1, "swd": 1.0}) > score(first)
    assert score(first | {"frechet": 9.0}) < score(first | {"frechet": math.nan, "swd": 1.0})


def test_a_long_name_of_a_data_set_fits_a_file_name(tmp_path: Path):
    run = Runs(str(tmp_path)).create(Config(dataset="猫" * 85))
    assert len(run.folder.name.encode()) <= 255 and run.flags_file.exists()
