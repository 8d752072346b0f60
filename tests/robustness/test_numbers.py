"""Float32 at its edges: extreme logits, NaN, one-class batches, incomplete batches, dead pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.config.model import Variables
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.scaling import SCALINGS, UNIT, Z_SCORE, Scaling
from fmnist_jax.ops.pooling import POOLINGS, Pooling
from fmnist_jax.scratch import losses as losses_module
from fmnist_jax.scratch.activations import ACTIVATIONS, Activation
from fmnist_jax.scratch.losses import LOSSES, SOFTMAX_CROSS_ENTROPY, Loss, one_hot
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import make_task, start
from fmnist_jax.training.optimizers import sgd
from fmnist_jax.training.step import evaluate, put_on_device, train_epoch

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal((6, 10))

LOGITS = {
    "ordinary": 3 * NOISE,
    "1e4": 1e4 * NOISE,
    "1e30": 1e30 * NOISE,
    "1e38": 1e38 * np.sign(NOISE),
    "1e-30": 1e-30 * NOISE,
    "equal": np.full((6, 10), 7.0),
    "equal and large": np.full((6, 10), -1e30),
    "nearly equal and large": 1e4 + NOISE,
    "one far above": np.where(np.arange(10) == 3, 1e4, NOISE),
    "one far below": np.where(np.arange(10) == 3, -1e30, NOISE),
}

LABELS = {
    "drawn": np.array([0, 9, 3, 3, 5, 1], np.int32),
    "one class": np.full(6, 3, np.int32),
}


def reference(Z: np.ndarray) -> np.ndarray:
    """log softmax in float64."""
    Z = Z - Z.max(axis=1, keepdims=True)
    return Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))


def loss_reference(Z: np.ndarray, labels: np.ndarray, twice: bool) -> np.ndarray:
    log_p = reference(np.exp(reference(Z))) if twice else reference(Z)
    return -np.take_along_axis(log_p, labels[:, None], 1)[:, 0]


def gradient_reference(Z: np.ndarray, labels: np.ndarray, twice: bool) -> np.ndarray:
    Y = np.eye(10)[labels]
    P = np.exp(reference(Z))
    if not twice:
        return (P - Y) / len(Z)
    dP = (np.exp(reference(P)) - Y) / len(Z)
    return P * (dP - (P * dP).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize("Z", LOGITS.values(), ids=LOGITS.keys())
@each_loss
def test_losses_and_gradients_are_those_of_float64(
    loss: Loss, Z: np.ndarray, labels: np.ndarray
) -> None:
    """Of the same logits, rounded to float32 beforehand."""
    single = Z.astype(np.float32)
    Z = single.astype(np.float64)
    twice = loss is not SOFTMAX_CROSS_ENTROPY
    found = np.asarray(jax.jit(loss.forward)(single, one_hot(labels, 10)))
    np.testing.assert_allclose(found, loss_reference(Z, labels, twice), rtol=2e-6, atol=1e-6)
    found = np.asarray(jax.jit(loss.backward)(single, one_hot(labels, 10)))
    np.testing.assert_allclose(found, gradient_reference(Z, labels, twice), rtol=1e-4, atol=1e-7)
    probabilities = np.asarray(losses_module.softmax(jnp.asarray(single)))
    np.testing.assert_allclose(probabilities, np.exp(reference(Z)), rtol=1e-5, atol=1e-37)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("size", [200.0, 1e4, 1e30])
def test_dead_on_labels_lose_nothing(size: float) -> None:
    targets = jnp.eye(10)
    sure = size * jnp.eye(10)
    assert (np.asarray(SOFTMAX_CROSS_ENTROPY.forward(sure, targets)) == 0).all()
    assert (np.asarray(SOFTMAX_CROSS_ENTROPY.backward(sure, targets)) == 0).all()


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
def test_no_activation_hides_nan(activation: Activation) -> None:
    Z = jnp.asarray([[-1.0, jnp.nan, 0.0, 2.0]])
    for forward in (activation.forward, jax.jit(activation.forward)):
        np.testing.assert_array_equal(np.isnan(forward(Z)), [[False, True, False, False]])
    dA = jnp.asarray([[1.0, jnp.nan, 1.0, 1.0]])
    finite = jnp.asarray([[-1.0, 1.0, 1.0, 2.0]])
    found = np.isnan(jax.jit(activation.backward)(dA, finite))
    np.testing.assert_array_equal(found, [[False, True, False, False]])


@pytest.mark.parametrize("pooling", POOLINGS.values(), ids=POOLINGS.keys())
def test_no_pooling_hides_nan(pooling: Pooling) -> None:
    maps = jnp.ones((1, 4, 4, 2)).at[0, 1, 0, 1].set(jnp.nan)  # channels, height, width, batch
    pooled = np.asarray(pooling.forward(maps))
    assert np.isnan(pooled[..., 1]).any()
    assert not np.isnan(pooled[..., 0]).any()


MODEL = MLPConfig((784, 6, 10)).build()


def split(count: int, classes: int = 10) -> Split:
    images = RNG.integers(0, 256, (count, 28, 28)).astype(np.uint8)
    return Split(images, (np.arange(count) % classes).astype(np.int32))


def losses_of(variables: Variables, data: Split, scaling: Scaling, statistics: dict) -> np.ndarray:
    """Of every image, in float64 from the logits on."""
    logits = MODEL.apply(variables, jnp.asarray(scaling.apply(statistics, data.images)))
    return loss_reference(np.asarray(logits, np.float64), data.labels, twice=False)


@pytest.mark.parametrize("count", [1, 17, 101, 200])
def test_a_split_of_any_size_is_measured_whole(count: int) -> None:
    """Batches of inference hold 100."""
    data = split(count)
    variables = MODEL.init(jax.random.key(0))
    task = make_task(MODEL, UNIT, TrainingConfig(), 1)
    loss, correct = evaluate(variables, put_on_device(*data, 10), {}, task)
    np.testing.assert_allclose(loss, losses_of(variables, data, UNIT, {}).mean(), rtol=1e-5)
    logits = MODEL.apply(variables, jnp.asarray(UNIT.apply({}, data.images)))
    assert int(correct) == int((np.asarray(logits).argmax(axis=1) == data.labels).sum())


@pytest.mark.parametrize(("count", "classes"), [(17, 10), (16, 10), (7, 10), (1, 10), (17, 1)])
def test_every_image_counts_once_whatever_is_left_over(count: int, classes: int) -> None:
    """17 leaves a batch of one image; a rate of 0 leaves the weights, so the losses are known."""
    data = split(count, classes)
    config = TrainingConfig(epochs=1, batch_size=8, optimizer=sgd, learning_rate=1e-30)
    steps = -(-count // 8)
    task = make_task(MODEL, UNIT, config, count)
    state = start(task, config).train
    expected = losses_of(state.variables, data, UNIT, {})
    device_split = put_on_device(*data, 10)
    _, metrics = train_epoch(state, jax.random.key(1), device_split, {}, task)
    assert metrics.loss_sum.shape == (steps,)
    np.testing.assert_allclose(metrics.loss_sum.sum(), expected.sum(), rtol=1e-5)


def test_pixels_that_never_vary_stay_bounded() -> None:
    """All black, all one grey, one image alone: the deviation is 0 there."""
    drawn = split(20).images
    drawn[:, :14] = 0
    drawn[:, 14:20] = 201
    for images in (drawn, drawn[:1], np.zeros_like(drawn), np.full_like(drawn, 255)):
        statistics = Z_SCORE.fit(images)
        scaled = np.asarray(jax.jit(Z_SCORE.apply)(statistics, images))
        varying = images.std(axis=0) > 0
        assert (np.abs(scaled[:, ~varying]) < 1e-6).all()
        reference = images.astype(np.float64)
        deviation = np.where(varying, reference.std(axis=0), 255)
        expected = (reference - reference.mean(axis=0)) / deviation
        np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-5)
        # An image that does vary there is off by no more than its grey levels are.
        other = np.asarray(Z_SCORE.apply(statistics, 255 - images))
        assert np.abs(other[:, ~varying]).max(initial=0) <= 1


@pytest.mark.parametrize("scaling", SCALINGS.values(), ids=SCALINGS.keys())
def test_a_training_on_one_image_stays_finite(scaling: Scaling) -> None:
    """One image, one class, one black picture: whatever a user's own folder holds."""
    data = Split(np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.int32))
    config = TrainingConfig(epochs=1, batch_size=8, optimizer=sgd, learning_rate=0.1)
    task = make_task(MODEL, scaling, config, 1)
    state, metrics = train_epoch(
        start(task, config).train,
        jax.random.key(1),
        put_on_device(*data, 10),
        scaling.fit(data.images),
        task,
    )
    for leaf in jax.tree.leaves((state.variables, metrics)):
        assert np.isfinite(leaf).all()
