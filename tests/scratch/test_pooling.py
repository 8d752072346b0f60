"""Poolings against XLA's own and their `jax.vjp`, with ties; against `ops`; and broken backwards."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fmnist_jax.ops import pooling as fast
from fmnist_jax.scratch.pooling import (
    POOLINGS,
    average_pool,
    average_pool_backward,
    global_average_pool,
    global_average_pool_backward,
    max_pool,
    max_pool_backward,
)
from fmnist_jax.scratch.windows import windows, windows_backward
from tests.compiling import quick_jit
from tests.scratch.gradients import TOLERANCES, backward_error, draw, worst_error

sizes = pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (2, 1), (3, 3), (2, 3)])
dtypes = pytest.mark.parametrize("dtype", TOLERANCES)


def xla_max(x, size=2, stride=2):
    window = (1, size, size, 1), (1, stride, stride, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, *window, "VALID")


def xla_average(x, size=2, stride=2):
    window = (1, size, size, 1), (1, stride, stride, 1)
    return lax.reduce_window(x, 0.0, lax.add, *window, "VALID") / size**2


@sizes
@dtypes
def test_backward_of_max_is_the_vjp(size: int, stride: int, dtype: str) -> None:
    error = backward_error(
        lambda x: xla_max(x, size, stride),
        lambda dy, x: (max_pool_backward(dy, x, size, stride),),
        dtype,
        (2, 7, 6, 3),
    )

    assert error <= TOLERANCES[dtype]


@sizes
@dtypes
def test_backward_of_average_is_the_vjp(size: int, stride: int, dtype: str) -> None:
    error = backward_error(
        lambda x: xla_average(x, size, stride),
        lambda dy, x: (average_pool_backward(dy, x, size, stride),),
        dtype,
        (2, 7, 6, 3),
    )

    assert error <= TOLERANCES[dtype]


@dtypes
def test_backward_of_global_average_is_the_vjp(dtype: str) -> None:
    error = backward_error(
        lambda x: x.sum(axis=(1, 2), keepdims=True) / 42,
        lambda dy, x: (global_average_pool_backward(dy, x),),
        dtype,
        (2, 7, 6, 3),
    )

    assert error <= TOLERANCES[dtype]


@sizes
def test_forwards_are_xla_s(size: int, stride: int) -> None:
    x = draw((2, 7, 6, 3), "float32")

    np.testing.assert_array_equal(max_pool(x, size, stride), xla_max(x, size, stride))
    np.testing.assert_allclose(
        average_pool(x, size, stride), xla_average(x, size, stride), rtol=1e-6, atol=1e-6
    )


def test_global_average_is_the_mean_of_each_map() -> None:
    x = draw((2, 3, 5, 4), "float32")

    expected = np.asarray(x, np.float64).mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(global_average_pool(x), expected, rtol=1e-6, atol=1e-6)


# --- ties


def tied() -> jax.Array:
    """Small integers: most windows have several maxima, some are constant (as behind a ReLU)."""
    values = np.random.default_rng(0).integers(0, 2, (3, 6, 6, 5))
    values[0] = 0
    return jnp.asarray(values, jnp.float32)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 3)])
def test_a_tie_goes_to_the_first_maximum_alone(size: int, stride: int) -> None:
    x = tied()
    dy = draw(max_pool(x, size, stride).shape, "float32")

    dx = np.asarray(max_pool_backward(dy, x, size, stride))

    expected = np.zeros_like(dx)
    for c, i, j, n in np.ndindex(dy.shape):
        window = np.asarray(x[c, i * stride : i * stride + size, j * stride : j * stride + size, n])
        u, v = np.unravel_index(window.argmax(), window.shape)
        expected[c, i * stride + u, j * stride + v, n] += dy[c, i, j, n]
    np.testing.assert_array_equal(dx, expected)
    np.testing.assert_allclose(dx.sum(), dy.sum(), rtol=1e-5)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (2, 1)])
def test_ties_agree_with_xla_s_gradient(size: int, stride: int) -> None:
    x = tied()
    y, pullback = jax.vjp(lambda x: xla_max(x, size, stride), x)
    dy = draw(y.shape, "float32")

    found = max_pool_backward(dy, x, size, stride)

    assert worst_error((found,), pullback(dy)) <= 1e-6


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("shape", [(2, 6, 6, 3), (2, 7, 5, 3), (1, 2, 2, 1)])
@pytest.mark.parametrize("is_tied", [False, True])
def test_the_fast_pooling_is_equal(name: str, shape: tuple, is_tied: bool) -> None:
    x = draw(shape, "float32")
    x = jnp.round(x) if is_tied else x

    @quick_jit
    def both(x):
        y, pullback = jax.vjp(fast.POOLINGS[name].forward, x)
        pooled = POOLINGS[name].forward(x)
        return (pooled, POOLINGS[name].backward(pooled, x)), (y, *pullback(y))

    found, expected = both(x)
    assert worst_error(found, expected) <= 1e-6


# --- broken backwards


def tie_counted_twice(dy, x):
    covered = windows(x, (2, 2), 2)
    dwindows = jnp.where(covered == covered.max(axis=0)[None], dy[None], 0.0)
    return windows_backward(dwindows, x, (2, 2), 2)


def tie_shared(dy, x):
    covered = windows(x, (2, 2), 2)
    is_maximum = covered == covered.max(axis=0)[None]
    dwindows = jnp.where(is_maximum, dy[None] / is_maximum.sum(axis=0, dtype=dy.dtype)[None], 0.0)
    return windows_backward(dwindows, x, (2, 2), 2)


def last_maximum(dy, x):
    return max_pool_backward(dy[:, ::-1, ::-1], x[:, ::-1, ::-1])[:, ::-1, ::-1]


def average_in_its_place(dy, x):
    return average_pool_backward(dy, x)


@pytest.mark.parametrize(
    "broken", [tie_counted_twice, tie_shared, last_maximum, average_in_its_place]
)
def test_a_broken_backward_of_max_fails_where_there_are_ties(broken: Callable) -> None:
    x = tied()
    y, pullback = jax.vjp(xla_max, x)
    dy = draw(y.shape, "float32")

    assert worst_error((broken(dy, x),), pullback(dy)) > 0.1


def test_an_average_without_its_share_fails() -> None:
    def broken(dy, x):
        return (4 * average_pool_backward(dy, x),)

    assert backward_error(xla_average, broken, "float64", (2, 4, 4, 3)) > 0.1
