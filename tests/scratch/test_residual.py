"""Residual addition against `jax.vjp`, alone and around a branch."""

import jax.numpy as jnp
import pytest

from fmnist_jax.scratch.activations import tanh, tanh_backward
from fmnist_jax.scratch.residual import (
    residual_add,
    residual_add_backward,
    shortcut,
    shortcut_backward,
    shortcut_stride,
)
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


SHORTCUTS = {
    "as it is": ((2, 3, 3, 4), 2, 3),
    "more filters": ((2, 3, 3, 4), 5, 3),
    "stride 2 of an even size": ((2, 4, 4, 3), 4, 2),
    "stride 2 of an odd size": ((2, 7, 7, 3), 3, 4),
}
shortcuts = pytest.mark.parametrize(
    ("shape", "filters", "size"), SHORTCUTS.values(), ids=SHORTCUTS.keys()
)


@shortcuts
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_backward_of_the_shortcut_is_the_vjp(
    shape: tuple, filters: int, size: int, dtype: str
) -> None:
    def forward(x):
        return shortcut(x, filters, size)

    error = backward_error(forward, lambda dy, x: (shortcut_backward(dy, x),), dtype, shape)

    assert error == 0
    assert forward(jnp.ones(shape)).shape == (filters, size, size, shape[-1])


def test_a_shortcut_takes_every_second_row_and_column_and_adds_maps_of_zeros() -> None:
    x = jnp.arange(2 * 5 * 5 * 3.0).reshape(2, 5, 5, 3)

    y = shortcut(x, filters=3, size=3)

    assert (y[:2] == x[:, ::2, ::2]).all()
    assert (y[2] == 0).all()


def test_sizes_that_no_stride_leads_to() -> None:
    assert [shortcut_stride(7, size) for size in range(1, 8)] == [7, 4, 3, 2, 0, 0, 1]
