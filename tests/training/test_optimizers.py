import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.training.config import TrainingConfig, learning_rate_at
from fmnist_jax.training.optimizers import OPTIMIZERS, SCHEDULES, adam, adamw, momentum, sgd


def rates(schedule: str, epochs: int, decay_rate: float = 0.0) -> list[float]:
    config = TrainingConfig(
        schedule=SCHEDULES[schedule], learning_rate=0.1, epochs=epochs, decay_rate=decay_rate
    )
    return [float(learning_rate_at(config, jnp.int32(epoch))) for epoch in range(epochs)]


def test_constant_stays():
    assert rates("constant", 3) == pytest.approx([0.1, 0.1, 0.1])


def test_inverse_time_is_report_4s_decay():
    assert rates("inverse-time", 4, decay_rate=0.5) == pytest.approx(
        [0.1, 0.1 / 1.5, 0.1 / 2, 0.1 / 2.5]
    )


def test_cosine_starts_at_the_learning_rate_and_falls():
    assert rates("cosine", 4) == pytest.approx(
        [0.1 * (1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(4)]
    )


def step(name: str, gradients: list[float]) -> np.ndarray:
    """Return a weight of 1 after steps with these gradients and the learning rate 0.1."""
    optimizer = OPTIMIZERS[name](lambda count: jnp.float32(0.1))
    weights = jnp.float32(1.0)
    state = optimizer.init(weights)
    for gradient in gradients:
        change, state = optimizer.update(jnp.float32(gradient), state, weights)
        weights = weights + change
    return np.asarray(weights)


def test_sgd_goes_down_the_gradient():
    assert step("sgd", [2.0, -1.0]) == pytest.approx(1 - 0.2 + 0.1)


def test_momentum_remembers_nine_tenths():
    assert step("momentum", [2.0, 0.0]) == pytest.approx(1 - 0.2 - 0.9 * 0.2)


# optax's Adam raises a Python float to an int32 count, which strict promotion refuses.
@jax.numpy_dtype_promotion("standard")
def test_adams_first_step_is_the_learning_rate():
    assert step("adam", [123.0]) == pytest.approx(0.9, abs=1e-5)


@jax.numpy_dtype_promotion("standard")
def test_adamw_decays_the_weights_beside():
    assert step("adamw", [123.0]) == pytest.approx(0.9 - 0.1 * 1e-4, abs=1e-6)


def test_names_are_the_functions_own():
    assert {"sgd": sgd, "momentum": momentum, "adam": adam, "adamw": adamw} == OPTIMIZERS
