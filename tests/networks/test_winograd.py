"""Winograd's transforms against the paper's, against their own transposes, and the digits they cost."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.networks import winograd
from fmnist_jax.networks.convolution import windowed_convolution
from fmnist_jax.networks.geometry import Geometry
from fmnist_jax.networks.pooling import window
from tests.compiling import quick_jit
from tests.networks.test_convolution import by_lax

CHANNELS, HEIGHT, BATCH = 3, 7, 2

each = pytest.mark.parametrize("taps", winograd.TAPS)


def test_the_matrices_are_the_papers() -> None:
    """F(2x2, 3x3) of Lavin and Gray, section 4.1, but for the signs of a place's U and V together."""
    found = winograd.transforms(3)
    AT = [[1, 1, 1, 0], [0, 1, -1, -1]]
    G = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    BT = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]

    def outer(AT, G, BT):
        """What a window's output i is made of, by place, tap and input."""
        return np.einsum("ip,pk,pd->ipkd", *map(np.asarray, (AT, G, BT)))

    np.testing.assert_array_equal(outer(*found), outer(AT, G, BT))


@each
def test_one_axis_is_the_sum_over_taps(taps: int) -> None:
    """sum over places of AT[i,p] G[p,k] BT[p,d] is 1 where d = i + k, 0 elsewhere."""
    AT, G, BT = map(np.asarray, winograd.transforms(taps))
    found = np.einsum("ip,pk,pd->ikd", AT, G, BT)

    expected = np.zeros((2, taps, taps + 1))
    for output, tap in np.ndindex(2, taps):
        expected[output, tap, output + tap] = 1
    np.testing.assert_allclose(found, expected, atol=1e-15)


def drawn(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(sum(shape)).standard_normal(shape))


@each
def test_each_backward_is_the_transpose_of_its_forward(taps: int) -> None:
    places, windows = (taps + 1) ** 2, (HEIGHT - 1) // 2
    geometry = Geometry(1, taps // 2, 2 * windows)
    columns = windows**2 * BATCH
    with jax.enable_x64(True):
        one = jnp.ones((), jnp.float64)
        x, kernel = drawn(CHANNELS, HEIGHT, HEIGHT, BATCH), drawn(taps, taps, CHANNELS, 4)
        M, dV, dU = drawn(places, 4, columns), drawn(places, CHANNELS, columns), drawn(places, 3, 4)
        dY = tuple(drawn(4, windows, windows, BATCH) + place for place in range(4))
        pairs = [
            (
                lambda x: winograd.input_transform(x, taps, one, geometry),
                lambda dV: winograd.input_transform_backward(dV, x, taps, one, geometry),
                x,
                dV,
            ),
            (
                winograd.kernel_transform,
                partial(winograd.kernel_transform_backward, taps=taps),
                kernel,
                dU,
            ),
            (
                lambda M: winograd.output_transform(M, taps, windows, BATCH),
                lambda dY: winograd.output_transform_backward(dY, taps, one),
                M,
                dY,
            ),
        ]
        for forward, backward, value, dvalue in pairs:
            expected, *_ = jax.vjp(forward, value)[1](dvalue)
            np.testing.assert_allclose(backward(dvalue), expected, rtol=1e-12, atol=1e-12)


@each
def test_float32_costs_few_digits(taps: int) -> None:
    """Errors in units of the largest entry."""
    geometry = Geometry(1, taps // 2, 6)
    with jax.enable_x64(True):
        x, kernel, dy = drawn(32, 7, 7, 2), drawn(taps, taps, 32, 4), drawn(4, 6, 6, 2)

        def gradients(x, kernel, dy, function):
            y, backward = jax.vjp(partial(function, geometry=geometry), x, kernel)
            return y, *backward(dy)

        y, *expected = quick_jit(partial(gradients, function=by_lax))(x, kernel, dy)
        expected = [*window(y), *expected]
        given = [np.asarray(value, np.float32) for value in (x, kernel, *window(dy))]
    x, kernel, *dY = map(jnp.asarray, given)
    with jax.default_matmul_precision("highest"):
        run = quick_jit(partial(gradients, function=windowed_convolution))
        found, *dfound = run(x, kernel, tuple(dY))

    for a, b in zip([*found, *dfound], expected, strict=True):
        assert a.dtype == np.float32
        error = np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(b).max()
        assert error < {2: 1.5e-6, 3: 1.5e-6, 4: 6e-6, 5: 8e-6}[taps], error


@each
def test_few_multiplications_are_left(taps: int) -> None:
    """(k + 1)^2 products a window, filter and channel, for 4 k^2."""
    x, kernel = jnp.zeros((CHANNELS, 6, 6, BATCH)), jnp.zeros((taps, taps, CHANNELS, 4))
    geometry = Geometry(1, taps // 2, 6)
    program = jax.make_jaxpr(partial(winograd.winograd, geometry=geometry))(x, kernel, jnp.ones(()))
    products = [one for one in program.jaxpr.eqns if one.primitive.name == "dot_general"]
    assert [one.outvars[0].aval.shape for one in products] == [((taps + 1) ** 2, 4, 9 * BATCH)]
