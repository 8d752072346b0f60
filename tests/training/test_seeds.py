import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.data.scaling import UNIT, Z_SCORE, Scaling, Statistics
from fmnist_jax.errors import DivergedError
from fmnist_jax.kinds import conv_net
from fmnist_jax.models import Model, scratch_mlp
from fmnist_jax.networks.architectures import FiveConv
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training import seeds as module
from fmnist_jax.training.augmentation import unchanged
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.epoch import DeviceSplit
from fmnist_jax.training.fit import EpochRecord, FitState, fit, start
from fmnist_jax.training.optimizers import cosine, momentum
from fmnist_jax.training.seeds import SeedFit, fit_seeds, where_it_gains

MODEL = scratch_mlp(MLPConfig((16, 12, 10), dropout=0.2))
CONFIG = TrainingConfig(epochs=60, batch_size=16, optimizer=momentum, learning_rate=0.2, patience=3)


SEEDS = (3, 0, 2**32 - 1)


def made(count: int, seed: int, size: int = 4) -> DeviceSplit:
    """Ten noisy patterns."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(99).integers(0, 200, (10, size, size))
    labels = rng.integers(0, 10, count, np.int32)
    images = (patterns[labels] + rng.integers(0, 56, (count, size, size))).astype(np.uint8)
    return DeviceSplit(jnp.asarray(images), jnp.asarray(labels))


TRAIN, VALIDATION = made(300, 1), made(100, 2)


def alone(
    seed: int,
    config: TrainingConfig = CONFIG,
    model: Model = MODEL,
    train: DeviceSplit = TRAIN,
    validation: DeviceSplit = VALIDATION,
    scaling: Scaling = UNIT,
    statistics: Statistics | None = None,
) -> tuple[FitState, tuple[EpochRecord, ...]]:
    config = replace(config, seed=seed)
    steps = list(fit(model, config, train, validation, scaling, statistics or {}))
    return steps[-1][0], tuple(record for _, record in steps)


def check_same(one: SeedFit, other: tuple[FitState, tuple[EpochRecord, ...]]) -> None:
    state, history = other
    assert one.failed is None
    assert len(one.history) == len(history)
    for record, expected in zip(one.history, history, strict=True):
        assert record == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert one.state.epoch == state.epoch
    assert one.state.stopping[1:] == state.stopping[1:]
    jax.tree.map(
        lambda leaf, wanted: np.testing.assert_allclose(leaf, wanted, rtol=1e-3, atol=1e-4),
        (one.state.train, one.state.best_parameters),
        (state.train, state.best_parameters),
    )


def test_each_seed_learns_and_stops_as_it_would_alone():
    steps = list(fit_seeds(MODEL, CONFIG, SEEDS, TRAIN, VALIDATION, UNIT, {}))
    ends = [len(one.history) for one in steps[-1]]
    assert len(set(ends)) > 1  # or this test would show little
    assert len(steps) == max(ends) < CONFIG.epochs
    for place, seed in enumerate(SEEDS):
        check_same(steps[-1][place], alone(seed))
        # Until it stops it is a new one after each epoch, from then on the same one.
        assert [len(fits[place].history) for fits in steps] == [
            min(epoch, ends[place]) for epoch in range(1, len(steps) + 1)
        ]
        assert steps[-1][place] is steps[ends[place] - 1][place]


def test_watching_accuracy():
    config = replace(CONFIG, monitor="accuracy")
    *_, fits = fit_seeds(MODEL, config, SEEDS, TRAIN, VALIDATION, UNIT, {})
    for seed, one in zip(SEEDS, fits, strict=True):
        check_same(one, alone(seed, config))


def test_a_convolutional_network_too():
    model = conv_net(FiveConv(filters=(3, 4, 5, 6, 7), hidden=8).network)
    config = replace(CONFIG, epochs=2, learning_rate=0.01, schedule=cosine)
    train, validation = made(48, 1, 28), made(30, 2, 28)
    *_, fits = fit_seeds(model, config, (0, 1), train, validation, UNIT, {})
    for seed, one in enumerate(fits):
        check_same(one, alone(seed, config, model, train, validation))


def own_features(seeds: int) -> tuple[list[DeviceSplit], list[DeviceSplit]]:
    """Each seed's own numbers for the same images."""
    rng = np.random.default_rng(5)
    mixes = rng.normal(size=(seeds, 16, 16)).astype(np.float32)
    return tuple(
        [
            DeviceSplit(jnp.asarray(np.float32(split.images).reshape(-1, 16) @ mix), split.labels)
            for mix in mixes
        ]
        for split in (made(288, 1), VALIDATION)  # no batch that is left over
    )  # pyright: ignore[reportReturnType]


def together(splits: list[DeviceSplit]) -> DeviceSplit:
    return DeviceSplit(jnp.stack([split.images for split in splits]), splits[0].labels)


def test_seeds_with_images_of_their_own_of_which_one_fails():
    trains, validations = own_features(3)
    found = [Z_SCORE.fit(np.asarray(train.images)) for train in trains]
    statistics = {name: np.stack([one[name] for one in found]) for name in found[0]}
    trains[1] = trains[1]._replace(images=trains[1].images.at[7, 3].set(jnp.nan))
    data = together(trains), together(validations)
    *_, fits = fit_seeds(MODEL, CONFIG, (0, 1, 2), *data, Z_SCORE, statistics, own_images=True)
    assert [one.failed is None for one in fits] == [True, False, True]
    for seed in (0, 2):
        data = trains[seed], validations[seed]
        check_same(fits[seed], alone(seed, CONFIG, MODEL, *data, Z_SCORE, found[seed]))
    with pytest.raises(DivergedError, match="the training loss is nan in epoch 1") as error:
        alone(1, CONFIG, MODEL, trains[1], validations[1], Z_SCORE, found[1])
    assert str(fits[1].failed) == str(error.value)


def fails_with_the_first_weights_of(seed: int) -> Model:
    wild = start(MODEL, replace(CONFIG, seed=seed), 1).best_parameters[0].W[0, 0]

    def init(key):
        first, *others = MODEL.init(key)
        W = jnp.where(first.W[0, 0] == wild, first.W * 1e38, first.W)
        return (first._replace(W=W), *others)

    return MODEL._replace(init=init)


def test_a_seed_that_fails_spoils_no_other():
    model = fails_with_the_first_weights_of(1)
    steps = list(fit_seeds(model, CONFIG, (0, 1, 2), TRAIN, VALIDATION, UNIT, {}))
    told = str(steps[0][1].failed)
    assert re.match(
        r"the training loss is inf in epoch 1, step 1 of 19, first in layer \[0\]", told
    )
    assert all(fits[1] is steps[0][1] for fits in steps)
    for seed in (0, 2):
        check_same(steps[-1][seed], alone(seed))
    # When all have failed it ends.
    assert len(list(fit_seeds(model, CONFIG, (1, 1, 1), TRAIN, VALIDATION, UNIT, {}))) == 1


def test_the_images_are_not_copied_for_each_seed():
    states = module.stacked([start(MODEL, CONFIG, 19).train] * 3)
    keys = jax.random.split(jax.random.key(0), 3)

    def epoch(data: DeviceSplit):
        return module.train_epoch_of_seeds(
            states,
            keys,
            data,
            {},
            model=MODEL,
            scaling=UNIT,
            optimizer=module.optimizer_of(CONFIG, 19),
            batch_size=16,
            augmentation=unchanged,
            own_images=False,
        )

    program = str(jax.make_jaxpr(epoch)(TRAIN))
    assert "u8[300,4,4]" in program
    assert "[3,300,4,4]" not in program


def test_the_state_is_donated():
    states = module.stacked([start(MODEL, CONFIG, 19).train] * 3)
    module.train_epoch_of_seeds(
        states,
        jax.random.split(jax.random.key(0), 3),
        TRAIN,
        {},
        model=MODEL,
        scaling=UNIT,
        optimizer=module.optimizer_of(CONFIG, 19),
        batch_size=16,
        augmentation=unchanged,
        own_images=False,
    )
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(states.parameters))


def test_on_an_accelerator_mlps_are_trained_at_once():
    assert where_it_gains("mlp", "gpu")
    assert not where_it_gains("cnn", "gpu")
    assert not where_it_gains("mlp", "cpu")
