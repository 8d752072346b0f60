import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fmnist_jax.config.model import Model, Variables
from fmnist_jax.data.scaling import UNIT, Z_SCORE
from fmnist_jax.models.views import mirrored_views
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.step import (
    EVALUATION_BATCH,
    DeviceSplit,
    StepMetrics,
    Task,
    TrainState,
    evaluate,
    predict_features,
    predict_logits,
    put_on_device,
    train_epoch,
)
from tests.stateful import MOMENTUM, RunningMean

MODEL = MLPConfig((16, 8, 10)).build()
OPTIMIZER = optax.sgd(0.1)


def random_split(count: int, seed: int = 0) -> DeviceSplit:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 4, 4), np.uint8)
    return put_on_device(images, rng.integers(0, 10, count, np.int32), 10)


def first_state(model: Model = MODEL) -> TrainState:
    variables = model.init(jax.random.key(0))
    return TrainState(variables, OPTIMIZER.init(variables.parameters), jnp.int32(0), None)


def trained(
    data: DeviceSplit, batch_size: int, seed: int = 1, model: Model = MODEL
) -> tuple[TrainState, StepMetrics]:
    task = Task(model, UNIT, OPTIMIZER, batch_size)
    return train_epoch(first_state(model), jax.random.key(seed), data, {}, task)


def recording_model(seen: list) -> Model:
    """A model whose gradient records the images that it was given."""

    def value_and_grad(variables, inputs, targets, key):
        logits = jnp.zeros_like(targets)
        jax.debug.callback(
            lambda numbers, rows: seen.append((numbers.tolist(), rows.tolist())),
            targets.argmax(axis=-1),
            inputs[:, 0],
        )
        zeros = jax.tree.map(jnp.zeros_like, variables.parameters)
        return (jnp.zeros(()), (logits, variables.state)), zeros

    return MODEL._replace(value_and_grad=value_and_grad)


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (13, 4), (3, 8), (1, 1), (9, 8)])
def test_every_image_is_used_once_with_its_own_label(count: int, batch_size: int):
    seen: list = []
    numbers = np.arange(count)
    data = put_on_device(numbers.astype(np.uint8)[:, None], numbers.astype(np.int32), count)
    _, metrics = trained(data, batch_size, model=recording_model(seen))
    jax.block_until_ready(metrics)
    jax.effects_barrier()
    labels = [label for numbers, _ in seen for label in numbers]
    pixels = [round(row * 255) for _, rows in seen for row in rows]
    assert sorted(labels) == list(range(count))
    assert labels == pixels
    assert metrics.loss_sum.shape == (-(-count // batch_size),)


def test_the_order_depends_on_the_key_alone():
    data = random_split(64)
    (one, _), (same, _), (other, _) = trained(data, 8), trained(data, 8), trained(data, 8, seed=2)
    chex.assert_trees_all_equal(one, same)
    assert (one.variables.parameters[0].W != other.variables.parameters[0].W).any()


def test_an_epoch_of_one_batch_is_one_step_of_gradient_descent():
    data = random_split(20)
    state, metrics = trained(data, 20)
    variables = first_state().variables
    inputs = UNIT.apply({}, data.images)
    (loss, (logits, _)), gradients = MODEL.value_and_grad(
        variables, inputs, data.targets, jax.random.key(0)
    )
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, variables.parameters, gradients)
    chex.assert_trees_all_close(state.variables.parameters, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(metrics.loss_sum, [20 * loss], rtol=1e-5)
    np.testing.assert_array_equal(metrics.correct, [(logits.argmax(-1) == data.labels).sum()])


@pytest.mark.parametrize("count", [1, EVALUATION_BATCH, 2 * EVALUATION_BATCH + 1])
def test_inference_covers_every_image_whatever_the_batch(count: int):
    data, statistics = random_split(count), Z_SCORE.fit(np.asarray(random_split(50).images))
    variables = first_state().variables
    logits = predict_logits(variables, data.images, statistics, MODEL, Z_SCORE)
    inputs = Z_SCORE.apply(statistics, data.images)
    expected = MODEL.apply(variables, inputs)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    features = predict_features(variables, data.images, statistics, MODEL, Z_SCORE)
    wanted = MODEL.features(variables, inputs)
    np.testing.assert_allclose(features, wanted, rtol=1e-5, atol=1e-5)
    task = Task(MODEL, Z_SCORE, OPTIMIZER, batch_size=7)
    loss, correct = evaluate(variables, data, statistics, task)
    np.testing.assert_allclose(loss, MODEL.losses(expected, data.targets).mean(), rtol=1e-5)
    assert int(correct) == int((expected.argmax(-1) == data.labels).sum())


def test_evaluation_averages_logits_over_the_views():
    data, variables = random_split(11), first_state().variables
    flipped = data.images[:, :, ::-1]
    one, other = (
        predict_logits(variables, images, {}, MODEL, UNIT) for images in (data.images, flipped)
    )
    expected = MODEL.losses(0.5 * (one + other), data.targets).mean()
    task = Task(MODEL, UNIT, OPTIMIZER, 5, views=mirrored_views)
    loss, _ = evaluate(variables, data, {}, task)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_no_images_give_no_rows():
    variables, images = first_state().variables, random_split(0).images
    assert predict_logits(variables, images, {}, MODEL, UNIT).shape == (0, 10)
    assert predict_features(variables, images, {}, MODEL, UNIT).shape == (0, 8)


def test_a_step_updates_the_state_and_inference_uses_it():
    model = RunningMean().build()
    data = random_split(24)
    state, _ = trained(data, 8, model=model)
    found = state.variables.state
    assert found["steps"].item() == 3
    # Every batch moves the running mean, whatever the order: 1 - 0.9^3 of it comes from the images.
    assert np.ptp(found["mean"]) > 0
    whole = (1 - MOMENTUM**3) * UNIT.apply({}, data.images).reshape(24, -1).mean(0)
    np.testing.assert_allclose(found["mean"], whole, rtol=0.2)
    logits = predict_logits(state.variables, data.images, {}, model, UNIT)
    rows = np.asarray(UNIT.apply({}, data.images)).reshape(24, -1)
    expected = (rows - np.asarray(found["mean"])) @ np.asarray(state.variables.parameters["W"])
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    task = Task(model, UNIT, OPTIMIZER, 8)
    loss, _ = evaluate(state.variables, data, {}, task)
    np.testing.assert_allclose(loss, model.losses(logits, data.targets).mean(), rtol=1e-5)
    without = Variables(state.variables.parameters, model.init(jax.random.key(0)).state)
    assert not np.allclose(evaluate(without, data, {}, task)[0], loss)


def test_equal_settings_share_one_program_of_each_kind():
    chex.clear_trace_counter()
    model = MODEL._replace(
        apply=chex.assert_max_traces(MODEL.apply, n=2),  # of predict_logits, which evaluate calls
        value_and_grad=chex.assert_max_traces(MODEL.value_and_grad, n=1),
    )
    for seed in range(3):
        data = random_split(160, seed)
        state, _ = trained(data, 8, seed, model)
        predict_logits(state.variables, data.images, {}, model, UNIT)
        evaluate(state.variables, data, {}, Task(model, UNIT, OPTIMIZER, 8))
    with pytest.raises(AssertionError, match="traced > 1 times"):
        trained(random_split(88), 8, model=model)  # other shapes need another program
