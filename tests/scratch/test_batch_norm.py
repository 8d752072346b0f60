"""Batch normalisation against `jax.vjp` of the formula, against Flax, and broken backwards."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from fmnist_jax.scratch.batch_norm import (
    BatchNorm,
    Moments,
    batch_moments,
    batch_norm_infer,
    batch_norm_infer_backward,
    batch_norm_train,
    batch_norm_train_backward,
    update_moments,
)
from tests.scratch.gradients import TOLERANCES, backward_error, draw

SHAPES = {"maps": ((3, 4, 5, 6), 0), "rows": ((7, 3), 1), "one value a feature": ((3, 1, 1, 1), 0)}
shapes = pytest.mark.parametrize(("shape", "axis"), SHAPES.values(), ids=SHAPES.keys())
dtypes = pytest.mark.parametrize("dtype", TOLERANCES)
LAYER = BatchNorm((3,), (3,))  # pyright: ignore[reportArgumentType]
MOMENTS = Moments((3,), (3,))  # pyright: ignore[reportArgumentType]


def formula(x, layer, axis):
    x = jnp.moveaxis(x, axis, -1)
    axes = tuple(range(x.ndim - 1))
    mu = x.mean(axes, keepdims=True)
    v = ((x - mu) ** 2).mean(axes, keepdims=True)
    shape = (1,) * (x.ndim - 1) + (3,)
    y = layer.gamma.reshape(shape) * (x - mu) / jnp.sqrt(v + 1e-5) + layer.beta.reshape(shape)
    return jnp.moveaxis(y, -1, axis)


@shapes
@dtypes
def test_backward_in_training_is_the_vjp(shape: tuple, axis: int, dtype: str) -> None:
    def backward(dy, x, layer):
        dlayer, dx = batch_norm_train_backward(dy, x, layer, axis)
        return dx, dlayer

    error = backward_error(lambda x, layer: formula(x, layer, axis), backward, dtype, shape, LAYER)

    assert error <= TOLERANCES[dtype]


@shapes
@dtypes
def test_backward_in_inference_is_the_vjp(shape: tuple, axis: int, dtype: str) -> None:
    def positive(moments):
        return moments._replace(variance=jnp.abs(moments.variance))

    def forward(x, layer):
        return batch_norm_infer(x, layer, positive(moments), axis)

    def backward(dy, x, layer):
        dlayer, dx = batch_norm_infer_backward(dy, x, layer, positive(moments), axis)
        return dx, dlayer

    with jax.enable_x64(True):
        moments = Moments(draw((3,), dtype, 5), draw((3,), dtype, 6))
        error = backward_error(forward, backward, dtype, shape, LAYER)

    assert error <= TOLERANCES[dtype]


@shapes
def test_forward_is_the_formula(shape: tuple, axis: int) -> None:
    with jax.enable_x64(True):
        x, layer = (
            draw(shape, "float64"),
            BatchNorm(draw((3,), "float64"), draw((3,), "float64", 1)),
        )
        y, moments = batch_norm_train(x, layer, axis)

        np.testing.assert_allclose(y, formula(x, layer, axis), rtol=1e-12, atol=1e-12)
        others = tuple(i for i in range(x.ndim) if i != axis)
        np.testing.assert_allclose(moments.mean, np.mean(x, others), atol=1e-14)
        np.testing.assert_allclose(moments.variance, np.var(x, others), atol=1e-14)


def test_training_then_inference_as_flax_does() -> None:
    norm = nnx.BatchNorm(3, momentum=0.8, epsilon=1e-5, rngs=nnx.Rngs(0))
    layer = BatchNorm(norm.scale[...], norm.bias[...])  # pyright: ignore[reportOptionalSubscript]
    running = Moments(norm.mean[...], norm.var[...])

    batches = [2 + 3 * draw((20, 3), "float32", seed) for seed in range(3)]
    for x in batches:
        y, batch = batch_norm_train(x, layer, axis=1)
        running = update_moments(running, batch, 0.8)
        np.testing.assert_allclose(y, norm(x), rtol=1e-4, atol=1e-5)

    np.testing.assert_allclose(running.mean, norm.mean[...], rtol=1e-5)
    np.testing.assert_allclose(running.variance, norm.var[...], rtol=1e-5)
    norm.eval()
    np.testing.assert_allclose(
        batch_norm_infer(batches[0], layer, running, axis=1),
        norm(batches[0]),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_constant_feature_stays_finite() -> None:
    x, layer = jnp.full((2, 3, 3, 4), 5.0), BatchNorm(jnp.ones(2), jnp.array([1.0, 2.0]))

    y, _ = batch_norm_train(x, layer)
    dlayer, dx = batch_norm_train_backward(jnp.ones_like(y), x, layer)

    np.testing.assert_array_equal(y[:, 0, 0, 0], [1.0, 2.0])
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((dlayer, dx)))


def both_constant(dy, x, layer):
    return batch_norm_infer_backward(dy, x, layer, batch_moments(x))


def mean_constant(dy, x, layer):
    """dx without the part of mu: dy - dbeta / m is left as dy."""
    dlayer, dx = batch_norm_train_backward(dy, x, layer)
    m = x.size // x.shape[0]
    factor = layer.gamma / jnp.sqrt(batch_moments(x).variance + 1e-5)
    return dlayer, dx + (factor * dlayer.beta / m)[:, None, None, None]


def variance_constant(dy, x, layer):
    _, dx = both_constant(dy, x, layer)
    dlayer, _ = batch_norm_train_backward(dy, x, layer)
    return dlayer, dx - dx.mean(axis=(1, 2, 3), keepdims=True)


def gamma_left_out(dy, x, layer):
    dlayer, _ = batch_norm_train_backward(dy, x, layer)
    return dlayer, batch_norm_train_backward(dy, x, layer._replace(gamma=jnp.ones(3, x.dtype)))[1]


@pytest.mark.parametrize(
    "broken", [both_constant, mean_constant, variance_constant, gamma_left_out]
)
def test_a_broken_backward_fails_the_comparison(broken: Callable) -> None:
    def backward(dy, x, layer):
        return broken(dy, x, layer)[::-1]

    for dtype in TOLERANCES:
        error = backward_error(
            lambda x, layer: formula(x, layer, 0), backward, dtype, (3, 2, 2, 4), LAYER
        )
        assert error > 1e-2
