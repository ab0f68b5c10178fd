"""Losses, z, the value range and the train step."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dcgan_tf import latents, losses
from dcgan_tf.model import DCGAN
from dcgan_tf.optimizer import LossScale
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.weights import of_run
from dcgan_tf.settings.config import Config

SMALL = {"output_height": 16, "output_width": 16, "c_dim": 3, "gf_dim": 4, "df_dim": 4, "z_dim": 6, "batch_size": 8}


def test_losses_of_logits_worked_out_by_hand():
    logits = tf.constant([[0.0], [math.log(3)]])  # sigmoids 1/2 and 3/4
    on_one, on_zero = (math.log(2) - math.log(3 / 4)) / 2, (math.log(2) - math.log(1 / 4)) / 2
    assert float(losses.d_loss_real(logits)) == pytest.approx(on_one, rel=1e-6)
    assert float(losses.g_loss(logits)) == pytest.approx(on_one, rel=1e-6)
    assert float(losses.d_loss_fake(logits)) == pytest.approx(on_zero, rel=1e-6)
    assert float(losses.d_loss_real(tf.constant([[-1000.0]]))) == 1000  # from logits: no overflow


def test_the_step_counts_logs_and_changes_both_networks():
    config = Config(**SMALL, G_img_sum=True, g_steps=3)
    model = DCGAN(config)
    before = [v.numpy() for v in (*model.generator.trainable_variables, *model.discriminator.trainable_variables)]
    images = np.random.default_rng(0).integers(256, size=(8, 16, 16, 3), dtype=np.uint8)
    step = model.compiled()
    logged = step(images[None], np.zeros((1, 8), np.int32))
    after = [v.numpy() for v in (*model.generator.trainable_variables, *model.discriminator.trainable_variables)]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    assert int(model.iterations) == 1
    assert (logged["z"] == latents.sample_z("uniform_signed", 547, 1, (8, 6)).numpy()).numpy().all()
    assert {name: value.shape for name, value in logged.items()} == {
        "d_loss": (), "d_loss_real": (), "d_loss_fake": (), "g_loss": (),
        "z": (8, 6), "d": (8, 1), "d_": (8, 1), "G": (8, 16, 16, 3),
    }  # fmt: skip
    assert float(logged["d_loss"]) == pytest.approx(float(logged["d_loss_real"] + logged["d_loss_fake"]), rel=1e-6)
    assert float(model.g_optimizer.beta1_power) == pytest.approx(0.5**4)
    assert float(model.d_optimizer.beta1_power) == pytest.approx(0.5**2)


def test_each_pass_moves_the_moving_statistics_once():
    """G twice and D four times an iteration: weights of the initial value 0.9^2 and 0.9^4."""
    config = Config(**SMALL)
    images = tf.zeros([8, 16, 16, 3])
    rest = []
    for start in (0.0, 1e6):
        model = DCGAN(config)
        averages = [v for n in (model.generator, model.discriminator) for v in n.variables if "moving_mean" in v.path]
        for average in averages:
            average.assign(tf.fill(average.shape, start))
        model.update(images, tf.zeros([8, 0]), latents.sample_z("uniform_signed", 1, 1, (8, 6)))
        rest.append({v.path: float(v.numpy().mean()) for v in averages})
    for path, value in rest[1].items():
        passes = 2 if path.startswith("generator") else 4
        assert (value - rest[0][path]) / 1e6 == pytest.approx(0.9**passes, rel=1e-4), path


def test_ema_of_the_generator_by_hand(tmp_path: Path):
    """Its decay is (1 + iteration) / (10 + iteration) at first; it makes the pictures of the saved run."""
    config = Config(**SMALL, g_ema=0.25)
    model = DCGAN(config)
    step = model.compiled()
    images = np.random.default_rng(0).integers(256, size=(8, 16, 16, 3), dtype=np.uint8)
    expected = [v.numpy() for v in model.generator.variables]
    for decay in (2 / 11, 3 / 12, 0.25):  # the third would be 4 / 13
        step(images[None], np.zeros((1, 8), np.int32))
        weights = [v.numpy() for v in model.generator.variables]
        expected = [decay * e + (1 - decay) * w for e, w in zip(expected, weights, strict=True)]
        for average, value in zip(model.sampler.variables, expected, strict=True):
            np.testing.assert_allclose(average.numpy(), value, rtol=1e-5, atol=1e-7, err_msg=average.path)
    run = Runs(str(tmp_path)).create(config)
    Checkpoints(model, run.folder, 1).save()
    for loaded, value, weight in zip(of_run(run).generator().variables, expected, weights, strict=True):
        np.testing.assert_allclose(loaded.numpy(), value, rtol=1e-5, atol=1e-7)
        assert not np.allclose(loaded.numpy(), weight, rtol=1e-5, atol=1e-7), loaded.path


def test_learning_rate_decay():
    """In a straight line down to 0: 1, 1, 1/2 of it in iterations 1 to 3, and nothing is learnt after the last."""
    model = DCGAN(Config(**SMALL), lr_decay=(2, 3))
    step = model.compiled()
    images, labels = np.zeros((1, 8, 16, 16, 3), np.uint8), np.zeros((1, 8), np.int32)
    for factor in (1, 1, 0.5, 0):
        weights = [v.numpy() for v in model.generator.trainable_variables]
        step(images, labels)
        assert float(model.learning_rate) == pytest.approx(factor * 0.0002)
    for variable, before in zip(model.generator.trainable_variables, weights, strict=True):
        assert (variable.numpy() == before).all()


def test_weight_decay_is_the_gradient_of_the_l2_term():
    inputs = np.zeros((8, 16, 16, 3), np.float32), tf.zeros([8, 0]), np.ones((8, 6), np.float32)
    without, decayed = DCGAN(Config(**SMALL)), DCGAN(Config(**SMALL, weight_decay=0.5))
    kernels = [v.numpy() for v in decayed.discriminator.trainable_variables]
    l2_gradients = [0.5 * value if value.ndim > 1 else 0 for value in kernels]
    plain = without.update(*inputs)["grad_D"]
    for gradient, other, l2 in zip(decayed.update(*inputs)["grad_D"], plain, l2_gradients, strict=True):
        np.testing.assert_allclose(gradient, other.numpy() + l2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("stages", "precision"), [("original", "float16"), ("2", "bfloat16")])
def test_half_precision_follows_float32(stages: str, precision: str):
    """Same weights, same pictures: losses and gradients within rounding of float32's."""
    config = Config(**SMALL, class_names=tuple("ab"), stages=stages, gfc_dim=16, dfc_dim=16)
    config = dataclasses.replace(config, class_loss=0.1 * (stages != "original"))
    random = np.random.default_rng(0)
    inputs = (
        random.uniform(0, 1, (8, 16, 16, 3)).astype(np.float32),
        np.eye(2, dtype=np.float32)[random.integers(2, size=8)],
        random.uniform(-1, 1, (8, 6)).astype(np.float32),
    )
    wide, half = (
        tf.function(DCGAN(dataclasses.replace(config, precision=p)).update)(*inputs) for p in ("float32", precision)
    )
    digits = 2**-8 if precision == "bfloat16" else 2**-11
    assert half["G"].dtype == precision
    kept = DCGAN(dataclasses.replace(config, precision=precision)).state()
    assert {variable.dtype for name, variable in kept.items() if not name.endswith(("iteration", "_steps"))} == {
        tf.float32
    }
    for name in ("d_loss", "d_loss_real", "d_loss_fake", "g_loss_1", "g_loss_2"):
        assert half[name].dtype == tf.float32
        assert float(half[name]) == pytest.approx(float(wide[name]), rel=8 * digits), name
    for name in ("grad_D", "grad_G1"):  # all together: alone, a bias before batch norm has nothing but rounding noise
        assert {gradient.dtype for gradient in half[name]} == {tf.float32}
        found, expected = (np.concatenate([tf.reshape(g, -1) for g in out[name]]) for out in (half, wide))
        assert np.linalg.norm(found - expected) < 120 * digits * np.linalg.norm(expected), name


def test_float16_leaves_out_updates_whose_gradients_overflow():
    """D's and both of G's halve the scale each, until it is so small that all gradients are finite."""
    model = DCGAN(Config(**SMALL, precision="float16"))
    matrix = model.discriminator.linear.kernel
    matrix.assign(matrix * 1e4)
    step = model.compiled()
    images = np.random.default_rng(0).integers(256, size=(1, 8, 16, 16, 3), dtype=np.uint8)
    before = {name: variable.numpy() for name, variable in model.state().items()}
    step(images, np.zeros((1, 8), np.int32))
    changed = {name for name, variable in model.state().items() if (variable.numpy() != before[name]).any()}
    assert {name for name in changed if "moving" not in name} == {"iteration", "loss_scale"}
    assert float(model.loss_scale.scale) == 1024 / 8
    for _ in range(3):
        logged = step(images, np.zeros((1, 8), np.int32))
    assert float(model.loss_scale.scale) == 0.5 and float(model.g_optimizer.beta1_power) < 0.5
    assert all(np.isfinite(variable.numpy()).all() for variable in (*model.state().values(), *logged.values()))


def test_the_scale_doubles_after_2000_good_updates_in_a_row():
    model = DCGAN(Config(**SMALL, precision="float16"))
    model.loss_scale.finite_steps.assign(1998)
    model.compiled()(np.zeros((1, 8, 16, 16, 3), np.uint8), np.zeros((1, 8), np.int32))
    assert (float(model.loss_scale.scale), int(model.loss_scale.finite_steps)) == (2048, 1)


def test_the_scale_is_in_the_checkpoints_of_float16_alone(tmp_path: Path):
    """A run of version 1.0.0 has none, and one that had another precision: it then begins anew."""
    saved = DCGAN(Config(**SMALL, precision="float16"))
    wide = DCGAN(Config(**SMALL))
    assert saved.state().keys() - wide.state().keys() == set(LossScale.NAMES)
    saved.loss_scale.scale.assign(4)
    saved.loss_scale.finite_steps.assign(7)
    for model, expected in ((saved, (4, 7)), (wide, (1024, 0))):
        folder = Runs(str(tmp_path)).create(model.config).folder
        Checkpoints(model, folder, 1).save()
        resumed = DCGAN(saved.config)
        Checkpoints(resumed, folder, 1).restore()
        assert tuple(variable.numpy() for variable in resumed.loss_scale.state().values()) == expected


@pytest.mark.parametrize("xla", ["off", pytest.param("on", marks=pytest.mark.slow)])
def test_several_iterations_in_one_call_are_those_of_single_calls(xla: str):
    """Weights, averages, Adam, the last iteration's values: bit for bit."""
    more = {"augment": "color,translation,cutout", "augment_p": 0.5, "weight_decay": 0.001, "g_ema": 0.99}
    config = Config(**SMALL, xla=xla, steps_per_call=5, **more)
    random = np.random.default_rng(0)
    images = random.integers(256, size=(6, 8, 16, 16, 3), dtype=np.uint8)
    labels = np.zeros((6, 8), np.int32)
    ended = []
    for calls in ([1, 1, 1, 1, 1, 1], [1, 5]):
        model, at = DCGAN(config, lr_decay=(2, 6)), 0
        step = model.compiled()
        for count in calls:
            logged = step(images[at : at + count], labels[at : at + count])
            at += count
        assert int(model.iterations) == 6
        ended.append([v.numpy() for v in model.state().values()] + [logged[name].numpy() for name in sorted(logged)])
    assert all((a == b).all() for a, b in zip(*ended, strict=True))
