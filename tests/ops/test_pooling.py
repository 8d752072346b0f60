"""Poolings against `lax.reduce_window`: values, gradients and sizes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fmnist_jax.ops.pooling import (
    AVERAGE,
    GLOBAL,
    MAX,
    NONE,
    POOLINGS,
    Pooling,
    split_windows,
    split_windows_backward,
)
from tests.compiling import quick_jit

WINDOW = (1, 2, 2, 1)


def max_by_lax(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, WINDOW, WINDOW, "VALID")


def average_by_lax(x):
    return lax.reduce_window(x, 0.0, lax.add, WINDOW, WINDOW, "VALID") / 4


def global_by_lax(x):
    window = (1, *x.shape[1:3], 1)
    return lax.reduce_window(x, 0.0, lax.add, window, window, "VALID") / (x.shape[1] * x.shape[2])


BY_LAX = {MAX: max_by_lax, AVERAGE: average_by_lax, GLOBAL: global_by_lax, NONE: lambda x: x}

each = pytest.mark.parametrize("pooling", BY_LAX, ids=lambda pooling: pooling.name)


def maps(size: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(size).standard_normal((3, size, size, 2)))


@partial(quick_jit, static_argnames="function")
def value_and_gradient(function, x, dy):
    """(y, dx) of sum(dy * y)."""
    y, backward = jax.vjp(function, x)
    return y, *backward(dy)


@each
@pytest.mark.parametrize("size", [2, 3, 6, 7])
def test_value_and_gradient_are_those_of_lax(pooling: Pooling, size: int) -> None:
    with jax.enable_x64(True):
        x = maps(size)
        shape = jax.eval_shape(pooling.forward, x).shape
        dy = jnp.asarray(np.random.default_rng(9).standard_normal(shape))
        (found, dx), (expected, expected_dx) = (
            value_and_gradient(function, x, dy) for function in (pooling.forward, BY_LAX[pooling])
        )

    assert found.dtype == dx.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("pooling", [MAX, AVERAGE])
def test_value_and_gradient_from_windows_are_the_same(pooling: Pooling) -> None:
    """Also for ties, which are many among whole numbers from 0 to 2."""
    assert pooling.forward_windows is not None
    x = jnp.asarray(np.random.default_rng(0).integers(0, 3, (3, 6, 6, 2)), jnp.float32)
    dy = jnp.asarray(np.random.default_rng(9).standard_normal((3, 3, 3, 2)), jnp.float32)

    pooled, backward = jax.vjp(pooling.forward_windows, *split_windows(x))
    expected, dx = value_and_gradient(pooling.forward, x, dy)

    np.testing.assert_array_equal(pooled, expected)
    np.testing.assert_array_equal(split_windows_backward(backward(dy)), dx)


def test_windows_return_to_their_positions() -> None:
    x = maps(6).astype(jnp.float32)
    a, b, c, d = split_windows(x)
    np.testing.assert_array_equal(
        x[:, :2, :2].reshape(3, 4, 2), jnp.stack([a, b, c, d], 1)[:, :, 0, 0]
    )
    np.testing.assert_array_equal(split_windows_backward(split_windows(x)), x)
    np.testing.assert_array_equal(
        split_windows_backward(split_windows(maps(7))), maps(7)[:, :6, :6]
    )


@each
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 28])
def test_size_and_used_describe_forward(pooling: Pooling, size: int) -> None:
    x = maps(size).astype(jnp.float32)
    used = pooling.used(size)
    assert 0 <= used <= size
    assert (used == 0) == (pooling.size(size) == 0)
    if used:
        pooled = quick_jit(pooling.forward)(x)
        assert pooled.shape == (3, pooling.size(size), pooling.size(size), 2)
        # Rows and columns beyond `used` change nothing.
        np.testing.assert_array_equal(pooled, quick_jit(pooling.forward)(x[:, :used, :used]))


@pytest.mark.parametrize("pooling", [MAX, AVERAGE])
def test_an_odd_last_row_and_column_are_dropped(pooling: Pooling) -> None:
    x = jnp.zeros((1, 5, 5, 1)).at[0, 4].set(100.0).at[0, :, 4].set(100.0)

    assert not quick_jit(pooling.forward)(x).any()
    _, dx = value_and_gradient(pooling.forward, x, jnp.ones((1, 2, 2, 1)))
    assert not dx[0, 4].any()


@pytest.mark.parametrize(
    ("window", "first"),
    [
        ([[1, 1], [1, 1]], (0, 0)),
        ([[0, 1], [1, 1]], (0, 1)),
        ([[0, 1], [0, 1]], (0, 1)),
        ([[0, 0], [1, 1]], (1, 0)),
        ([[0, 0], [0, 1]], (1, 1)),
        ([[-2, -1], [-1, -3]], (0, 1)),
    ],
)
def test_the_first_of_equal_maxima_gets_the_gradient(
    window: list[list[int]], first: tuple[int, int]
) -> None:
    """Row by row; the gradient is not divided among them."""
    x = jnp.asarray(window, jnp.float32)[None, :, :, None]

    _, dx = value_and_gradient(MAX.forward, x, jnp.full((1, 1, 1, 1), 3.0))

    expected = np.zeros((2, 2), np.float32)
    expected[first] = 3
    np.testing.assert_array_equal(dx[0, :, :, 0], expected)


@each
def test_constant_maps_stay_constant(pooling: Pooling) -> None:
    assert (quick_jit(pooling.forward)(np.full((2, 6, 6, 3), 1.5, np.float32)) == 1.5).all()


def test_names() -> None:
    assert set(POOLINGS.values()) >= set(BY_LAX)
    assert all(name == pooling.name for name, pooling in POOLINGS.items())
