"""Targets that are softer than labels: their values, and that training uses them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.scratch.losses import one_hot
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import make_task, start
from fmnist_jax.training.step import train_epoch
from fmnist_jax.training.targets import mix, smooth
from tests.patterns import noisy_patterns

TARGETS = one_hot(np.array([0, 4, 2]), 5)


def test_smoothed_targets_are_optax_s() -> None:
    found = smooth(TARGETS, 0.1)
    np.testing.assert_allclose(found, optax.smooth_labels(TARGETS, 0.1), rtol=1e-6)
    np.testing.assert_array_equal(smooth(TARGETS, 0.0), TARGETS)


def test_mixup_mixes_inputs_and_targets_by_one_weight_mostly_of_the_image_itself() -> None:
    inputs = jnp.asarray([[0.0], [1.0], [2.0]])
    weights = []
    for seed in range(20):
        mixed, targets = mix(jax.random.key(seed), inputs, TARGETS, 0.5)
        w = float(targets[0, 0])
        following = [2, 0, 1]
        np.testing.assert_allclose(
            mixed[:, 0], [w * i + (1 - w) * j for i, j in enumerate(following)], atol=1e-6
        )
        np.testing.assert_allclose(
            targets, w * TARGETS + (1 - w) * TARGETS[jnp.asarray(following)], rtol=1e-6
        )
        weights.append(w)
    assert 0.5 <= min(weights) < 0.7 < 0.95 < max(weights) <= 1


def first_loss(**settings: float) -> float:
    """The mean loss of 64 images before any step."""
    config = TrainingConfig(batch_size=64, **settings)  # pyright: ignore[reportArgumentType]
    task = make_task(MLPConfig((16, 10)).build(), UNIT, config, 64)
    data = noisy_patterns(64, 1)
    _, metrics = train_epoch(start(task, config).train, jax.random.key(5), data, {}, task)
    return float(metrics.loss_sum[0]) / 64


def test_training_smooths_its_targets() -> None:
    model = MLPConfig((16, 10)).build()
    data = noisy_patterns(64, 1)
    task = make_task(model, UNIT, TrainingConfig(), 64)
    logits = model.apply(start(task, TrainingConfig()).best, UNIT.apply({}, data.images))
    expected = model.losses(logits, optax.smooth_labels(data.targets, 0.2)).mean()
    assert first_loss(label_smoothing=0.2) == pytest.approx(float(expected), rel=1e-5)
    assert first_loss() != pytest.approx(float(expected), rel=1e-3)


def test_training_mixes_its_images() -> None:
    assert first_loss(mixup=1.0) != pytest.approx(first_loss(), rel=1e-3)
