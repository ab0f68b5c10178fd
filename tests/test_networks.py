"""Shapes and initial weights of the four networks."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan_tf import networks
from dcgan_tf.layers import Conv
from dcgan_tf.networks import (
    ConditionalDiscriminator,
    ConditionalGenerator,
    Discriminator,
    Generator,
    Network,
    build_discriminator,
    build_generator,
)
from dcgan_tf.settings.config import Config


def sized(height: int, width: int, c_dim: int, **others) -> Config:
    return Config(output_height=height, output_width=width, c_dim=c_dim, **others)


@pytest.mark.parametrize(
    "config",
    [
        sized(45, 30, 1, gf_dim=4, df_dim=4),
        sized(1, 2, 3, gf_dim=2, df_dim=2),
        sized(12, 40, 3, gf_dim=4, df_dim=4, gfc_dim=8, dfc_dim=8, class_names=("cat", "dog")),
    ],
    ids=lambda c: f"{c.output_height}x{c.output_width}x{c.c_dim}y{c.y_dim}",
)
def test_any_size_and_any_batch(config: Config):
    generator, discriminator = build_generator(config), build_discriminator(config)
    for batch in (1, 3):
        labels = tf.one_hot(tf.zeros(batch, tf.int32), config.y_dim)
        images = generator(tf.random.normal([batch, config.z_dim]), labels, training=False)
        assert images.shape == (batch, config.output_height, config.output_width, config.c_dim)
        assert float(tf.reduce_min(images)) >= (0 if config.has_labels else -1)
        assert float(tf.reduce_max(images)) <= 1
        assert discriminator(images, labels, training=True).shape == (batch, 1)


def test_initial_weights():
    config = sized(64, 64, 3)
    weights = {v.path: v.numpy() for n in (build_generator(config), build_discriminator(config)) for v in n.variables}
    for name, value in weights.items():
        kind = name.rsplit("/")[-1]
        if kind in ("bias", "biases", "beta", "moving_mean"):
            assert not value.any(), name
        elif kind in ("gamma", "moving_variance"):
            assert (value == 1).all(), name
        elif name.startswith("discriminator") and kind == "w" and value.size > 10_000:
            assert 0.0399 < np.abs(value).max() <= 0.04, name  # cut at two sigma
            assert value.std() == pytest.approx(0.02 * 0.8796, rel=0.01), name  # and not rescaled
        elif value.size > 10_000:
            assert value.std() == pytest.approx(0.02, rel=0.02), name
            assert np.abs(value).max() > 0.06, name  # normal, not cut


def test_the_seed_decides_the_weights():
    for build in (build_generator, build_discriminator):
        first, again, other = (
            [v.numpy() for v in build(sized(16, 16, 3, gf_dim=4, df_dim=4, seed=seed)).variables if len(v.shape) > 1]
            for seed in (1, 1, 2)
        )
        for a, b, c in zip(first, again, other, strict=True):
            assert (a == b).all()
            assert (a != c).any()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras, when it saves
@pytest.mark.parametrize(
    ("network", "shapes"),
    [
        (Generator(17, 16, 1, 4, 2), [(3, 10)]),
        (Discriminator(4, 2, 3), [(3, 16, 16, 1), (3, 3)]),
        (ConditionalGenerator(16, 16, 1, 4, 8), [(3, 10), (3, 3)]),
        (ConditionalDiscriminator(4, 5, 8, dtype="mixed_bfloat16"), [(3, 16, 16, 1), (3, 3)]),
    ],
)
def test_keras_saves_and_loads_a_network(network: Network, shapes: list[tuple[int, ...]], tmp_path: Path):
    inputs = [tf.random.stateless_uniform(shape, [1, 2]) for shape in shapes]
    network.build(*((None, *shape[1:]) for shape in shapes))
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(*inputs), network(*inputs))
    assert [v.path for v in loaded.variables] == [v.path for v in network.variables]
    assert loaded.get_config() == network.get_config()
    assert loaded(*inputs).dtype == network.compute_dtype == loaded.layers[0].compute_dtype
    if len(shapes) == 1:
        sequence = keras.Sequential([keras.Input(shapes[0][1:]), network])
        np.testing.assert_array_equal(sequence(*inputs), network(*inputs))
        network.export(tmp_path / "export", verbose=False)
        exported = tf.saved_model.load(str(tmp_path / "export"))
        np.testing.assert_allclose(exported.serve(*inputs), network(*inputs), atol=1e-6)


def test_the_seed_reaches_the_layer_in_a_wrapper():
    """docs/changing.md has spectral norm by Keras's wrapper."""
    weights = []
    for seed in (7, 7, 8):
        wrapped = keras.layers.SpectralNormalization(Conv(4))
        model = networks._build(keras.Sequential([wrapped]), "float32", seed, {}, [1, 8, 8, 3])
        weights.append(model.layers[0].layer.kernel.numpy())
    assert (weights[0] == weights[1]).all() and (weights[0] != weights[2]).all()
