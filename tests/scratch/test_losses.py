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
    label_smoothing,
    log_softmax,
    one_hot,
    smooth_labels,
    soft_cross_entropy,
    soft_cross_entropy_backward,
    softmax,
)
from tests.compiling import quick_jit

each = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((7, 5)) * 2
LABELS = np.array([0, 4, 2, 2, 1, 3, 0], np.int32)


def mean_gradient(loss: Loss, Z: jax.Array, labels: jax.Array) -> jax.Array:
    return quick_jit(jax.grad(lambda Z: loss.forward(Z, labels).mean()))(Z)


@each
@pytest.mark.parametrize(
    ("Z", "labels"),
    [
        (Z, LABELS),
        (Z[:1], LABELS[:1]),
        (Z, np.full(7, 3, np.int32)),
        (np.zeros((3, 5)), LABELS[:3]),
        (np.zeros((1, 5)), LABELS[:1]),
        (Z[:, :2], LABELS % 2),
    ],
    ids=["batch", "one image", "one class", "tied", "one image, tied", "two classes"],
)
def test_backward_is_the_gradient_of_the_mean(
    loss: Loss, Z: np.ndarray, labels: np.ndarray
) -> None:
    with jax.enable_x64(True):
        expected = mean_gradient(loss, jnp.asarray(Z), jnp.asarray(labels))

        found = quick_jit(loss.backward)(jnp.asarray(Z), jnp.asarray(labels))

    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    found = quick_jit(loss.backward)(jnp.asarray(Z, jnp.float32), jnp.asarray(labels))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@each
def test_backward_sums_to_zero_over_the_classes(loss: Loss) -> None:
    dZ = loss.backward(jnp.asarray(Z, jnp.float32), jnp.asarray(LABELS))

    np.testing.assert_allclose(dZ.sum(axis=1), np.zeros(7), atol=1e-7)
    assert float(jnp.abs(dZ).max()) > 0.01


@each
@pytest.mark.parametrize("size", [1e4, 1e10, 1e30])
def test_extreme_logits_stay_finite(loss: Loss, size: float) -> None:
    extreme = jnp.asarray([[size, -size, 0.0], [-size, size, size], [0.0, 0.0, -size]])
    labels = jnp.asarray([1, 2, 2], jnp.int32)

    assert jnp.isfinite(softmax(extreme)).all()
    assert jnp.isfinite(log_softmax(extreme)).all()
    assert jnp.isfinite(loss.forward(extreme, labels)).all()
    assert jnp.isfinite(loss.backward(extreme, labels)).all()


def test_cross_entropy_of_extreme_logits_is_right() -> None:
    extreme = jnp.asarray([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]])

    losses = SOFTMAX_CROSS_ENTROPY.forward(extreme, jnp.asarray([1, 2], jnp.int32))

    np.testing.assert_allclose(losses, [2e4, np.log(2)], rtol=1e-6)


def test_cross_entropy_is_optax_s() -> None:
    logits, labels = jnp.asarray(Z, jnp.float32), jnp.asarray(LABELS)
    expected = optax.softmax_cross_entropy_with_integer_labels(logits, labels)

    np.testing.assert_allclose(SOFTMAX_CROSS_ENTROPY.forward(logits, labels), expected, rtol=1e-5)


def test_softmax_twice_is_cross_entropy_of_the_probabilities() -> None:
    logits, labels = jnp.asarray(Z, jnp.float32), jnp.asarray(LABELS)
    probabilities = jax.nn.softmax(logits)
    expected = optax.softmax_cross_entropy_with_integer_labels(probabilities, labels)

    np.testing.assert_allclose(SOFTMAX_TWICE.forward(logits, labels), expected, rtol=1e-5)


def test_softmax_twice_cannot_fall_below_its_floor() -> None:
    sure = 1e4 * jnp.eye(10)

    losses = SOFTMAX_TWICE.forward(sure, jnp.arange(10, dtype=jnp.int32))

    np.testing.assert_allclose(losses, np.full(10, np.log(1 + 9 / np.e)), rtol=1e-6)


def test_softmax_against_numpy() -> None:
    expected = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    logits = jnp.asarray(Z, jnp.float32)

    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-5)
    np.testing.assert_allclose(log_softmax(logits), np.log(expected), rtol=1e-5, atol=1e-6)


def test_one_hot_takes_shape_and_dtype_of_the_logits() -> None:
    Y = one_hot(jnp.asarray([2, 0], jnp.int32), jnp.zeros((2, 3), jnp.float32))

    assert Y.dtype == jnp.float32
    np.testing.assert_array_equal(Y, [[0, 0, 1], [1, 0, 0]])


@each
def test_names_are_the_table_s_keys(loss: Loss) -> None:
    assert LOSSES[loss.name] is loss


# --- soft labels and label smoothing


def soft_labels() -> np.ndarray:
    Y = np.random.default_rng(1).uniform(size=Z.shape)
    Y[0] = np.eye(5)[2]
    return Y / Y.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-5)])
def test_backward_of_soft_labels_is_the_gradient_of_the_mean(dtype: str, rtol: float) -> None:
    with jax.enable_x64(True):
        logits, Y = jnp.asarray(Z, dtype), jnp.asarray(soft_labels(), dtype)
        expected = jax.grad(lambda Z: soft_cross_entropy(Z, Y).mean())(logits)

        found = soft_cross_entropy_backward(logits, Y)

    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-3 * rtol)


def test_soft_cross_entropy_is_optax_s() -> None:
    logits, Y = jnp.asarray(Z, jnp.float32), jnp.asarray(soft_labels(), jnp.float32)

    expected = optax.softmax_cross_entropy(logits, Y)
    np.testing.assert_allclose(soft_cross_entropy(logits, Y), expected, rtol=1e-5)


def test_soft_labels_of_one_class_are_its_label() -> None:
    logits, labels = jnp.asarray(Z, jnp.float32), jnp.asarray(LABELS)
    Y = one_hot(labels, logits)

    for soft, hard in (
        (soft_cross_entropy, SOFTMAX_CROSS_ENTROPY.forward),
        (soft_cross_entropy_backward, SOFTMAX_CROSS_ENTROPY.backward),
    ):
        np.testing.assert_array_equal(soft(logits, Y), hard(logits, labels))


def test_smooth_labels_are_optax_s() -> None:
    logits, labels = jnp.asarray(Z, jnp.float32), jnp.asarray(LABELS)

    Y = smooth_labels(labels, logits, 0.1)

    np.testing.assert_allclose(Y, optax.smooth_labels(one_hot(labels, logits), 0.1), rtol=1e-6)
    np.testing.assert_allclose(Y.sum(axis=1), np.ones(7), rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_backward_of_label_smoothing_is_the_gradient_of_the_mean(smoothing: float) -> None:
    loss = label_smoothing(smoothing)
    with jax.enable_x64(True):
        logits, labels = jnp.asarray(Z), jnp.asarray(LABELS)
        expected = mean_gradient(loss, logits, labels)

        found = loss.backward(logits, labels)

    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_label_smoothing_is_the_same_object_for_the_same_smoothing() -> None:
    assert label_smoothing(0.1) is label_smoothing(0.1)
    assert label_smoothing(0.1) != label_smoothing(0.2)
