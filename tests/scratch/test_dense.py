"""The dense layer against `jax.vjp`, and its count."""

import jax
import numpy as np
import pytest
from chex import assert_trees_all_close

from fmnist_jax.config.model import Layer
from fmnist_jax.scratch.dense import Dense, dense, dense_backward, dense_layers


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("batch", [0, 1, 7])
def test_backward_is_the_vjp(dtype: str, rtol: float, batch: int) -> None:
    with jax.enable_x64(True):
        keys = iter(jax.random.split(jax.random.key(0), 4))
        A = jax.random.normal(next(keys), (batch, 5), dtype)
        layer = Dense(
            jax.random.normal(next(keys), (5, 3), dtype), jax.random.normal(next(keys), (3,), dtype)
        )
        dZ = jax.random.normal(next(keys), (batch, 3), dtype)
        Z, pullback = jax.vjp(lambda layer, A: dense(A, layer), layer, A)

        assert_trees_all_close(dense_backward(dZ, A, layer), pullback(dZ), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(
        Z, np.asarray(A) @ np.asarray(layer.W) + np.asarray(layer.b), rtol=rtol, atol=rtol
    )


def test_layers_are_counted_in_order() -> None:
    assert dense_layers([(3, 4), (4, 2)]) == (
        Layer("dense 1", (4,), 16, 12),
        Layer("dense 2", (2,), 10, 8),
    )
