"""The training loop: learning, resuming, averages, and what is not finite."""

import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.config.model import Model
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import DivergedError
from fmnist_jax.scratch import mlp
from fmnist_jax.training.augmentation import Shift, erase, flip_alternately
from fmnist_jax.training.loop import epoch_key, fit, make_task, start
from fmnist_jax.training.optimizers import cosine_by_step, momentum, nesterov
from fmnist_jax.training.step import draw_epoch, evaluate, train_step
from tests.stateful import RunningMean
from tests.training.small_training import (
    CONFIG,
    CONFIGURED,
    DATA,
    MODEL,
    VALIDATION,
    accuracy_of,
    loss_of,
    trained,
)


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
