"""Each activation's backward against `jax.grad`, at kinks and far out too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.scratch.activations import (
    ACTIVATIONS,
    GELU,
    LEAKY_GELU,
    LEAKY_RELU,
    RELU,
    Activation,
)

Z = np.concatenate(
    [np.linspace(-8, 8, 161), [-1e4, -100.0, -40.0, -1e-30, 0.0, -0.0, 1e-30, 40.0, 100.0, 1e4]]
)

each = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())


def by_autodiff(activation: Activation, Z: jax.Array) -> jax.Array:
    return jax.jit(jax.vmap(jax.grad(activation.forward)))(Z)


@each
def test_backward_is_the_derivative_in_float64(activation: Activation) -> None:
    with jax.enable_x64(True):
        Z64 = jnp.asarray(Z)
        dA = jnp.linspace(-2.0, 3.0, Z.size)
        expected = np.asarray(dA * by_autodiff(activation, Z64))

        found = activation.backward(dA, Z64)

    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@each
def test_float32_agrees_with_autodiff_and_with_float64(activation: Activation) -> None:
    Z32 = jnp.asarray(Z, jnp.float32)
    ones = jnp.ones_like(Z32)
    A, dZ = activation.forward(Z32), activation.backward(ones, Z32)
    with jax.enable_x64(True):
        Z64 = Z32.astype(jnp.float64)
        A64 = np.asarray(activation.forward(Z64))
        dZ64 = np.asarray(activation.backward(jnp.ones_like(Z64), Z64))

    assert A.dtype == dZ.dtype == jnp.float32
    np.testing.assert_allclose(dZ, by_autodiff(activation, Z32), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(A, A64, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dZ, dZ64, rtol=1e-5, atol=1e-6)


@each
def test_nothing_overflows_far_out(activation: Activation) -> None:
    far = jnp.asarray([-1e30, -1e4, 1e4, 1e30], jnp.float32)

    assert jnp.isfinite(activation.forward(far)).all()
    assert jnp.isfinite(activation.backward(jnp.ones_like(far), far)).all()


@each
def test_backward_is_linear_in_dA(activation: Activation) -> None:
    Z32 = jnp.linspace(-3.0, 3.0, 12).reshape(3, 4)
    dA = jnp.full_like(Z32, -2.0)

    np.testing.assert_allclose(
        activation.backward(dA, Z32), -2 * activation.backward(jnp.ones_like(Z32), Z32), rtol=1e-6
    )


def test_derivative_at_the_kink_is_the_left_one() -> None:
    zeros = jnp.array([0.0, -0.0])

    np.testing.assert_array_equal(RELU.backward(jnp.ones(2), zeros), [0.0, 0.0])
    np.testing.assert_array_equal(RELU.backward(jnp.ones(2), zeros), by_autodiff(RELU, zeros))
    np.testing.assert_array_equal(
        RELU.backward(jnp.ones(2), zeros), jax.vmap(jax.grad(jax.nn.relu))(zeros)
    )
    left = np.float32(0.01)
    np.testing.assert_array_equal(LEAKY_RELU.backward(jnp.ones(2), zeros), [left, left])
    np.testing.assert_array_equal(
        LEAKY_RELU.backward(jnp.ones(2), zeros), by_autodiff(LEAKY_RELU, zeros)
    )


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("relu", jax.nn.relu),
        ("leaky-relu", jax.nn.leaky_relu),
        ("tanh", np.tanh),
        ("sigmoid", lambda Z: 1 / (1 + np.exp(-Z))),
        ("gelu", lambda Z: jax.nn.gelu(Z, approximate=False)),
        ("identity", lambda Z: Z),
    ],
)
def test_forward_is_the_known_function(name: str, reference) -> None:
    with jax.enable_x64(True):
        points = jnp.linspace(-6.0, 6.0, 121)
        expected = np.asarray(reference(points))

        found = ACTIVATIONS[name].forward(points)

    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_gelu_derivative_is_that_of_jax_s_own_gelu() -> None:
    with jax.enable_x64(True):
        points = jnp.linspace(-6.0, 6.0, 121)
        expected = jax.vmap(jax.grad(lambda Z: jax.nn.gelu(Z, approximate=False)))(points)

        found = GELU.backward(jnp.ones_like(points), points)

    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-15)


def test_leaky_gelu_leaks_a_hundredth_of_z() -> None:
    points = jnp.linspace(-4.0, 4.0, 33)

    mixed = 0.01 * points + 0.99 * GELU.forward(points)

    np.testing.assert_allclose(LEAKY_GELU.forward(points), mixed, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(LEAKY_GELU.forward(jnp.array([-100.0])), [-1.0], rtol=1e-6)


@each
def test_names_are_the_table_s_keys(activation: Activation) -> None:
    assert ACTIVATIONS[activation.name] is activation
