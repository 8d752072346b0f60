import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from fmnist_jax.models.base import Model, scratch_mlp

from fmnist_jax.data.scaling import UNIT, Z_SCORE
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.step import (
    EVALUATION_BATCH,
    DeviceSplit,
    TrainState,
    evaluate,
    predict_logits,
    train_epoch,
)

MODEL = scratch_mlp(MLPConfig((16, 8, 10)))
OPTIMIZER = optax.sgd(0.1)


def made(count: int, seed: int = 0) -> DeviceSplit:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 4, 4), np.uint8)
    return DeviceSplit(jnp.asarray(images), jnp.asarray(rng.integers(0, 10, count, np.int32)))


def started(model: Model = MODEL) -> TrainState:
    parameters = model.init(jax.random.key(0))
    return TrainState(parameters, OPTIMIZER.init(parameters))


def trained(data: DeviceSplit, batch_size: int, seed: int = 1):
    return train_epoch(
        started(),
        jax.random.key(seed),
        data,
        {},
        model=MODEL,
        scaling=UNIT,
        optimizer=OPTIMIZER,
        batch_size=batch_size,
    )


def counting_model(seen: list) -> Model:
    """A model whose gradient tells which images it was given."""

    def value_and_grad(parameters, inputs, labels, key):
        logits = jnp.zeros((len(labels), 10))
        jax.debug.callback(
            lambda numbers, rows: seen.append((numbers.tolist(), rows.tolist())),
            labels,
            inputs[:, 0],
        )
        return (jnp.zeros(()), logits), jax.tree.map(jnp.zeros_like, parameters)

    return MODEL._replace(value_and_grad=value_and_grad)


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (13, 4), (3, 8), (1, 1), (9, 8)])
def test_every_image_is_seen_once_with_its_own_label(count: int, batch_size: int):
    seen: list = []
    data = DeviceSplit(
        jnp.arange(count, dtype=jnp.uint8)[:, None], jnp.arange(count, dtype=jnp.int32)
    )
    _, metrics = train_epoch(
        started(),
        jax.random.key(0),
        data,
        {},
        model=counting_model(seen),
        scaling=UNIT,
        optimizer=OPTIMIZER,
        batch_size=batch_size,
    )
    jax.block_until_ready(metrics)
    jax.effects_barrier()
    labels = [label for numbers, _ in seen for label in numbers]
    pixels = [round(row * 255) for _, rows in seen for row in rows]
    assert sorted(labels) == list(range(count))
    assert labels == pixels
    assert metrics.loss_sum.shape == (-(-count // batch_size),)


def test_the_order_depends_on_the_key_alone():
    data = made(64)
    (one, _), (same, _), (other, _) = trained(data, 8), trained(data, 8), trained(data, 8, seed=2)
    np.testing.assert_array_equal(one.parameters[0].W, same.parameters[0].W)
    assert (one.parameters[0].W != other.parameters[0].W).any()


def test_an_epoch_of_one_batch_is_one_step_of_gradient_descent():
    data = made(20)
    state, metrics = trained(data, 20)
    parameters = started().parameters
    inputs = UNIT.apply({}, data.images)
    (loss, logits), gradients = MODEL.value_and_grad(
        parameters, inputs, data.labels, jax.random.key(0)
    )
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, parameters, gradients)
    for leaf, wanted in zip(
        jax.tree.leaves(state.parameters), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(leaf, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(metrics.loss_sum, [20 * loss], rtol=1e-5)
    np.testing.assert_array_equal(metrics.correct, [(logits.argmax(-1) == data.labels).sum()])


@pytest.mark.parametrize("count", [1, 999, EVALUATION_BATCH, 2 * EVALUATION_BATCH + 1])
def test_inference_covers_every_image_whatever_the_batch(count: int):
    data, statistics = made(count), Z_SCORE.fit(np.asarray(made(50).images))
    parameters = started().parameters
    logits = predict_logits(parameters, data.images, statistics, model=MODEL, scaling=Z_SCORE)
    expected = MODEL.apply(parameters, Z_SCORE.apply(statistics, data.images))
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    loss, correct = evaluate(parameters, data, statistics, model=MODEL, scaling=Z_SCORE)
    np.testing.assert_allclose(loss, MODEL.losses(expected, data.labels).mean(), rtol=1e-5)
    assert int(correct) == int((expected.argmax(-1) == data.labels).sum())


def test_no_images_give_no_rows():
    parameters = MODEL.init(jax.random.key(0))
    logits = predict_logits(parameters, made(0).images, {}, model=MODEL, scaling=UNIT)
    assert logits.shape == (0, 10)
