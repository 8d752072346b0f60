import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fmnist_jax.models.base import Model, scratch_mlp

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.early_stopping import EarlyStopping
from fmnist_jax.training.loop import EpochRecord, FitState, finished, fit, start
from fmnist_jax.training.optimizers import momentum
from fmnist_jax.training.step import DeviceSplit

MODEL = scratch_mlp(MLPConfig((16, 12, 10), dropout=0.2))
CONFIG = TrainingConfig(epochs=4, batch_size=16, learning_rate=0.05, patience=None)


def made(count: int, seed: int) -> DeviceSplit:
    """Ten noisy patterns of 4x4 pixels."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(99).integers(0, 200, (10, 4, 4))
    labels = rng.integers(0, 10, count, np.int32)
    images = (patterns[labels] + rng.integers(0, 56, (count, 4, 4))).astype(np.uint8)
    return DeviceSplit(jnp.asarray(images), jnp.asarray(labels))


TRAIN, VALIDATION = made(300, 1), made(100, 2)


def fitted(
    config: TrainingConfig = CONFIG, model: Model = MODEL, state: FitState | None = None
) -> tuple[FitState, list[EpochRecord]]:
    steps = list(fit(model, config, TRAIN, VALIDATION, UNIT, {}, state))
    return steps[-1][0], [record for _, record in steps]


def same_bits(one, other) -> bool:
    return all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def test_it_learns():
    _, records = fitted(replace(CONFIG, epochs=30, optimizer=momentum, learning_rate=0.05))
    assert [record.epoch for record in records] == list(range(1, 31))
    assert records[-1].validation_accuracy > 0.9
    assert records[-1].validation_loss < 0.5 * records[0].validation_loss


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    (one, records), (same, again) = fitted(), fitted()
    other, _ = fitted(replace(CONFIG, seed=1))
    assert records == again
    assert same_bits(one, same)
    assert not same_bits(one.best_parameters, other.best_parameters)


def test_continuing_from_a_state_gives_the_bits_of_a_run_left_alone():
    whole, records = fitted()
    halfway = next(itertools.islice(fit(MODEL, CONFIG, TRAIN, VALIDATION, UNIT, {}), 1, None))[0]
    kept = jax.tree.map(np.array, halfway)
    continued, rest = fitted(state=kept)
    assert rest == records[2:]
    assert same_bits(continued, whole)


def overfitting(monitor: str, patience: int | None) -> tuple[FitState, list[EpochRecord]]:
    config = replace(
        CONFIG, epochs=60, optimizer=momentum, learning_rate=0.2, monitor=monitor, patience=patience
    )
    return fitted(config)


def test_it_stops_when_patience_runs_out_and_keeps_the_best_weights():
    state, records = overfitting("loss", 3)
    losses = [record.validation_loss for record in records]
    best = int(np.argmin(losses)) + 1
    assert len(records) < 60
    assert (state.stopping.best_epoch, len(records)) == (best, best + 3)
    assert [record.patience for record in records[-4:]] == [0, 1, 2, 3]
    logits = MODEL.apply(state.best_parameters, UNIT.apply({}, VALIDATION.images))
    loss = MODEL.losses(logits, VALIDATION.labels).mean()
    np.testing.assert_allclose(loss, losses[best - 1], rtol=1e-5)


def test_it_can_watch_accuracy_instead():
    state, records = overfitting("accuracy", 3)
    accuracies = [record.validation_accuracy for record in records]
    assert state.stopping.best_epoch == int(np.argmax(accuracies)) + 1
    assert len(records) == state.stopping.best_epoch + 3


def test_without_patience_every_epoch_is_run():
    assert len(overfitting("loss", None)[1]) == 60


def test_finished():
    state = FitState(start(MODEL, CONFIG, 1).train, (), EarlyStopping(waited=5), epoch=3)
    assert finished(state, replace(CONFIG, patience=5))
    assert not finished(state, replace(CONFIG, patience=6))
    assert finished(state._replace(epoch=4), CONFIG)


def test_the_loop_does_not_know_who_wrote_the_gradient():
    config = MLPConfig((16, 12, 10), dropout=0.2)

    def objective(parameters, inputs, labels, key):
        return mlp.objective(parameters, inputs.reshape(len(labels), -1), labels, config, key)

    autodiff = MODEL._replace(value_and_grad=jax.value_and_grad(objective, has_aux=True))
    _, by_hand = fitted()
    _, by_autodiff = fitted(model=autodiff)
    for one, other in zip(by_hand, by_autodiff, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_a_loss_that_is_not_finite_stops_with_epoch_step_and_advice():
    broken = MODEL._replace(
        losses=lambda logits, labels: jnp.where(labels == 3, jnp.nan, jnp.zeros(len(labels)))
    )
    with pytest.raises(UserError, match=r"loss is nan in epoch 1, step \d+ of 19.*learning_rate"):
        fitted(model=broken)


def test_a_validation_loss_that_is_not_finite_stops_too():
    # Training sees the losses of 16 images or fewer, validation those of 100.
    broken = MODEL._replace(
        losses=lambda logits, labels: jnp.full(len(labels), jnp.nan if len(labels) > 16 else 1.0)
    )
    with pytest.raises(UserError, match="validation loss is nan after epoch 1"):
        fitted(model=broken)


def test_weights_that_are_not_finite_after_the_last_step_stop_too():
    def value_and_grad(parameters, inputs, labels, key):
        value, gradients = MODEL.value_and_grad(parameters, inputs, labels, key)
        # Only the last batch, of 300 % 16 images, breaks one bias.
        wrong = jnp.nan if len(labels) == 300 % 16 else 0.0
        return value, (gradients[0], gradients[1]._replace(b=gradients[1].b + wrong))

    with pytest.raises(UserError, match=r"weights \[1\]\.b .* epoch 1, step 19 of 19"):
        fitted(model=MODEL._replace(value_and_grad=value_and_grad))
