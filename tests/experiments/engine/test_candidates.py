"""Initialisers and scalings that only experiments use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.engine.candidates import CANDIDATES, DEVIATIONS, Z_SCORE_ALL
from fmnist_jax.scratch.initializers import he_uniform, uniform_fan_in

KEY = jax.random.key(0)


@pytest.mark.parametrize("name", DEVIATIONS)
@pytest.mark.parametrize("shape", ["uniform", "normal"])
def test_weights_have_the_deviation(name: str, shape: str):
    W, b = CANDIDATES[f"{name} {shape}, zero biases"](KEY, 200, 400, jnp.float32, 100)
    assert W.shape == (200, 100)
    assert float(W.std()) == pytest.approx(DEVIATIONS[name](200, 400), rel=0.02)
    assert not b.any()


def test_biases_may_be_drawn_as_the_framework_draws_them():
    _, b = CANDIDATES["he uniform, default biases"](KEY, 100, 400, jnp.float32)
    assert 0.09 < abs(b).max() <= 0.1


@pytest.mark.parametrize(
    ("name", "same"), [("he", he_uniform), ("default weights", uniform_fan_in)]
)
def test_limits_are_those_of_the_librarys_initialisers(name: str, same):
    W, _ = CANDIDATES[f"{name} uniform, zero biases"](KEY, 100, 400, jnp.float32)
    expected, _ = same(KEY, 100, 400, jnp.float32)
    assert float(abs(W).max()) == pytest.approx(float(abs(expected).max()), rel=0.01)


def test_one_mean_and_one_deviation_over_all_pixels():
    images = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
    scaled = np.asarray(Z_SCORE_ALL.apply(Z_SCORE_ALL.fit(images), images))
    assert scaled.shape == images.shape
    assert scaled.mean() == pytest.approx(0, abs=1e-6)
    assert scaled.std() == pytest.approx(1, abs=1e-6)
    steps = np.diff(scaled.ravel())
    assert steps == pytest.approx(np.full(steps.shape, steps[0]), rel=1e-3)
