"""All images of a data set: unreadable ones, small ones, channels, and more images than fit into memory."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from helpers import load, write_images
from PIL import Image

from dcgan_tf.data import prepare, sources
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.system import startup
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.startup import usable

pytestmark = pytest.mark.usefixtures("shown")


@pytest.fixture(scope="module")
def numbered(tmp_path_factory) -> Path:
    """A folder of 100 gray images, number i of gray level i, and 5 broken files."""
    folder = tmp_path_factory.mktemp("numbered")
    for i in range(100):
        write_images(folder, f"{i:03}.png", gray=i)
    whole = (folder / "099.png").read_bytes()
    (folder / "007x.png").write_bytes(whole[:-30])
    (folder / "050x.png").write_bytes(b"")
    (folder / "051x.jpg").write_text("not an image")
    (folder / "052x.png").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    (folder / "053x.png").symlink_to(folder / "nowhere")
    return folder


def test_broken_files_are_listed_and_skipped(numbered, capsys):
    dataset = load(numbered)
    printed = capsys.readouterr().out
    listed = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    assert [line.split(":")[0] for line in listed] == ["007x.png", "050x.png", "051x.jpg", "052x.png", "053x.png"]
    assert listed[1] == "050x.png: it is empty; perhaps it is not downloaded yet"
    assert "Skipped:     5 " in printed and "100, gray" in printed
    assert dataset.spec.channels == 1 and dataset.images.shape == (100, 16, 16, 1)
    assert dataset.images[:, 3, 3, 0].tolist() == list(range(100))
    assert load(numbered, c_dim=3).images.shape == (100, 16, 16, 3)
    assert load(numbered, c_dim=1).images.shape == (100, 16, 16, 1)


def test_more_broken_files_than_images_are_an_error(tmp_path):
    write_images(tmp_path, "0.png")
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"no")
    with pytest.raises(UserError, match=r"Of 3 .* 2 cannot be used \(the first: 1.jpg: it is not an image\)"):
        load(tmp_path)


def test_an_image_that_is_smaller_than_the_crop_is_an_error(tmp_path: Path):
    for number in range(40):
        side = 20 if number == 5 else 40
        Image.new("RGB", (side, side + 1), (9 * side // 2, 9, 5 * number)).save(tmp_path / f"{number:02}.png")
    with pytest.raises(UserError, match="05.png cannot be cropped: it is 20x21, smaller than the centre 30x30"):
        load(tmp_path, crop=True, input_height=30)
    assert len(load(tmp_path, crop=True, input_height=20).images) == 40


def test_an_interrupt_does_not_wait_for_the_images_that_were_to_be_read(monkeypatch: pytest.MonkeyPatch):
    decoded: list[object] = []
    interrupt = partial(signal.pthread_kill, threading.get_ident(), signal.SIGINT)

    def slowly(data: object, spec: ImageSpec) -> tuple[np.ndarray, tuple[int, int]]:
        decoded.append(data)
        if len(decoded) == 1:
            interrupt()
        time.sleep(0.05)
        return np.zeros((8, 8, 3), np.uint8), (8, 8)

    monkeypatch.setattr(prepare, "decode_image", slowly)
    items = [sources.Item(str(number), b"", 0) for number in range(100 * prepare.CHUNK)]
    with pytest.raises(KeyboardInterrupt):
        prepare.decode_all(sources.Source("memory", items, len(items)), ImageSpec(8, 8, 3), 1, Path("unused"))
    assert len(decoded) <= 2 * prepare.CHUNK * (usable()[0] + 2)  # those of each thread, perhaps the next ones


def test_file_without_a_name_gives_the_same_images_and_leaves_nothing(numbered, tmp_path, capsys):
    in_memory = load(numbered, cache=False)
    on_disk = load(numbered, cache=False, cache_gb=0, cache_dir=str(tmp_path / "cache"))
    assert f"on disk in {tmp_path / 'cache'}" in capsys.readouterr().out
    assert isinstance(on_disk.images, np.memmap) and not isinstance(in_memory.images, np.memmap)
    np.testing.assert_array_equal(on_disk.images, in_memory.images)
    batches = (dataset.batches(10, 10, seed=0) for dataset in (on_disk, in_memory))
    for a, b in islice(zip(*batches, strict=True), 25):
        np.testing.assert_array_equal(a[0], b[0])
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_room_for_more_than_cache_gb_is_an_error(numbered, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="--cache_dir"):
        load(numbered, cache_gb=0, cache_dir=str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"no room for .* GB"):
        load(numbered, output_height=600_000, cache_dir=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("limits", "cores", "memory"),
    [
        ({"cpu.max": "150000 100000", "memory.max": "1000000000"}, 2, 1e9),
        ({"cpu.max": "max 100000", "memory.max": "max"}, 64, np.inf),
        ({}, 64, np.inf),
    ],
)
def test_a_container_may_use_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], cores: int, memory: float
):
    """Versions 2 and 1 of control groups."""
    for name, text in limits.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(startup, "CONTROL_GROUP", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)))
    assert usable() == (cores, memory)
    images = prepare.allocate((1_000, 1_000, 900), 4, tmp_path)  # not written, so it takes no memory
    assert isinstance(images, np.memmap) == (memory < 1.8e9)
