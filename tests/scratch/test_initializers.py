"""Initializers draw the distributions of their papers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.scratch.initializers import INITIALIZERS, Initializer

FAN_IN, FAN_OUT = 300, 200

STANDARD_DEVIATIONS = {
    "random": FAN_IN**-0.5 / 3**0.5,
    "xavier-uniform": (2 / (FAN_IN + FAN_OUT)) ** 0.5,
    "xavier-normal": (2 / (FAN_IN + FAN_OUT)) ** 0.5,
    "he-uniform": (2 / FAN_IN) ** 0.5,
    "he-normal": (2 / FAN_IN) ** 0.5,
}
LIMITS = {
    "random": FAN_IN**-0.5,
    "xavier-uniform": (6 / (FAN_IN + FAN_OUT)) ** 0.5,
    "he-uniform": (6 / FAN_IN) ** 0.5,
}

each = pytest.mark.parametrize("initializer", INITIALIZERS.values(), ids=INITIALIZERS.keys())


@pytest.mark.parametrize("name", STANDARD_DEVIATIONS)
def test_mean_and_standard_deviation(name: str) -> None:
    W, _ = INITIALIZERS[name](jax.random.key(0), FAN_IN, FAN_OUT, jnp.float32)

    # 60,000 draws: four standard errors are 0.016 s for the mean and below 0.012 s for s.
    expected = STANDARD_DEVIATIONS[name]
    assert abs(float(W.mean())) < 0.017 * expected
    assert abs(float(W.std()) / expected - 1) < 0.015


@pytest.mark.parametrize("name", LIMITS)
def test_uniform_draws_fill_their_interval_and_no_more(name: str) -> None:
    W, _ = INITIALIZERS[name](jax.random.key(1), FAN_IN, FAN_OUT, jnp.float32)

    largest = float(jnp.abs(W).max())
    assert 0.999 * LIMITS[name] < largest <= LIMITS[name] * (1 + 1e-6)


@pytest.mark.parametrize("name", ["xavier-normal", "he-normal"])
def test_normal_draws_have_tails(name: str) -> None:
    W, _ = INITIALIZERS[name](jax.random.key(1), FAN_IN, FAN_OUT, jnp.float32)

    beyond = float((jnp.abs(W) > 2 * STANDARD_DEVIATIONS[name]).mean())
    assert beyond == pytest.approx(0.0455, abs=0.004)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_biases(name: str) -> None:
    _, b = INITIALIZERS[name](jax.random.key(0), FAN_IN, FAN_OUT, jnp.float32)

    if name == "random":
        assert 0.9 * LIMITS[name] < float(jnp.abs(b).max()) <= LIMITS[name]
        assert float(b.std()) == pytest.approx(STANDARD_DEVIATIONS[name], rel=0.15)
    else:
        np.testing.assert_array_equal(b, np.zeros(FAN_OUT))


def test_random_draws_weights_and_biases_from_separate_keys() -> None:
    W, b = INITIALIZERS["random"](jax.random.key(0), 1, 8, jnp.float32)

    assert not (W[0] == b).any()


@each
def test_the_same_key_draws_the_same(initializer: Initializer) -> None:
    first, _ = initializer(jax.random.key(0), 4, 3, jnp.float32)
    again, _ = initializer(jax.random.key(0), 4, 3, jnp.float32)
    other, _ = initializer(jax.random.key(1), 4, 3, jnp.float32)

    np.testing.assert_array_equal(first, again)
    assert not (first == other).any()


@each
def test_shapes_and_dtypes(initializer: Initializer) -> None:
    with jax.enable_x64(True):
        for dtype in (jnp.float32, jnp.float64):
            W, b = initializer(jax.random.key(0), 4, 3, dtype)
            assert (W.shape, b.shape) == ((4, 3), (3,))
            assert W.dtype == b.dtype == dtype


@each
def test_units_may_differ_from_the_fan_out(initializer: Initializer) -> None:
    """A convolution of 3x3 from 4 maps to 5: fan_in 36, fan_out 45, 5 units."""
    W, b = initializer(jax.random.key(0), 36, 45, jnp.float32, 5)

    assert (W.shape, b.shape) == ((36, 5), (5,))


@each
def test_units_default_to_the_fan_out(initializer: Initializer) -> None:
    without = initializer(jax.random.key(0), 4, 3, jnp.float32)
    named = initializer(jax.random.key(0), 4, 3, jnp.float32, units=3)

    for a, b in zip(without, named, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_variance_depends_on_the_fan_out_not_on_the_units(name: str) -> None:
    W, b = INITIALIZERS[name](jax.random.key(0), FAN_IN, FAN_OUT, jnp.float32, 20)

    # 6,000 draws: four standard errors are 0.037 s or less.
    assert float(W.std()) == pytest.approx(STANDARD_DEVIATIONS[name], rel=0.037)
    if name in LIMITS:
        assert float(jnp.abs(W).max()) <= LIMITS[name] * (1 + 1e-6)
    assert float(jnp.abs(b).max()) <= (LIMITS[name] if name == "random" else 0)
