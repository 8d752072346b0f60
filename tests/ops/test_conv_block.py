"""A block in inference and in training: equal values, and the gradient of a plain implementation."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.ops.conv_block import ConvBlock, conv_block, conv_block_train
from fmnist_jax.ops.geometry import Geometry
from fmnist_jax.ops.pooling import AVERAGE, GLOBAL, MAX, NONE, Pooling
from fmnist_jax.scratch.activations import GELU, IDENTITY, RELU, Activation
from tests.compiling import quick_jit
from tests.ops.test_conv import (
    CASES,
    PLATFORMS,
    SAME,
    WINDOWED,
    Case,
    by_lax,
    draw,
    lowered,
)


@partial(quick_jit, static_argnums=0)
def vjp(function, x, kernel, bias, dy):
    """The function's value and the backward of all its arguments."""
    y, backward = jax.vjp(function, x, kernel, bias)
    return y, *backward(dy)


@pytest.mark.parametrize(
    ("channels", "taps", "geometry", "pooling", "activation"),
    [
        (1, 3, Geometry(1, 1, 6), MAX, RELU),
        (1, 5, Geometry(1, 2, 7), GLOBAL, GELU),
        (3, 5, Geometry(1, 0, 2), AVERAGE, RELU),
        (16, 3, Geometry(1, 1, 6), MAX, GELU),
        (16, 2, Geometry(1, 1, 8), AVERAGE, RELU),
        (16, 3, Geometry(1, 1, 2), MAX, RELU),
        (16, 5, Geometry(1, 2, 6), MAX, GELU),
        (16, 5, Geometry(1, 2, 4), AVERAGE, RELU),
        (16, 5, Geometry(1, 2, 2), MAX, RELU),
        (16, 3, Geometry(2, 1, 4), MAX, RELU),
        (16, 3, Geometry(1, 1, 7), NONE, RELU),
        (16, 7, Geometry(1, 3, 6), MAX, RELU),
    ],
)
def test_inference_training_and_gradient(
    channels: int, taps: int, geometry: Geometry, pooling: Pooling, activation: Activation
) -> None:
    block = ConvBlock(geometry, activation.forward, pooling)

    def plain(x, kernel, bias):
        Z = by_lax(x, kernel, geometry) + bias[:, None, None, None]
        return pooling.forward(activation.forward(Z))

    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        shapes = (channels, 7, 7, 2), (taps, taps, channels, 4), (4,)
        given = [jnp.asarray(rng.standard_normal(shape)) for shape in shapes]
        dy = jnp.asarray(rng.standard_normal(jax.eval_shape(plain, *given).shape))
        expected, *dexpected = vjp(plain, *given, dy)

        for function in (conv_block, conv_block_train):
            found = quick_jit(function, static_argnums=3)(*given, block)
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
        found, *dfound = vjp(lambda *given: conv_block(*given, block), *given, dy)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
        for a, b in zip(dfound, dexpected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("channels", "filters"), [(1, 4), (1, 16), (3, 4), (16, 4)])
@pytest.mark.parametrize(
    ("case", "pooling"),
    [*itertools.product(CASES[::3], [NONE]), *itertools.product(WINDOWED, [MAX, AVERAGE])],
    ids=lambda value: value.name if isinstance(value, Pooling) else "-".join(map(str, value)),
)
def test_inference_by_every_algorithm(
    case: Case, pooling: Pooling, channels: int, filters: int
) -> None:
    """The direct sum, im2col, and Winograd with two outputs a tile and with four."""
    with jax.enable_x64(True):
        x, kernel, _ = draw(case, channels=channels)
        kernel = jnp.tile(kernel, filters // kernel.shape[-1])
        bias = jnp.linspace(-1, 1, filters)
        block = ConvBlock(case.geometry, IDENTITY.forward, pooling)

        @quick_jit
        def both(x, kernel, bias):
            Z = by_lax(x, kernel, case.geometry) + bias[:, None, None, None]
            return conv_block(x, kernel, bias, block), pooling.forward(Z)

        found, expected = both(x, kernel, bias)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@PLATFORMS
@pytest.mark.parametrize("pooling", [MAX, NONE])
@pytest.mark.parametrize("channels", [1, 3, 16])
def test_the_algorithm_depends_on_the_platform(
    platform: str, uses_xla: bool, channels: int, pooling: Pooling
) -> None:
    """Sums or matrix products on a CPU, XLA's convolution elsewhere, whichever platform traced it."""
    case = SAME[6]._replace(size=6)
    x, kernel, _ = draw(case, np.float32, channels)
    block = ConvBlock(case.geometry, RELU.forward, pooling)

    program = lowered(lambda *given: conv_block(*given, block), platform, x, kernel, jnp.zeros(4))
    assert ("stablehlo.convolution" in program) == uses_xla
    assert ("stablehlo.dot_general" in program) == (not uses_xla and channels > 1)


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_vmap(channels: int) -> None:
    """Over kernels, in inference and of the gradient."""
    block = ConvBlock(Geometry(1, 1, 6), RELU.forward, MAX)
    rng = np.random.default_rng(0)
    x, bias = jnp.asarray(rng.standard_normal((channels, 7, 7, 2)), jnp.float32), jnp.zeros(4)
    kernels = jnp.asarray(rng.standard_normal((2, 3, 3, channels, 4)), jnp.float32)

    def infer(kernel):
        return conv_block(x, kernel, bias, block)

    def gradient(kernel):
        return jax.grad(lambda kernel: jnp.square(infer(kernel)).sum())(kernel)

    with jax.default_matmul_precision("highest"):
        for function in (infer, gradient):
            together = quick_jit(jax.vmap(function))(kernels)
            for seed in range(2):
                alone = quick_jit(function)(kernels[seed])
                np.testing.assert_allclose(together[seed], alone, rtol=1e-4, atol=1e-4)
