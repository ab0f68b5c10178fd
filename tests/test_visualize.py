"""The original's visualize options, on runs with and without labels."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from helpers import assert_close, cut, images_of, main_here
from PIL import Image

from dcgan_tf import latents
from dcgan_tf.system.errors import UserError


def duration(path: Path) -> int:
    """Return the duration of a GIF in milliseconds."""
    with Image.open(path) as gif:
        return sum((gif.seek(frame), gif.info["duration"])[1] for frame in range(gif.n_frames))


def sweep(base: np.ndarray, dimension: int, count: int) -> np.ndarray:
    """Return `count` copies of z [Z] in which one dimension is swept, [count, Z]."""
    z = np.tile(base, (count, 1)).astype(np.float32)
    z[:, dimension] = np.arange(0, 1, 1 / count)  # the original's values
    return z


def test_option_1_writes_a_sheet_for_each_dimension(blobs_run: Path, capsys: pytest.CaptureFixture):
    samples = blobs_run / "samples" / "blobs-small"
    main_here("--dataset=blobs", "--visualize", "--batch_size=4", out_dir=blobs_run)  # option 1 is the default
    assert len(list(samples.glob("test_arange_*.png"))) == 12
    assert f"Wrote 12 files, one for each dimension, to {samples}" in capsys.readouterr().out
    sheet = cut(iio.imread(samples / "test_arange_5.png"), 2, 2).reshape(4, 20, 24, 3)
    z = latents.z_from_seeds(range(20, 24), 12, "normal01")
    z[:, 5] = [0, 0.25, 0.5, 0.75]
    assert_close(sheet, images_of(blobs_run, "blobs-small", z, []))


def test_option_2_sweeps_a_random_z(mnist_run: Path):
    main_here("--dataset=mnist", "--visualize", "--option=2", "--dims=0,7", "--batch_size=8", out_dir=mnist_run)
    samples = mnist_run / "samples" / "mnist-small"
    assert {file.name for file in samples.glob("test_gif_*")} == {"test_gif_0.gif", "test_gif_7.gif"}
    base = 0.2 * latents.z_from_seeds([7], 100, "uniform_signed")[0]
    frames = iio.imread(samples / "test_gif_7.gif", index=None)[..., None]
    assert_close(frames, images_of(mnist_run, "mnist-small", sweep(base, 7, 8), [7] * 8))
    assert duration(samples / "test_gif_7.gif") == 2000


@pytest.mark.parametrize("option", [3, 4])
def test_options_3_and_4_sweep_zeros(mnist_run: Path, option: int):
    args = ["--dataset=mnist", "--visualize", f"--option={option}", "--dims=10-13", "--batch_size=5"]
    main_here(*args, f"--sample_dir=option{option}", "--class=2,3", out_dir=mnist_run)
    samples = mnist_run / f"option{option}" / "mnist-small"
    names = [f"test_gif_{i}.gif" for i in range(10, 14)]
    assert sorted(file.name for file in samples.iterdir()) == names + ["test_gif_merged.gif"] * (option == 4)
    gifs = np.stack([iio.imread(samples / name, index=None) for name in names])
    for frames, dimension in zip(gifs, range(10, 14), strict=True):
        z = sweep(np.zeros(100), dimension, 5)
        assert_close(frames[..., None], images_of(mnist_run, "mnist-small", z, [2 + dimension % 2] * 5))
    if option == 4:
        merged = iio.imread(samples / "test_gif_merged.gif", index=None)
        forwards = gifs.reshape(2, 2, 5, 28, 28).transpose(2, 0, 3, 1, 4).reshape(5, 56, 56)
        # Where the direction changes, the last frame comes twice: GIF stores it once, with twice the duration.
        assert (merged == np.concatenate([forwards, forwards[-2::-1]])).all()
        assert duration(samples / "test_gif_merged.gif") == 8000


def test_limits_are_those_of_the_file_that_is_written(blobs_run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dcgan_tf.system.image_files.MAX_PIXELS", 8 * 20 * 24)
    args = ["--dataset=blobs", "--visualize"]
    main_here(*args, "--batch_size=4", "--option=3", "--dims=0-9", out_dir=blobs_run)  # no image shows all of them
    with pytest.raises(UserError, match="A sheet or GIF of 1 x 9 images"):
        main_here(*args, "--batch_size=9", "--option=2", out_dir=blobs_run)
    with pytest.raises(UserError, match="A sheet or GIF of 2 x 5 images"):
        main_here("--dataset=blobs", "--loop=1,2", "--steps=5", out_dir=blobs_run)
