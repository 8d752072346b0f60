"""Residual addition against `jax.vjp`, alone and around a branch."""

import jax.numpy as jnp
import pytest

from fmnist_jax.scratch.activations import tanh, tanh_backward
from fmnist_jax.scratch.residual import residual_add, residual_add_backward
from tests.scratch.gradients import TOLERANCES, backward_error


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_backward_is_the_vjp(dtype: str) -> None:
    error = backward_error(
        residual_add, lambda dy, *_: residual_add_backward(dy), dtype, (2, 3, 3, 4), (2, 3, 3, 4)
    )

    assert error == 0


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_the_input_of_a_residual_block_receives_both_gradients(dtype: str) -> None:
    def backward(dy, x):
        dbranch, dshortcut = residual_add_backward(dy)
        return (tanh_backward(dbranch, x) + dshortcut,)

    def without_the_shortcut(dy, x):
        return (tanh_backward(dy, x),)

    def block(x):
        return residual_add(tanh(x), x)

    assert backward_error(block, backward, dtype, (2, 3, 3, 4)) <= TOLERANCES[dtype]
    assert backward_error(block, without_the_shortcut, dtype, (2, 3, 3, 4)) > 0.1
    assert block(jnp.zeros(3)).shape == (3,)
