import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fmnist_jax.training.config import TrainingConfig, learning_rate_at
from fmnist_jax.training.optimizers import (
    OPTIMIZERS,
    SCHEDULES,
    adam,
    adamw,
    lion,
    momentum,
    muon,
    nesterov,
    sgd,
)


def rates(schedule: str, epochs: int, decay_rate: float = 0.0) -> list[float]:
    config = TrainingConfig(
        schedule=SCHEDULES[schedule], learning_rate=0.1, epochs=epochs, decay_rate=decay_rate
    )
    steps = [jnp.int32(7 * epoch + 6) for epoch in range(epochs)]  # the last one of each
    return [float(learning_rate_at(config, step, 7)) for step in steps]


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


@pytest.mark.parametrize(
    ("schedule", "decay"),
    [
        ("cosine-by-step", lambda progress: (1 + math.cos(math.pi * progress)) / 2),
        ("linear-by-step", lambda progress: 1 - progress),
    ],
)
def test_warm_up_rises_by_step_and_the_decay_falls_by_step(schedule: str, decay: Callable):
    config = TrainingConfig(schedule=SCHEDULES[schedule], learning_rate=0.1, epochs=5, warmup=0.2)
    found = [float(learning_rate_at(config, jnp.int32(step), 4)) for step in range(21)]
    rising = [0.1 * step / 4 for step in (1, 2, 3, 4)]
    falling = [0.1 * decay(step / 16) for step in range(17)]
    assert found == pytest.approx(rising + falling, abs=1e-8)
    assert found[-1] == pytest.approx(0, abs=1e-8)


def test_every_schedule_warms_up():
    for schedule in SCHEDULES.values():
        config = TrainingConfig(schedule=schedule, learning_rate=1.0, epochs=100, warmup=0.01)
        first, second = (float(learning_rate_at(config, jnp.int32(step), 2)) for step in (0, 1))
        assert (first, second) == pytest.approx((0.5, 1.0))


def step(name: str, gradients: list[float], weight_decay: float | None = None) -> np.ndarray:
    """Return a weight of 1 after steps with these gradients and the learning rate 0.1."""
    optimizer = OPTIMIZERS[name](lambda count: jnp.float32(0.1), weight_decay)
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


def test_nesterov_looks_ahead():
    assert step("nesterov", [2.0, 0.0]) == pytest.approx(1 - 0.1 * 2 * 1.9 - 0.1 * 2 * 0.81)


@jax.numpy_dtype_promotion("standard")
def test_lion_steps_by_the_sign():
    assert step("lion", [123.0]) == pytest.approx(0.9)


@pytest.mark.parametrize("name", OPTIMIZERS)
@jax.numpy_dtype_promotion("standard")
def test_every_optimizer_decays_weights_by_rate_and_decay(name: str):
    decayed = step(name, [0.0], 0.5)
    assert decayed == pytest.approx(1 - 0.1 * 0.5)


@jax.numpy_dtype_promotion("standard")
def test_muon_makes_the_update_of_a_kernel_orthogonal_as_a_matrix():
    """Its singular values are near 1, whatever the gradient's; biases are updated by NAdam."""
    gradients = {
        "kernel": jnp.asarray(np.random.default_rng(0).normal(size=(3, 3, 2, 5)), jnp.float32),
        "bias": jnp.asarray([100.0, -3.0]),
    }
    optimizer = OPTIMIZERS["muon"](lambda count: jnp.float32(0.1))
    parameters = jax.tree.map(jnp.zeros_like, gradients)
    updates, _ = optimizer.update(gradients, optimizer.init(parameters), parameters)
    updates: Any = updates
    singular = np.linalg.svd(np.asarray(updates["kernel"]).reshape(18, 5), compute_uv=False)
    assert singular.max() / singular.min() < 2
    assert singular.mean() == pytest.approx(0.1, rel=0.3)
    nadam, bias = optax.nadam(0.1), gradients["bias"]
    expected: Any = nadam.update(bias, nadam.init(bias))[0]
    np.testing.assert_allclose(updates["bias"], expected, rtol=1e-5)


def test_names_are_the_functions_own():
    functions = (sgd, momentum, nesterov, adam, adamw, lion, muon)
    names = ("sgd", "momentum", "nesterov", "adam", "adamw", "lion", "muon")
    assert dict(zip(names, functions, strict=True)) == OPTIMIZERS
