"""The L2 penalty and its backward."""

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.scratch.l2 import l2_penalty, l2_penalty_backward
from tests.scratch.gradients import draw

W = draw((3, 4), "float32")
KERNEL = draw((2, 2, 3, 4), "float32")


def test_penalty_is_half_c_times_the_sum_of_all_squares() -> None:
    expected = 0.05 * (np.square(W).sum() + np.square(KERNEL).sum())

    np.testing.assert_allclose(l2_penalty([W, KERNEL], 0.1), expected, rtol=1e-6)


def test_backward_adds_the_gradient() -> None:
    dW = jnp.ones_like(W)

    expected = dW + jax.grad(lambda W: l2_penalty([W, KERNEL], 0.1))(W)

    np.testing.assert_allclose(l2_penalty_backward(dW, W, 0.1), expected, rtol=1e-6)
