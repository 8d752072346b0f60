"""Inverted dropout and its mask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.scratch.dropout import dropout, dropout_backward, dropout_mask

A = jnp.ones((100, 200))


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_mask_drops_at_its_rate_and_keeps_the_mean(rate: float) -> None:
    mask = dropout_mask(jax.random.key(0), rate, A)

    # 20,000 draws: the standard error of the rate is at most 0.0036.
    assert float((mask == 0).mean()) == pytest.approx(rate, abs=0.015)
    np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - rate)], rtol=1e-6)
    assert float(dropout(A, mask).mean()) == pytest.approx(1, abs=0.12)


def test_rate_zero_drops_nothing() -> None:
    np.testing.assert_array_equal(dropout_mask(jax.random.key(0), 0.0, A), A)


def test_the_key_decides() -> None:
    first = dropout_mask(jax.random.key(0), 0.5, A)

    np.testing.assert_array_equal(first, dropout_mask(jax.random.key(0), 0.5, A))
    assert not (first == dropout_mask(jax.random.key(1), 0.5, A)).all()


def test_backward_is_the_gradient_with_the_same_mask() -> None:
    mask = dropout_mask(jax.random.key(0), 0.5, A)
    dA = jax.random.normal(jax.random.key(1), A.shape)
    _, pullback = jax.vjp(lambda A: dropout(A, mask), A)

    np.testing.assert_array_equal(dropout_backward(dA, mask), pullback(dA)[0])


def test_mask_has_shape_and_dtype_of_the_activations() -> None:
    with jax.enable_x64(True):
        for dtype in (jnp.float32, jnp.float64):
            mask = dropout_mask(jax.random.key(0), 0.3, jnp.ones((2, 3), dtype))
            assert (mask.shape, mask.dtype) == ((2, 3), dtype)
