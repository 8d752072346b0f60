"""The convolution against XLA's own and its `jax.vjp`, against `ops`, and broken backwards."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fmnist_jax.ops.conv import convolution
from fmnist_jax.ops.geometry import Geometry
from fmnist_jax.scratch.conv import Conv, conv, conv_backward
from fmnist_jax.scratch.windows import pad, pad_backward, windows, windows_backward
from tests.compiling import quick_jit
from tests.scratch.gradients import TOLERANCES, backward_error, draw

CASES = {
    "1x1": ((1, 1), 1, (0, 0)),
    "2x2 padded after": ((2, 2), 1, (0, 1)),
    "2x2 padded by 1": ((2, 2), 1, (1, 1)),
    "3x3": ((3, 3), 1, (0, 0)),
    "3x3 same size": ((3, 3), 1, (1, 1)),
    "3x3 stride 2": ((3, 3), 2, (1, 1)),
    "3x3 stride 3": ((3, 3), 3, (0, 0)),
    "5x5 same size": ((5, 5), 1, (2, 2)),
    "5x5 stride 2": ((5, 5), 2, (1, 2)),
    "as large as the map": ((7, 6), 1, (0, 0)),
    "2x3 stride 2": ((2, 3), 2, (2, 0)),
}
cases = pytest.mark.parametrize(("size", "stride", "padding"), CASES.values(), ids=CASES.keys())


def xla_conv(x, layer, stride, padding):
    Z = lax.conv_general_dilated(
        x, layer.kernel, (stride, stride), [padding, padding],
        dimension_numbers=("CHWN", "HWIO", "CHWN"), precision="highest",
    )  # fmt: skip
    return Z + layer.bias[:, None, None, None]


def swapped(backward: Callable, **fixed) -> Callable:
    """The backward with its results in the order of the arguments: (dx, dlayer)."""

    def in_order(dZ, x, layer):
        dlayer, dx = backward(dZ, x, layer, **fixed)
        return dx, dlayer

    return in_order


@cases
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_backward_is_the_vjp_of_xla_s_convolution(size, stride, padding, dtype: str) -> None:
    error = backward_error(
        partial(xla_conv, stride=stride, padding=padding),
        swapped(conv_backward, stride=stride, padding=padding),
        dtype,
        (2, 7, 6, 3),
        Conv((*size, 2, 4), (4,)),  # pyright: ignore[reportArgumentType]
    )

    assert error <= TOLERANCES[dtype]


@cases
def test_forward_is_xla_s_convolution(size, stride, padding) -> None:
    with jax.enable_x64(True):
        x = draw((2, 7, 6, 3), "float64")
        layer = Conv(draw((*size, 2, 4), "float64"), draw((4,), "float64"))

        found, expected = quick_jit(
            lambda x, layer: tuple(f(x, layer, stride, padding) for f in (conv, xla_conv))
        )(x, layer)

    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [1, 16])
def test_the_fast_convolution_is_equal(kernel: int, stride: int, channels: int) -> None:
    """16 channels or more choose other algorithms in `ops` than few do."""
    x = draw((channels, 6, 6, 4), "float32")
    layer = Conv(draw((kernel, kernel, channels, 8), "float32"), jnp.zeros(8))
    padding = (kernel - 1) // 2, kernel // 2
    size = (6 + kernel - 1 - kernel) // stride + 1
    dZ = draw((8, size, size, 4), "float32", 1)

    @quick_jit
    def both(x, layer, dZ):
        fast, pullback = jax.vjp(
            lambda x, k: convolution(x, k, Geometry(stride, padding[0], size)), x, layer.kernel
        )
        dlayer, dx = conv_backward(dZ, x, layer, stride, padding)
        plain = conv(x, layer, stride, padding)
        return (plain, dx, dlayer.kernel), (fast, *pullback(dZ))

    for found, expected in zip(*both(x, layer, dZ), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def flipped_kernel(dZ, x, layer, stride, padding):
    flipped = layer._replace(kernel=layer.kernel[::-1, ::-1])
    dlayer, _ = conv_backward(dZ, x, layer, stride, padding)
    _, dx = conv_backward(dZ, x, flipped, stride, padding)
    return dlayer, dx


def flipped_gradient(dZ, x, layer, stride, padding):
    dlayer, dx = conv_backward(dZ, x, layer, stride, padding)
    return dlayer._replace(kernel=dlayer.kernel[::-1, ::-1]), dx


def padding_swapped(dZ, x, layer, stride, padding):
    return conv_backward(dZ, x, layer, stride, padding[::-1])


def padding_shifted(dZ, x, layer, stride, padding):
    dlayer, dx = conv_backward(dZ, x, layer, stride, padding)
    return dlayer, jnp.roll(dx, 1, axis=1)


def bias_a_mean(dZ, x, layer, stride, padding):
    dlayer, dx = conv_backward(dZ, x, layer, stride, padding)
    return dlayer._replace(bias=dZ.mean(axis=(1, 2, 3))), dx


def channels_mixed(dZ, x, layer, stride, padding):
    dlayer, dx = conv_backward(dZ, x, layer, stride, padding)
    return dlayer, dx[::-1]


@pytest.mark.parametrize(
    "broken",
    [
        flipped_kernel,
        flipped_gradient,
        padding_swapped,
        padding_shifted,
        bias_a_mean,
        channels_mixed,
    ],
)
def test_a_broken_backward_fails_the_comparison(broken: Callable) -> None:
    fixed = {"stride": 1, "padding": (0, 1)}

    for dtype in TOLERANCES:
        error = backward_error(
            partial(xla_conv, **fixed),
            swapped(broken, **fixed),
            dtype,
            (2, 5, 5, 3),
            Conv((2, 2, 2, 4), (4,)),  # pyright: ignore[reportArgumentType]
        )
        assert error > 1e-2


@pytest.mark.parametrize("batch", [0, 1])
def test_batches_of_none_and_of_one(batch: int) -> None:
    x, layer = jnp.ones((2, 4, 4, batch)), Conv(jnp.ones((3, 3, 2, 5)), jnp.ones(5))

    Z = conv(x, layer, 1, (1, 1))
    dlayer, dx = conv_backward(Z, x, layer, 1, (1, 1))

    assert (Z.shape, dx.shape) == ((5, 4, 4, batch), x.shape)
    assert dlayer.kernel.shape == layer.kernel.shape
    assert bool((dlayer.bias == 0).all()) == (batch == 0)


# --- windows


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (2, 3), (5, 4)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows_and_their_backward(size: tuple[int, int], stride: int) -> None:
    x = draw((2, 5, 6, 3), "float32")
    covered, maps = (
        np.asarray(quick_jit(windows, static_argnums=(1, 2))(x, size, stride)),
        np.asarray(x),
    )

    for t, (u, v) in enumerate(np.ndindex(size)):
        for i, j in np.ndindex(covered.shape[2:4]):
            np.testing.assert_array_equal(
                covered[t, :, i, j], maps[:, i * stride + u, j * stride + v]
            )
    error = backward_error(
        lambda x: windows(x, size, stride),
        lambda dy, x: (windows_backward(dy, x, size, stride),),
        "float32",
        x.shape,
    )
    assert error <= 1e-6


@pytest.mark.parametrize("padding", [(0, 0), (1, 0), (0, 2), (2, 1)])
def test_pad_backward_is_the_vjp(padding: tuple[int, int]) -> None:
    error = backward_error(
        lambda x: pad(x, padding),
        lambda dy, x: (pad_backward(dy, padding),),
        "float32",
        (2, 3, 4, 5),
    )

    assert error == 0
