"""Losses of logits: values, stability and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fmnist_jax.scratch.losses import (
    LOSSES,
    SOFTMAX_CROSS_ENTROPY,
    SOFTMAX_TWICE,
    Loss,
    log_softmax,
    one_hot,
    softmax,
)
from tests.compiling import quick_jit

each = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((7, 5)) * 2
LABELS = np.array([0, 4, 2, 2, 1, 3, 0], np.int32)
HARD = np.eye(5)[LABELS]
SOFT = np.vstack([HARD[2], np.random.default_rng(1).dirichlet(np.ones(5), 6)])


def mean_gradient(loss: Loss, Z: jax.Array, Y: jax.Array) -> jax.Array:
    return quick_jit(jax.grad(lambda Z: loss.forward(Z, Y).mean()))(Z)


@each
@pytest.mark.parametrize(
    ("Z", "Y"),
    [
        (Z, HARD),
        (Z, SOFT),
        (Z[:1], HARD[:1]),
        (Z, np.eye(5)[[3] * 7]),
        (np.zeros((3, 5)), HARD[:3]),
        (np.zeros((1, 5)), HARD[:1]),
        (Z[:, :2], np.eye(2)[LABELS % 2]),
    ],
    ids=["batch", "soft", "one image", "one class", "tied", "one image, tied", "two classes"],
)
def test_backward_is_the_gradient_of_the_mean(loss: Loss, Z: np.ndarray, Y: np.ndarray) -> None:
    with jax.enable_x64(True):
        expected = mean_gradient(loss, jnp.asarray(Z), jnp.asarray(Y))

        found = quick_jit(loss.backward)(jnp.asarray(Z), jnp.asarray(Y))

    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    found = quick_jit(loss.backward)(jnp.asarray(Z, jnp.float32), jnp.asarray(Y, jnp.float32))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@each
def test_backward_sums_to_zero_over_the_classes(loss: Loss) -> None:
    dZ = loss.backward(jnp.asarray(Z, jnp.float32), jnp.asarray(SOFT, jnp.float32))

    np.testing.assert_allclose(dZ.sum(axis=1), np.zeros(7), atol=1e-7)
    assert float(jnp.abs(dZ).max()) > 0.01


@each
@pytest.mark.parametrize("size", [1e4, 1e10, 1e30])
def test_extreme_logits_stay_finite(loss: Loss, size: float) -> None:
    extreme = jnp.asarray([[size, -size, 0.0], [-size, size, size], [0.0, 0.0, -size]])
    targets = jnp.eye(3)[jnp.asarray([1, 2, 2])]

    assert jnp.isfinite(softmax(extreme)).all()
    assert jnp.isfinite(log_softmax(extreme)).all()
    assert jnp.isfinite(loss.forward(extreme, targets)).all()
    assert jnp.isfinite(loss.backward(extreme, targets)).all()


def test_cross_entropy_of_extreme_logits_is_right() -> None:
    extreme = jnp.asarray([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]])

    losses = SOFTMAX_CROSS_ENTROPY.forward(extreme, jnp.eye(3)[1:])

    np.testing.assert_allclose(losses, [2e4, np.log(2)], rtol=1e-6)


def test_cross_entropy_is_optax_s() -> None:
    logits = jnp.asarray(Z, jnp.float32)
    hard, soft = (jnp.asarray(Y, jnp.float32) for Y in (HARD, SOFT))
    expected = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(LABELS))

    np.testing.assert_allclose(SOFTMAX_CROSS_ENTROPY.forward(logits, hard), expected, rtol=1e-5)
    expected = optax.softmax_cross_entropy(logits, soft)
    np.testing.assert_allclose(SOFTMAX_CROSS_ENTROPY.forward(logits, soft), expected, rtol=1e-5)


def test_softmax_twice_is_cross_entropy_of_the_probabilities() -> None:
    logits, soft = jnp.asarray(Z, jnp.float32), jnp.asarray(SOFT, jnp.float32)
    expected = optax.softmax_cross_entropy(jax.nn.softmax(logits), soft)

    np.testing.assert_allclose(SOFTMAX_TWICE.forward(logits, soft), expected, rtol=1e-5)


def test_softmax_twice_cannot_fall_below_its_floor() -> None:
    sure = 1e4 * jnp.eye(10)

    losses = SOFTMAX_TWICE.forward(sure, jnp.eye(10))

    np.testing.assert_allclose(losses, np.full(10, np.log(1 + 9 / np.e)), rtol=1e-6)


def test_softmax_against_numpy() -> None:
    expected = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    logits = jnp.asarray(Z, jnp.float32)

    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-5)
    np.testing.assert_allclose(log_softmax(logits), np.log(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("labels", [np.array([2, 0]), jnp.array([2, 0])], ids=["NumPy", "JAX"])
def test_one_hot_has_a_row_a_label(labels: np.ndarray) -> None:
    Y = one_hot(labels, 3)

    assert Y.dtype == jnp.float32
    np.testing.assert_array_equal(Y, [[0, 0, 1], [1, 0, 0]])


@each
def test_names_are_the_table_s_keys(loss: Loss) -> None:
    assert LOSSES[loss.name] is loss
