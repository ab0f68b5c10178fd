"""z by its seed, walks and sweeps."""

from __future__ import annotations

import numpy as np

from dcgan_tf import latents


def test_the_z_of_a_seed_depends_on_the_seed_alone():
    many = latents.z_from_seeds(range(20), 100, "uniform_signed")
    assert many.dtype == np.float32
    assert (latents.z_from_seeds([7], 100, "uniform_signed") == many[7]).all()
    assert len(np.unique(many[:, 0])) == 20
    # Pictures that people have named by their seeds must stay: these numbers are for ever.
    np.testing.assert_allclose(many[0, :3], [-0.9769065, -0.5169016, -0.7771483], atol=1e-6)
    np.testing.assert_allclose(
        latents.z_from_seeds([0], 3, "normal01")[0], [0.1592955, -1.7741885, 1.3265119], atol=1e-6
    )


def test_z_are_distributed_as_asked():
    """Those of seeds, and those of the iterations of a training."""
    for z_dist, low, high, mean, deviation in (
        ("uniform_signed", -1, 1, 0, 3**-0.5),
        ("uniform_unsigned", 0, 1, 0.5, 12**-0.5),
        ("normal01", -6, 6, 0, 1),
    ):
        seeded = latents.z_from_seeds(range(500), 100, z_dist)
        for z in (seeded, latents.sample_z(z_dist, 1, 1, (500, 100)).numpy()):
            assert low <= z.min() < low + 2.5 and high - 2.5 < z.max() <= high
            assert abs(z.mean() - mean) < 0.02 and abs(z.std() - deviation) < 0.02


def test_interpolation_is_straight_for_uniform_z_and_an_arc_for_normal_z():
    points = latents.z_from_seeds([1, 2, 3], 64, "normal01")
    straight, arc = (latents.interpolate(points, 5, z_dist) for z_dist in ("uniform_signed", "normal01"))
    for interpolate in (straight, arc):
        assert interpolate.shape == (2, 5, 64) and interpolate.dtype == np.float32
        np.testing.assert_allclose(interpolate[:, 0], points[:2], atol=1e-6)
        np.testing.assert_allclose(interpolate[:, -1], points[1:], atol=1e-6)
    np.testing.assert_allclose(straight[0, 2], (points[0] + points[1]) / 2, atol=1e-6)
    lengths = np.linalg.norm(arc, axis=-1)
    assert lengths.min() > 0.97 * np.linalg.norm(points, axis=-1).min()
    assert np.linalg.norm(straight[0, 2]) < 0.85 * lengths[0, 2]
    steps = np.linalg.norm(np.diff(arc[0], axis=0), axis=-1)
    assert steps.max() < 1.15 * steps.min()
    assert np.isfinite(latents.interpolate(points[[0, 0]], 3, "normal01")).all()
    opposite = latents.interpolate(np.array([[0.5], [-1.2]], np.float32), 3, "normal01")
    np.testing.assert_allclose(opposite.ravel(), [0.5, -0.35, -1.2], atol=1e-6)
