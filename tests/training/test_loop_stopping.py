"""When a training stops, and which epoch it keeps."""

import json
from typing import Any

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.config.model import Variables
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.early_stopping import EarlyStopping
from fmnist_jax.training.loop import (
    EpochOutcome,
    FitState,
    advance,
    fit,
    is_finished,
    kept_epoch,
    make_task,
    start,
)
from fmnist_jax.training.optimizers import momentum
from fmnist_jax.training.step import StepMetrics, TrainState
from tests.training.small_training import (
    CONFIG,
    DATA,
    MODEL,
    VALIDATION,
    accuracy_of,
    loss_of,
    trained,
)

OVERFITTING = evolve(CONFIG, epochs=60, optimizer=momentum, learning_rate=0.2)
PATIENT = evolve(OVERFITTING, patience=3)


def test_it_stops_when_patience_runs_out_and_keeps_the_best_variables():
    state, records = trained(PATIENT)
    losses = list(map(loss_of, records))
    best = int(np.argmin(losses)) + 1
    assert len(records) < 60
    assert (state.stopping.best_epoch, len(records)) == (best, best + 3)
    assert [record.patience for record in records[-4:]] == [0, 1, 2, 3]
    logits = MODEL.apply(state.best, UNIT.apply({}, VALIDATION.images))
    loss = MODEL.losses(logits, VALIDATION.targets).mean()
    np.testing.assert_allclose(loss, losses[best - 1], rtol=1e-5)


def test_it_can_monitor_accuracy_instead():
    state, records = trained(evolve(PATIENT, monitor="accuracy"))
    accuracies = list(map(accuracy_of, records))
    assert state.stopping.best_epoch == int(np.argmax(accuracies)) + 1
    assert len(records) == state.stopping.best_epoch + 3


def test_without_patience_every_epoch_is_run():
    assert len(trained(OVERFITTING)[1]) == 60


def test_small_improvements_do_not_count():
    _, any_improvement = trained(OVERFITTING)
    state, records = trained(evolve(PATIENT, min_delta=0.05))
    best, waited = loss_of(any_improvement[0]), 0
    for record, found in zip(any_improvement, records, strict=False):
        improved = record.epoch == 1 or best - loss_of(record) >= 0.05
        best, waited = (loss_of(record), 0) if improved else (best, waited + 1)
        assert found == record._replace(patience=waited)
    assert (waited, state.stopping.best_value) == (3, best)


def after_losses(config: TrainingConfig, losses: list[float]) -> list[int]:
    """Return each epoch's patience after these validation losses."""
    task = make_task(MODEL, UNIT, config, 300)
    state, patience = start(task, config), []
    metrics = StepMetrics(jnp.ones(1), jnp.ones(1, jnp.int32))
    for loss in losses:
        correct = jnp.int32(100 - 100 * loss)
        outcome = EpochOutcome(state.train, metrics, (jnp.float32(loss), correct))
        state, record = advance(state, outcome, config, DATA)
        patience.append(record.patience)
    return patience


@pytest.mark.parametrize(
    ("min_delta", "patience"), [(0.0, [0, 0, 0, 1]), (0.25, [0, 1, 0, 1]), (0.375, [0, 1, 2, 3])]
)
@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_min_delta_of_either_figure(monitor: str, min_delta: float, patience: list[int]):
    config = evolve(CONFIG, monitor=monitor, min_delta=min_delta)
    assert after_losses(config, [0.5, 0.375, 0.25, 0.25]) == patience


LAST = evolve(CONFIG, keep="last")
UNVALIDATED = DATA._replace(validation=None)


def test_the_last_epoch_is_kept_if_asked_for():
    (state, records), (best, same) = (
        trained(evolve(LAST, epochs=8)),
        trained(evolve(CONFIG, epochs=8)),
    )
    assert records == same
    chex.assert_trees_all_equal(state.best, state.train.variables)
    assert state.stopping == best.stopping
    assert kept_epoch(state, LAST) == 8
    assert kept_epoch(best, CONFIG) == best.stopping.best_epoch


def test_without_a_validation_split_the_training_is_the_same_and_the_last_epoch_is_kept():
    task = make_task(MODEL, UNIT, LAST, len(DATA.train.labels))
    steps = list(fit(task, LAST, UNVALIDATED))
    state, records = steps[-1][0], [record for _, record in steps]
    validated, with_figures = trained(LAST)
    chex.assert_trees_all_equal(state.best, validated.best)
    none = {"validation_loss": None, "validation_accuracy": None, "patience": 0}
    assert records == [record._replace(**none) for record in with_figures]
    assert (kept_epoch(state, LAST), is_finished(state, LAST)) == (4, True)
    json.dumps([record._asdict() for record in records], allow_nan=False)


@pytest.mark.parametrize(
    "change", [{"keep": "best"}, {"patience": 5}, {"monitor": "accuracy"}], ids=str
)
def test_without_a_validation_split_nothing_may_need_one(change: dict[str, Any]):
    config = evolve(LAST, **change)
    task = make_task(MODEL, UNIT, config, len(DATA.train.labels))
    (name, value), *_ = change.items()
    with pytest.raises(UserError, match=f"without a validation split .*found .*{name} '?{value}"):
        next(fit(task, config, UNVALIDATED))


def test_training_ends_with_the_last_epoch_or_with_patience():
    state = FitState(
        TrainState(Variables((), {}), (), jnp.int32(0), None),
        Variables((), {}),
        EarlyStopping(0, 1, 5),
        3,
    )
    assert is_finished(state, evolve(CONFIG, patience=5))
    assert not is_finished(state, evolve(CONFIG, patience=6))
    assert is_finished(state._replace(epoch=4), CONFIG)
