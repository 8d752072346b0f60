"""Winograd's transforms against the paper's and their own transposes, and their rounding errors."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.ops import winograd
from fmnist_jax.ops.conv import convolution_windows
from fmnist_jax.ops.geometry import Geometry
from fmnist_jax.ops.pooling import max_pool, split_windows, window_max, window_mean
from tests.compiling import quick_jit
from tests.ops.test_conv import by_lax

CHANNELS, HEIGHT, BATCH = 3, 7, 2

each = pytest.mark.parametrize("taps", winograd.SUPPORTED_TAPS)
both = pytest.mark.parametrize("outputs", [2, 4])


def test_the_matrices_are_the_papers() -> None:
    """F(2x2, 3x3) of Lavin and Gray, section 4.1; U and V of a place may both have the other sign."""
    found = winograd.transforms(3, 2)
    AT = [[1, 1, 1, 0], [0, 1, -1, -1]]
    G = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    BT = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]

    def outer(AT, G, BT):
        """The coefficient of output i, by place, tap and input."""
        return np.einsum("ip,pk,pd->ipkd", *map(np.asarray, (AT, G, BT)))

    np.testing.assert_array_equal(outer(*found), outer(AT, G, BT))


@each
@both
def test_one_axis_is_the_sum_over_taps(taps: int, outputs: int) -> None:
    """sum over places of AT[i,p] G[p,k] BT[p,d] is 1 where d = i + k, 0 elsewhere."""
    AT, G, BT = map(np.asarray, winograd.transforms(taps, outputs))
    found = np.einsum("ip,pk,pd->ikd", AT, G, BT)

    expected = np.zeros((outputs, taps, outputs + taps - 1))
    for output, tap in np.ndindex(outputs, taps):
        expected[output, tap, output + tap] = 1
    np.testing.assert_allclose(found, expected, atol=1e-14)


def draw(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(sum(shape)).standard_normal(shape))


def both_backwards(forward: Callable, backward: Callable, value, dvalue) -> tuple:
    """The given one and autodiff's."""
    (expected,) = jax.vjp(forward, value)[1](dvalue)
    return backward(dvalue), expected


@each
def test_each_backward_is_the_transpose_of_its_forward(taps: int) -> None:
    places, windows = (taps + 1) ** 2, (HEIGHT - 1) // 2
    geometry = Geometry(1, taps // 2, 2 * windows)
    columns = windows**2 * BATCH
    with jax.enable_x64(True):
        one = jnp.ones((), jnp.float64)
        x, kernel = draw(CHANNELS, HEIGHT, HEIGHT, BATCH), draw(taps, taps, CHANNELS, 4)
        M, dV, dU = draw(places, 4, columns), draw(places, CHANNELS, columns), draw(places, 3, 4)
        dY = [draw(4, windows, windows, BATCH) + place for place in range(4)]
        pairs = [
            (
                lambda x: winograd.input_transform(x, taps, one, geometry, outputs=2),
                lambda dV: winograd.input_transform_backward(dV, x, taps, one, geometry),
                x,
                dV,
            ),
            (
                partial(winograd.kernel_transform, outputs=2),
                partial(winograd.kernel_transform_backward, taps=taps),
                kernel,
                dU,
            ),
            (
                lambda M: winograd.output_transform(M, taps, 2, windows, BATCH),
                lambda dY: winograd.output_transform_backward((*dY[0], *dY[1]), taps, one),
                M,
                [dY[:2], dY[2:]],
            ),
        ]
        for forward, backward, value, dvalue in pairs:
            found, expected = quick_jit(partial(both_backwards, forward, backward))(value, dvalue)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@each
def test_float32_errors_are_small(taps: int) -> None:
    """Relative to the largest entry."""
    geometry = Geometry(1, taps // 2, 6)
    with jax.enable_x64(True):
        x, kernel, dy = draw(32, 7, 7, 2), draw(taps, taps, 32, 4), draw(4, 6, 6, 2)

        def gradients(x, kernel, dy, function):
            y, backward = jax.vjp(partial(function, geometry=geometry), x, kernel)
            return y, *backward(dy)

        y, *expected = quick_jit(partial(gradients, function=by_lax))(x, kernel, dy)
        expected = [*split_windows(y), *expected]
        given = [np.asarray(value, np.float32) for value in (x, kernel, *split_windows(dy))]
    x, kernel, *dY = map(jnp.asarray, given)
    with jax.default_matmul_precision("highest"):
        run = quick_jit(partial(gradients, function=convolution_windows))
        found, *dfound = run(x, kernel, tuple(dY))

    for a, b in zip([*found, *dfound], expected, strict=True):
        assert a.dtype == np.float32
        error = np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(b).max()
        assert error < {2: 1.5e-6, 3: 1.5e-6, 4: 6e-6, 5: 8e-6}[taps], error


@each
@both
@pytest.mark.parametrize("size", [2, 6, 8, 14])
def test_pooled_tiles(taps: int, outputs: int, size: int) -> None:
    """Whether or not the last tiles reach beyond the outputs."""
    geometry = Geometry(1, taps // 2, size)
    with jax.enable_x64(True):
        x, kernel = draw(CHANNELS, size, size, BATCH), draw(taps, taps, CHANNELS, 4)
        one = jnp.ones((), jnp.float64)

        @quick_jit
        def run(x, kernel, one):
            found = winograd.winograd_pooled(
                x, kernel, one, geometry, outputs, lambda Y: window_max(*Y)
            )
            return found, max_pool(by_lax(x, kernel, geometry))

        found, expected = run(x, kernel, one)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_float32_errors_with_four_outputs_a_tile_are_small() -> None:
    """5x5 has the largest tile; the error is relative to the largest entry."""
    geometry = Geometry(1, 2, 14)
    with jax.enable_x64(True):
        x, kernel = draw(32, 14, 14, 2), draw(5, 5, 32, 4)
        expected = window_mean(
            *split_windows(quick_jit(by_lax, static_argnums=2)(x, kernel, geometry))
        )
        given = [np.asarray(value, np.float32) for value in (x, kernel, 1)]

    def run(x, kernel, one):
        return winograd.winograd_pooled(x, kernel, one, geometry, 4, lambda Y: window_mean(*Y))

    with jax.default_matmul_precision("highest"):
        found = quick_jit(run)(*map(jnp.asarray, given))
    assert found.dtype == np.float32
    error = np.abs(np.asarray(found) - np.asarray(expected)).max() / np.abs(expected).max()
    assert error < 6e-6, error


@each
@both
def test_number_of_multiplications(taps: int, outputs: int) -> None:
    """(k + m - 1)^2 products a tile, filter and channel instead of m^2 k^2."""
    x, kernel = jnp.zeros((CHANNELS, 6, 6, BATCH)), jnp.zeros((taps, taps, CHANNELS, 4))
    program = jax.make_jaxpr(
        lambda x, kernel, one: winograd.winograd_pooled(
            x, kernel, one, Geometry(1, taps // 2, 6), outputs, lambda Y: window_max(*Y)
        )
    )(x, kernel, jnp.ones(()))
    products = [one for one in program.jaxpr.eqns if one.primitive.name == "dot_general"]
    tiles = {2: 9, 4: 4}[outputs]
    shape = (taps + outputs - 1) ** 2, 4, tiles * BATCH
    assert [one.outvars[0].aval.shape for one in products] == [shape]
