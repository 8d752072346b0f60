import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.training.config import TrainingConfig, optimizer_of
from fmnist_jax.training.optimizers import SCHEDULES


def test_the_schedule_counts_epochs_not_steps():
    config = TrainingConfig(
        schedule=SCHEDULES["inverse-time"], learning_rate=1.0, decay_rate=1.0, epochs=3
    )
    optimizer = optimizer_of(config, steps_per_epoch=2)
    weights = jnp.float32(0.0)
    state = optimizer.init(weights)
    changes = []
    for _ in range(6):
        change, state = optimizer.update(jnp.float32(-1.0), state, weights)
        changes.append(np.asarray(change).item())
    assert changes == pytest.approx([1, 1, 1 / 2, 1 / 2, 1 / 3, 1 / 3])


def test_configurations_that_differ_in_the_seed_share_one_optimizer_and_so_one_compilation():
    assert optimizer_of(TrainingConfig(seed=1), 10) is optimizer_of(TrainingConfig(seed=2), 10)
    assert optimizer_of(TrainingConfig(), 10) is not optimizer_of(TrainingConfig(), 11)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"patience": 0}, "patience"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"decay_rate": float("inf")}, "decay_rate"),
        ({"seed": -1}, "seed"),
        ({"monitor": "f1"}, "unknown monitor 'f1': known are accuracy, loss"),
        ({"learning_rate": "0.1"}, "learning_rate must be a number from 0 to 1e.30, found '0.1'"),
        ({"decay_rate": None}, "decay_rate must be a number from 0 to 1e.30, found None"),
        ({"seed": 1.5}, "seed must be a whole number from 0 to .*, found 1.5"),
        ({"seed": None}, "seed must be a whole number from 0 to .*, found None"),
        ({"batch_size": 1.5}, "batch_size must be a count of at least 1, found 1.5"),
        ({"epochs": None}, "epochs must be a count of at least 1, found None"),
        ({"patience": "5"}, "patience must be a count of at least 1, found '5'"),
        ({"optimizer": "adam"}, "optimizer must be a function"),
    ],
)
def test_impossible_settings_are_refused_by_name(settings: dict, field: str):
    with pytest.raises(UserError, match=field):
        TrainingConfig(**settings)


def test_numbers_of_numpy_become_pythons():
    given = TrainingConfig(
        epochs=np.int64(3),  # pyright: ignore[reportArgumentType]
        learning_rate=np.float32(0.5),  # pyright: ignore[reportArgumentType]
        seed=np.uint32(7),  # pyright: ignore[reportArgumentType]
    )
    assert given == TrainingConfig(epochs=3, learning_rate=0.5, seed=7)
    assert [type(value) for value in (given.epochs, given.learning_rate, given.seed)] == [
        int, float, int,
    ]  # fmt: skip
    # What is stored keeps its spelling: an int stays an int.
    assert type(TrainingConfig(learning_rate=1).learning_rate) is int
