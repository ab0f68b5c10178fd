"""Images from seeds with trained runs: single files, grids, interpolations, arithmetic."""

from __future__ import annotations

import gc
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from helpers import assert_close, call_main, cut, images_of, main_here

from dcgan_tf import latents
from dcgan_tf.system.errors import UserError


def z_of(*seeds: int) -> np.ndarray:
    """Return z of the seeds in the MNIST run, [N, 100]."""
    return latents.z_from_seeds(seeds, 100, "uniform_signed")


def test_many_images_all_differ_and_can_be_repeated(mnist_run: Path):
    """The same files come from another process, with another batch size, and with another first seed."""
    folder = mnist_run / "samples" / "mnist-small" / "images"
    main_here("--dataset=mnist", "--generate_test_images=200", out_dir=mnist_run)
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert {f"seed{i:04d}_class{i % 10}.png" for i in range(200)} == set(first)
    assert len(set(first.values())) == 200
    args = ["--dataset=mnist", "--generate_test_images=200", "--batch_size=7", "--sample_dir=second"]
    out = call_main(*args, cwd=mnist_run).stdout
    second = mnist_run / "second" / "mnist-small" / "images"
    assert {file.name: file.read_bytes() for file in second.iterdir()} == first
    assert f"Wrote 200 images of the seeds 0 to 199 to {second}" in out
    main_here("--dataset=mnist", "--generate_test_images=3", "--seed=150", "--sample_dir=some", out_dir=mnist_run)
    some = mnist_run / "some" / "mnist-small" / "images"
    assert {file.name for file in some.iterdir()} == {f"seed015{i}_class{i}.png" for i in range(3)}
    assert all(file.read_bytes() == first[file.name] for file in some.iterdir())


def test_images_and_grids_without_labels(blobs_run: Path):
    main_here("--dataset=blobs", "--generate_test_images=30", out_dir=blobs_run)
    files = sorted((blobs_run / "samples" / "blobs-small" / "images").iterdir())
    assert [file.name for file in files] == [f"seed{i:04d}.png" for i in range(30)]
    expected = images_of(blobs_run, "blobs-small", latents.z_from_seeds(range(30), 12, "normal01"), [])
    assert_close(np.stack([iio.imread(file) for file in files]), expected)
    main_here("--dataset=blobs", "--grid=2x3", out_dir=blobs_run)
    sheet = cut(iio.imread(blobs_run / "samples" / "blobs-small" / "grid_2x3.png"), 2, 3)
    assert_close(sheet.reshape(-1, 20, 24, 3), expected[:6])


def test_each_row_of_a_grid_is_a_class(mnist_run: Path, capsys: pytest.CaptureFixture):
    main_here("--dataset=mnist", "--grid=3x5", "--class=4,7", "--seed=2", out_dir=mnist_run)
    assert "Rows:        4, 7\n" in capsys.readouterr().out
    sheet = cut(iio.imread(mnist_run / "samples" / "mnist-small" / "grid_3x5.png"), 3, 5)
    for row, (label, first) in enumerate(((4, 2), (7, 2), (4, 7))):  # the second row of 4s has the next seeds
        z = z_of(*range(first, first + 5))
        assert_close(sheet[row], images_of(mnist_run, "mnist-small", z, [label] * 5))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio-ffmpeg leaves a pipe open
def test_loop_returns_to_its_first_image(blobs_run: Path):
    main_here("--dataset=blobs", "--loop=3,12", "--steps=6", out_dir=blobs_run)
    samples = blobs_run / "samples" / "blobs-small"
    frames = iio.imread(samples / "loop.gif", index=None)
    assert frames.shape == (10, 20, 24, 3)  # 5 from 3 to 12, and 5 back, without the last one, which is the first
    z = latents.interpolate(latents.z_from_seeds([12, 3], 12, "normal01"), 6, "normal01")[0]
    images = images_of(blobs_run, "blobs-small", z, [])
    assert np.abs(frames[5].astype(int) - images[0]).mean() < 6  # a GIF has 256 colours
    assert np.abs(frames[9].astype(int) - images[4]).mean() < 6
    video = iio.imread(samples / "loop.mp4")
    assert video.shape == (10, 20, 24, 3) and np.abs(video[5].astype(int) - images[0]).mean() < 20  # upside down: 29
    gc.collect()


def test_truncation_moves_z_toward_its_mean(blobs_run: Path):
    def images(*args: str) -> np.ndarray:
        main_here("--dataset=blobs", "--generate_test_images=3", *args, out_dir=blobs_run)
        folder = blobs_run / "samples" / "blobs-small" / "images"
        return np.stack([iio.imread(folder / f"seed000{seed}.png") for seed in range(3)]).astype(int)

    plain, one, half, none = images(), images("--truncation=1"), images("--truncation=0.5"), images("--truncation=0")
    np.testing.assert_array_equal(plain, one)
    z = latents.z_from_seeds(range(3), 12, "normal01") / 2
    assert np.abs(half - images_of(blobs_run, "blobs-small", z, [])).max() <= 1 and (half != plain).any()
    assert np.ptp(none, axis=0).max() == 0  # all seeds give the image of the mean z
    np.testing.assert_allclose(latents.truncate(np.float32([[0.9]]), 0.5, "uniform_unsigned"), [[0.7]])


def test_interpolation_goes_from_seed_to_seed(mnist_run: Path):
    main_here("--dataset=mnist", "--interpolate=3,12,7", "--steps=5", "--class=6,9", out_dir=mnist_run)
    samples = mnist_run / "samples" / "mnist-small"
    sheet = cut(iio.imread(samples / "interpolate.png"), 4, 5)
    ends = images_of(mnist_run, "mnist-small", z_of(3, 12, 7, 3, 12, 7), [6, 6, 6, 9, 9, 9])
    assert_close(sheet[[0, 2, 2, 1, 3, 3], [0, 0, 4, 0, 0, 4]], ends)
    assert (sheet[0, 4] == sheet[2, 0]).all()
    middle = images_of(mnist_run, "mnist-small", (z_of(3) + z_of(12)) / 2, [6])
    assert_close(sheet[0, 2][None], middle)
    frames = iio.imread(samples / "interpolate.gif", index=None)
    # Both segments forwards and backwards; GIF stores two equal frames in a row once
    assert frames.shape == (17, 28, 56)
    assert (frames[0] == np.hstack(sheet[[0, 1], 0])[..., 0]).all()
    assert (frames[8] == np.hstack(sheet[[2, 3], 4])[..., 0]).all()
    assert (frames == frames[::-1]).all()


def test_arithmetic_adds_and_subtracts_mean_z(mnist_run: Path):
    main_here("--dataset=mnist", "--arithmetic=12,15,20 - 3 + 30,31", "--class=5", out_dir=mnist_run)
    sheet = cut(iio.imread(mnist_run / "samples" / "mnist-small" / "arithmetic.png"), 4, 7)
    mean = z_of(12, 15, 20).mean(0)
    result = mean - z_of(3)[0] + z_of(30, 31).mean(0)
    z = np.stack([*z_of(12, 15, 20), mean, *z_of(3, 3, 30, 31), z_of(30, 31).mean(0), result])
    rows, columns = zip((0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (3, 1), (0, 2), (1, 2), (3, 2), (1, 5), strict=True)
    assert_close(sheet[rows, columns], images_of(mnist_run, "mnist-small", z, [5] * 10))
    around = sheet[:3, 4:].reshape(9, -1)
    assert len(np.unique(around, axis=0)) == 9
    assert not sheet[:, 3].any() and not sheet[3, 4:].any() and not sheet[1:3, 1].any()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--grid=99999x99999"], "A sheet or GIF of 99999 x 99999 images, each 28 high and 28 wide, is larger than"),
        (["--generate_test_images=5", "--class=12"], "The run has no class '12'"),
        (["--loop=3"], "--loop must be two seeds or more"),
        (["--interpolate=3,4", "--steps=1"], "--steps must be at least 2, but is 1"),
        (["--grid=2x2", "--dims=3"], "--dims needs --visualize"),
        (["--visualize", "--dims=100"], "--dims must be below 100, the number of dimensions of z, but is 100"),
        (["--story", "--class=3"], "--class needs --visualize or --generate_test_images or"),
    ],
)
def test_wrong_values_are_user_errors(mnist_run: Path, args: list[str], says: str):
    with pytest.raises(UserError, match=says):
        main_here("--dataset=mnist", *args, out_dir=mnist_run)
