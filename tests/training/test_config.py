import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.errors import UserError
from fmnist_jax.training.augmentation import Shift, flip, flip_alternately, no_augmentation
from fmnist_jax.training.config import TrainingConfig, build_optimizer
from fmnist_jax.training.optimizers import SCHEDULES


def test_the_schedule_counts_epochs_not_steps():
    config = TrainingConfig(
        schedule=SCHEDULES["inverse-time"], learning_rate=1.0, decay_rate=1.0, epochs=3
    )
    optimizer = build_optimizer(config, steps_per_epoch=2)
    weights = jnp.float32(0.0)
    state = optimizer.init(weights)
    changes = []
    for _ in range(6):
        change, state = optimizer.update(jnp.float32(-1.0), state, weights)
        changes.append(np.asarray(change).item())
    assert changes == pytest.approx([1, 1, 1 / 2, 1 / 2, 1 / 3, 1 / 3])


def test_gradients_are_clipped_to_the_norm_of_all_of_them():
    optimizer = build_optimizer(TrainingConfig(learning_rate=1.0, clip_norm=1.0), 10)
    for gradients, expected in (([3.0, -4.0], [-0.6, 0.8]), ([0.3, -0.4], [-0.3, 0.4])):
        leaves = [jnp.float32(gradient) for gradient in gradients]
        updates, _ = optimizer.update(leaves, optimizer.init(leaves), leaves)
        np.testing.assert_allclose(jax.tree.leaves(updates), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"patience": None}, {"monitor": "accuracy"}, {"min_delta": 0.1}]
)
def test_settings_outside_the_update_rule_share_one_optimizer_and_so_one_compilation(change: dict):
    config = TrainingConfig()
    assert build_optimizer(evolve(config, **change), 10) is build_optimizer(config, 10)


def test_settings_of_the_update_rule_have_optimizers_of_their_own():
    config = TrainingConfig()
    assert build_optimizer(config, 10) is not build_optimizer(config, 11)
    assert build_optimizer(evolve(config, learning_rate=0.5), 10) is not build_optimizer(config, 10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, found 0"),
        ({"epochs": None}, "epochs must be a whole number of at least 1, found None"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size must be a whole number of at least 1, found 1.5"),
        ({"patience": 0}, "patience"),
        ({"patience": "5"}, "patience must be a whole number of at least 1, found '5'"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        (
            {"learning_rate": "0.1"},
            r"learning_rate must be a finite number from 0 to 1e\+30, found '0.1'",
        ),
        ({"learning_rate": 1.1e30}, r"from 0 to 1e\+30, found 1.1e\+30"),
        ({"decay_rate": float("inf")}, "decay_rate"),
        ({"decay_rate": None}, r"decay_rate must be a finite number from 0 to 1e\+30, found None"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed must be a whole number from 0 to 4294967295, found 4294967296"),
        ({"seed": 1.5}, "seed must be a whole number from 0 to .*, found 1.5"),
        ({"seed": None}, "seed must be a whole number from 0 to .*, found None"),
        ({"monitor": "f1"}, "unknown monitor 'f1': known are accuracy, loss"),
        ({"optimizer": "adam"}, "optimizer must be a function, such as training.optimizers.adam"),
        ({"schedule": "cosine"}, "schedule must be a function, such as training.optimizers.cosine"),
        ({"augmentation": "mirror"}, "augmentation must be a function, .* found 'mirror'"),
        (
            {"augmentation": (flip, Shift(1), flip_alternately)},
            "augmentation must mirror images once, by one of mirror, mirror-alternate, mirror-move, "
            "found 2 of them",
        ),
        ({"label_smoothing": 1.0}, "label_smoothing must be .* less than 1, found 1.0"),
        ({"mixup": -1.0}, "mixup must be a finite number from 0 to .*, found -1.0"),
        ({"weight_average": 1}, "weight_average must be .* less than 1, found 1"),
        (
            {"warmup": 1.0},
            "warmup must be a finite number of at least 0 and less than 1, found 1.0",
        ),
        ({"weight_decay": -0.1}, "weight_decay must be a finite number from 0 to .*, found -0.1"),
        ({"clip_norm": float("nan")}, "clip_norm must be a finite number from 0 to .*, found nan"),
        ({"min_delta": -1e-9}, "min_delta must be a finite number from 0 to .*, found -1e-09"),
        ({"min_delta": float("nan")}, "min_delta"),
        ({"min_delta": None}, "min_delta must be a finite number from 0 to .*, found None"),
    ],
)
def test_invalid_settings_are_refused_by_name(settings: dict, message: str):
    with pytest.raises(UserError, match=message):
        TrainingConfig(**settings)


def test_one_augmentation_stands_for_a_tuple_of_one_and_none_is_left_out():
    assert TrainingConfig(augmentation=flip).augmentation == (flip,)
    assert TrainingConfig(augmentation=no_augmentation) == TrainingConfig()
    assert TrainingConfig(augmentation=[Shift(2), flip]).augmentation == (Shift(2), flip)


def test_numbers_of_numpy_become_pythons():
    given = TrainingConfig(
        epochs=np.int64(3),  # pyright: ignore[reportArgumentType]
        learning_rate=np.float32(0.5),  # pyright: ignore[reportArgumentType]
        seed=np.uint32(7),  # pyright: ignore[reportArgumentType]
        min_delta=np.float64(0.25),
    )
    assert given == TrainingConfig(epochs=3, learning_rate=0.5, seed=7, min_delta=0.25)
    values = (given.epochs, given.learning_rate, given.seed, given.min_delta)
    assert [type(value) for value in values] == [int, float, int, float]
    # Stored values keep their spelling: an int stays an int.
    assert type(TrainingConfig(learning_rate=1).learning_rate) is int
