import itertools
import json
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.config.model import Model, Variables
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import DivergedError, UserError
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.augmentation import Shift, erase, flip_alternately
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.early_stopping import EarlyStopping
from fmnist_jax.training.loop import (
    EpochOutcome,
    EpochRecord,
    FitState,
    advance,
    epoch_key,
    fit,
    is_finished,
    kept_epoch,
    make_task,
    start,
)
from fmnist_jax.training.optimizers import cosine_by_step, momentum, nesterov
from fmnist_jax.training.step import (
    StepMetrics,
    TrainingData,
    TrainState,
    draw_epoch,
    evaluate,
    train_step,
)
from tests.patterns import noisy_patterns
from tests.stateful import RunningMean

CONFIGURED = MLPConfig((16, 12, 10), dropout=0.2)
MODEL = CONFIGURED.build()
CONFIG = TrainingConfig(epochs=4, batch_size=16, learning_rate=0.05, patience=None)
VALIDATION = noisy_patterns(100, 2)
DATA = TrainingData(noisy_patterns(300, 1), VALIDATION, {})


def trained(
    config: TrainingConfig = CONFIG, model: Model = MODEL, state: FitState | None = None
) -> tuple[FitState, list[EpochRecord]]:
    task = make_task(model, UNIT, config, len(DATA.train.labels))
    steps = list(fit(task, config, DATA, state))
    return steps[-1][0], [record for _, record in steps]


def loss_of(record: EpochRecord) -> float:
    assert record.validation_loss is not None
    return record.validation_loss


def accuracy_of(record: EpochRecord) -> float:
    assert record.validation_accuracy is not None
    return record.validation_accuracy


def test_it_learns():
    _, records = trained(evolve(CONFIG, epochs=30, optimizer=momentum, learning_rate=0.05))
    assert [record.epoch for record in records] == list(range(1, 31))
    assert accuracy_of(records[-1]) > 0.9
    assert loss_of(records[-1]) < 0.5 * loss_of(records[0])


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    (one, records), (same, again) = trained(), trained()
    other, _ = trained(evolve(CONFIG, seed=1))
    assert records == again
    chex.assert_trees_all_equal(one, same)
    with pytest.raises(AssertionError):
        chex.assert_trees_all_equal(one.best, other.best)


@pytest.mark.parametrize("model", [MODEL, RunningMean().build()], ids=["mlp", "with state"])
def test_resuming_from_a_state_gives_the_bits_of_an_uninterrupted_training(model: Model):
    whole, records = trained(model=model)
    task = make_task(model, UNIT, CONFIG, len(DATA.train.labels))
    halfway = next(itertools.islice(fit(task, CONFIG, DATA), 1, None))[0]
    train, best = jax.tree.map(np.array, (halfway.train, halfway.best))
    kept = halfway._replace(train=train, best=best)
    resumed, rest = trained(model=model, state=kept)
    assert rest == records[2:]
    chex.assert_trees_all_equal(resumed, whole)


FRONTIER = evolve(
    CONFIG,
    optimizer=nesterov,
    augmentation=(flip_alternately, Shift(1), erase),
    label_smoothing=0.1,
    mixup=0.2,
    weight_average=0.9,
    warmup=0.3,
    schedule=cosine_by_step,
    clip_norm=1.0,
)


def test_resuming_with_everything_that_is_drawn_and_averaged_gives_the_same_bits():
    model = RunningMean().build()
    whole, records = trained(FRONTIER, model)
    task = make_task(model, UNIT, FRONTIER, len(DATA.train.labels))
    halfway = next(itertools.islice(fit(task, FRONTIER, DATA), 1, None))[0]
    train, best = jax.tree.map(np.array, (halfway.train, halfway.best))
    resumed, rest = trained(FRONTIER, model, halfway._replace(train=train, best=best))
    assert rest == records[2:]
    chex.assert_trees_all_equal(resumed, whole)


def test_the_moving_average_is_what_is_evaluated_and_kept():
    config = evolve(CONFIG, epochs=1, batch_size=100, weight_average=0.6)
    task = make_task(MODEL, UNIT, config, 300)
    state, (record,) = trained(config)
    # The same three steps without an average, one a call: their variables, averaged here.
    plain = make_task(MODEL, UNIT, evolve(config, weight_average=0.0), 300)
    order, keys = draw_epoch(epoch_key(config, 1), 300, 100)
    step_state = start(plain, config).train
    average = step_state.variables.parameters
    for number in range(3):
        indices = order[100 * number : 100 * (number + 1)]
        step_state, _ = train_step(step_state, indices, keys[number], DATA.train, {}, plain)
        decay = min(0.6, (2 + number) / (11 + number))
        average = jax.tree.map(
            lambda old, new, decay=decay: decay * old + (1 - decay) * new,
            average,
            step_state.variables.parameters,
        )
    chex.assert_trees_all_close(state.best.parameters, average, rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(
        state.train.variables.parameters, step_state.variables.parameters, rtol=1e-5, atol=1e-6
    )
    loss, _ = evaluate(state.best, VALIDATION, {}, task)
    assert loss_of(record) == float(loss)


def test_the_average_of_a_network_s_state_keeps_its_integers():
    state, _ = trained(evolve(CONFIG, weight_average=0.9), RunningMean().build())
    assert state.best.state["steps"].item() % 19 == 0
    assert (state.train.evaluated.state["mean"] != state.train.variables.state["mean"]).any()


def test_the_state_of_the_network_is_carried_and_kept_with_the_best_epoch():
    state, records = trained(model=RunningMean().build())
    steps = 19  # 300 images, 16 a step
    assert state.train.variables.state["steps"].item() == 4 * steps
    assert state.best.state["steps"].item() == state.stopping.best_epoch * steps
    assert loss_of(records[-1]) < loss_of(records[0])


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


def test_the_loop_does_not_depend_on_who_wrote_the_gradient():
    def objective(parameters, state, inputs, targets, key):
        rows = inputs.reshape(len(targets), -1)
        loss, logits = mlp.objective(parameters, rows, targets, CONFIGURED, key)
        return loss, (logits, state)

    def autodiff(variables, inputs, targets, key):
        return jax.value_and_grad(objective, has_aux=True)(*variables, inputs, targets, key)

    _, by_hand = trained()
    _, by_autodiff = trained(model=MODEL._replace(value_and_grad=autodiff))
    for one, other in zip(by_hand, by_autodiff, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_epochs_seeds_and_settings_of_early_stopping_share_one_program():
    chex.clear_trace_counter()
    model = MODEL._replace(
        apply=chex.assert_max_traces(MODEL.apply, n=1),  # of `evaluate`
        # Of `train_epoch`: once for the full batches, once for the one that is left over.
        value_and_grad=chex.assert_max_traces(MODEL.value_and_grad, n=2),
    )
    for change in (
        {"seed": 1},
        {"patience": 2},
        {"monitor": "accuracy"},
        {"min_delta": 0.1},
    ):
        trained(evolve(CONFIG, epochs=2, **change), model)
    with pytest.raises(AssertionError, match="traced > 2 times"):
        trained(evolve(CONFIG, epochs=2, learning_rate=0.1), model)


def test_a_loss_that_is_not_finite_stops_with_epoch_step_and_remedy():
    broken = MODEL._replace(
        losses=lambda logits, targets: jnp.where(targets[:, 3] == 1, jnp.nan, 0 * targets[:, 3])
    )
    with pytest.raises(
        DivergedError, match=r"loss is nan in epoch 1, step \d+ of 19.*learning_rate"
    ):
        trained(model=broken)


def test_a_validation_loss_that_is_not_finite_stops_too():
    # Training computes the losses of 16 images or fewer, validation those of 100.
    broken = MODEL._replace(
        losses=lambda logits, targets: jnp.full(len(targets), jnp.nan if len(targets) > 16 else 1.0)
    )
    with pytest.raises(DivergedError, match="validation loss is nan after epoch 1"):
        trained(model=broken)


def test_weights_that_are_not_finite_after_the_last_step_stop_too():
    def value_and_grad(variables, inputs, targets, key):
        value, (first, last) = MODEL.value_and_grad(variables, inputs, targets, key)
        # Only the last batch, of 300 % 16 images, breaks one bias.
        wrong = jnp.nan if len(targets) == 300 % 16 else 0.0
        return value, (first, last._replace(b=last.b + wrong))

    with pytest.raises(DivergedError, match=r"weights \[1\]\.b .* epoch 1, step 19 of 19"):
        trained(model=MODEL._replace(value_and_grad=value_and_grad))


def test_a_state_that_is_not_finite_stops_too():
    stateful = RunningMean().build()

    def value_and_grad(variables, inputs, targets, key):
        value = stateful.value_and_grad(variables, inputs, targets, key)
        (loss, (logits, state)), gradients = value
        return (loss, (logits, {**state, "mean": state["mean"] * jnp.inf})), gradients

    # With the batch's mean, training doesn't use the state, so its losses stay finite.
    with pytest.raises(DivergedError, match=r"state \['mean'\] isn't finite in epoch 1, step 19"):
        trained(model=stateful._replace(value_and_grad=value_and_grad))
