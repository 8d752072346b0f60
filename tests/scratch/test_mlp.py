"""The scratch MLP: against plain NumPy, against `jax.grad`, and under JAX's transformations."""

from collections.abc import Callable
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.activations import LEAKY_RELU, RELU, TANH
from fmnist_jax.scratch.batch_norm import Moments
from fmnist_jax.scratch.dense import Dense
from fmnist_jax.scratch.losses import SOFTMAX_TWICE, one_hot
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.scratch.normalised_dense import NormalisedDense
from tests.compiling import quick_jit
from tests.scratch.reported import REPORTED

CONFIG = MLPConfig((6, 5, 4, 3), (RELU, TANH), dropout=0.3, l2=0.05)
X = np.random.default_rng(0).standard_normal((8, 6), np.float32)
LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 0])
TARGETS = np.eye(3, dtype=np.float32)[LABELS]
KEY = jax.random.key(7)

forward = quick_jit(mlp.forward, static_argnames="config")
value_and_grad = quick_jit(mlp.value_and_grad, static_argnames="config")
AUTODIFF = jax.value_and_grad(mlp.objective, has_aux=True)
by_autodiff = quick_jit(AUTODIFF, static_argnames="config")


def assert_trees_close(found, expected, **tolerance) -> None:
    chex.assert_trees_all_equal_shapes_and_dtypes(found, expected)
    chex.assert_trees_all_close(found, expected, **tolerance)


@pytest.fixture(scope="module")
def parameters() -> mlp.Parameters:
    return mlp.init(jax.random.key(0), CONFIG)


# --- forward


def numpy_forward(parameters, X, masks):
    """Relu, then tanh, in NumPy's float64."""
    (W1, b1), (W2, b2), (W3, b3) = jax.tree.map(partial(np.asarray, dtype=np.float64), parameters)
    Z1 = X @ W1 + b1
    A1 = np.where(Z1 > 0, Z1, 0) * masks[0]
    A2 = np.tanh(A1 @ W2 + b2) * masks[1]
    return A2 @ W3 + b3


def test_forward_without_a_key_drops_nothing(parameters: mlp.Parameters) -> None:
    expected = numpy_forward(parameters, X.astype(np.float64), (1, 1))
    with jax.enable_x64(True):
        parameters64 = jax.tree.map(lambda p: p.astype(jnp.float64), parameters)
        logits, cache = forward(parameters64, jnp.asarray(X, jnp.float64), CONFIG)

    np.testing.assert_allclose(logits, expected, rtol=1e-12)
    assert cache.masks == ()


def test_forward_with_a_key_applies_the_cached_masks(parameters: mlp.Parameters) -> None:
    logits, cache = forward(parameters, jnp.asarray(X), CONFIG, KEY)

    masks = [np.asarray(mask, np.float64) for mask in cache.masks]
    np.testing.assert_allclose(logits, numpy_forward(parameters, X, masks), rtol=1e-5, atol=1e-5)
    assert [mask.shape for mask in masks] == [(8, 5), (8, 4)]
    assert all((mask == 0).any() and (mask > 1).any() for mask in masks)


def test_cache_holds_what_each_layer_saw(parameters: mlp.Parameters) -> None:
    logits, cache = forward(parameters, jnp.asarray(X), CONFIG, KEY)

    np.testing.assert_array_equal(cache.A[0], X)
    for A, Z, layer in zip(cache.A, (*cache.Z, logits), parameters, strict=True):
        assert isinstance(layer, Dense)
        np.testing.assert_allclose(A @ layer.W + layer.b[None], Z, rtol=1e-5, atol=1e-6)


def test_layers_draw_different_masks() -> None:
    config = MLPConfig((6, 50, 50, 3), dropout=0.5)
    _, cache = forward(mlp.init(KEY, config), jnp.asarray(X), config, KEY)

    assert (cache.masks[0] != cache.masks[1]).any()


def test_dropout_may_be_of_the_first_layers_only() -> None:
    config = MLPConfig((6, 50, 50, 3), dropout=0.5, dropout_layers=1)
    parameters = mlp.init(KEY, config)

    _, cache = forward(parameters, jnp.asarray(X), config, KEY)
    _, of_all = forward(parameters, jnp.asarray(X), evolve(config, dropout_layers=None), KEY)

    assert len(cache.masks) == 1
    np.testing.assert_array_equal(cache.masks[0], of_all.masks[0])


def test_a_network_without_hidden_layers_is_linear() -> None:
    config = MLPConfig((6, 3))
    (layer,) = parameters = mlp.init(KEY, config)

    logits, _ = forward(parameters, jnp.asarray(X), config)

    np.testing.assert_allclose(logits, X @ np.asarray(layer.W), rtol=1e-5, atol=1e-6)


def test_init_draws_each_layer_from_its_own_key() -> None:
    first, second = mlp.init(KEY, MLPConfig((4, 4, 4)))

    assert [layer.W.shape for layer in mlp.init(KEY, CONFIG)] == [(6, 5), (5, 4), (4, 3)]
    assert (first.W != second.W).all()


def normalised(Z, gamma, beta, mean, variance):
    return gamma * (Z - mean) / np.sqrt(variance + 1e-5) + beta


def test_batch_normalisation_stands_between_product_and_activation() -> None:
    config = MLPConfig((6, 5, 3), (TANH,), batch_norm=True)
    hidden, last = mlp.init(KEY, config)
    assert isinstance(hidden, NormalisedDense)
    assert isinstance(last, Dense)
    np.testing.assert_array_equal(hidden.gamma, np.ones(5))
    np.testing.assert_array_equal(hidden.beta, np.zeros(5))
    rng = np.random.default_rng(1)
    gamma, beta = rng.standard_normal((2, 5)).astype(np.float32)
    parameters = hidden._replace(gamma=jnp.asarray(gamma), beta=jnp.asarray(beta)), last
    Z = X @ np.asarray(hidden.W)
    running = Moments(jnp.full(5, 0.5), jnp.full(5, 4.0))

    found, cache = forward(parameters, jnp.asarray(X), config)
    inferred, _ = forward(parameters, jnp.asarray(X), config, running=(running,))

    for logits, (mean, variance) in (
        (found, (Z.mean(axis=0), Z.var(axis=0))),
        (inferred, (np.float32(0.5), np.float32(4))),
    ):
        A = np.tanh(normalised(Z, gamma, beta, mean, variance))
        np.testing.assert_allclose(
            logits, A @ np.asarray(last.W) + np.asarray(last.b), rtol=1e-4, atol=1e-5
        )
    np.testing.assert_allclose(cache.moments[0].mean, Z.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cache.moments[0].variance, Z.var(axis=0), rtol=1e-4)


# --- objective and gradient


def test_objective_is_the_mean_loss_plus_half_c_w_squared(parameters: mlp.Parameters) -> None:
    logits = numpy_forward(parameters, X, (1, 1))
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    penalty = 0.05 / 2 * sum(float((np.asarray(W, np.float64) ** 2).sum()) for W, *_ in parameters)
    expected = -log_probabilities[np.arange(8), LABELS].mean() + penalty

    objective = quick_jit(mlp.objective, static_argnames="config")
    value, _ = objective(parameters, jnp.asarray(X), jnp.asarray(TARGETS), CONFIG)

    np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("config", "batch"),
    [
        (CONFIG, 8),
        (CONFIG, 1),
        (evolve(CONFIG, loss=SOFTMAX_TWICE, dropout=0.0, l2=0.0), 8),
        (MLPConfig((6, 3), l2=0.1), 8),
        (evolve(CONFIG, dropout_layers=1), 8),
        (evolve(CONFIG, batch_norm=True), 8),
    ],
    ids=["all of it", "one image", "softmax twice", "no hidden layer", "dropout first", "norm"],
)
@pytest.mark.parametrize("gradient", [value_and_grad, mlp.value_and_grad], ids=["jit", "eager"])
def test_value_and_grad_has_the_shape_and_values_of_jax_s(
    gradient: Callable, config: MLPConfig, batch: int
) -> None:
    parameters = mlp.init(jax.random.key(1), config)
    arguments = parameters, jnp.asarray(X[:batch]), jnp.asarray(TARGETS[:batch]), config, KEY

    found, expected = gradient(*arguments), by_autodiff(*arguments)

    chex.assert_tree_all_finite(found)
    assert_trees_close(found, expected, rtol=2e-5, atol=1e-6)
    assert jax.tree.structure(found[1]) == jax.tree.structure(parameters)


def test_backward_gives_the_gradient_of_the_inputs(parameters: mlp.Parameters) -> None:
    @quick_jit
    def both(parameters, X, dlogits):
        _, cache = mlp.forward(parameters, X, CONFIG, KEY)
        _, pullback = jax.vjp(lambda X: mlp.forward(parameters, X, CONFIG, KEY)[0], X)
        return mlp.backward(dlogits, parameters, cache, CONFIG)[1], pullback(dlogits)[0]

    dX, expected = both(parameters, jnp.asarray(X), jax.random.normal(KEY, (8, 3)))

    np.testing.assert_allclose(dX, expected, rtol=1e-5, atol=1e-6)


def ten_steps(parameters, batch, keys, learning_rate, config, gradient):
    def step(parameters, key):
        (value, _), gradients = gradient(parameters, *batch, config, key)
        stepped = jax.tree.map(lambda p, dp: p - learning_rate * dp, parameters, gradients)
        return stepped, value

    return jax.lax.scan(step, parameters, keys)


TEN_STEPS = REPORTED | {
    "regularised": (CONFIG, 0.1),
    "plain": (MLPConfig((6, 5, 3), (LEAKY_RELU,)), 0.1),
    "normalised": (evolve(CONFIG, batch_norm=True), 0.1),
}


@pytest.mark.parametrize(("config", "learning_rate"), TEN_STEPS.values(), ids=TEN_STEPS.keys())
def test_ten_sgd_steps_with_either_gradient_give_the_same_losses(
    config: MLPConfig, learning_rate: float
) -> None:
    rng = np.random.default_rng(1)
    X = jnp.asarray(rng.standard_normal((16, config.layer_sizes[0]), np.float32))
    classes = config.layer_sizes[-1]
    targets = one_hot(rng.integers(classes, size=16, dtype=np.int32), classes)
    start = mlp.init(jax.random.key(2), config), (X, targets), jax.random.split(KEY, 10)

    steps = quick_jit(ten_steps, static_argnames=("config", "gradient"))
    hand_written, losses = steps(*start, learning_rate, config, mlp.value_and_grad)
    autodiff, expected = steps(*start, learning_rate, config, AUTODIFF)

    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    assert_trees_close(hand_written, autodiff, rtol=1e-5, atol=1e-6)
    assert (losses != losses[0]).sum() == 9


# --- JAX's transformations


def test_equal_configurations_share_one_compiled_program(parameters: mlp.Parameters) -> None:
    step = quick_jit(chex.assert_max_traces(mlp.value_and_grad, n=1), static_argnames="config")

    for config in (CONFIG, evolve(CONFIG)):
        step(parameters, jnp.asarray(X), jnp.asarray(TARGETS), config, KEY)


def test_vmap_over_seeds_agrees_with_seeds_in_turn() -> None:
    keys = jax.random.split(KEY, 3)
    steps = jax.random.split(KEY, 2)

    def train(key):
        return ten_steps(
            mlp.init(key, CONFIG),
            (jnp.asarray(X), jnp.asarray(TARGETS)),
            steps,
            0.1,
            CONFIG,
            mlp.value_and_grad,
        )

    together = quick_jit(jax.vmap(train))(keys)
    alone = quick_jit(train)
    in_turn = [alone(key) for key in keys]

    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *in_turn)
    assert_trees_close(together, stacked, rtol=1e-5, atol=1e-6)
    assert len(np.unique(together[1])) == 6


def test_donated_parameters_are_updated_in_place() -> None:
    @partial(quick_jit, donate_argnums=0)
    def step(parameters, X, targets):
        _, gradients = mlp.value_and_grad(parameters, X, targets, CONFIG)
        return jax.tree.map(lambda p, dp: p - 0.1 * dp, parameters, gradients)

    donated = mlp.init(KEY, CONFIG)
    stepped = step(donated, jnp.asarray(X), jnp.asarray(TARGETS))

    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(donated))
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(stepped))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["float32", "float64"])
def test_everything_keeps_the_dtype_of_the_parameters(dtype) -> None:
    with jax.enable_x64(True):
        parameters = mlp.init(KEY, CONFIG, dtype)
        value, gradients = value_and_grad(
            parameters, jnp.asarray(X, dtype), jnp.asarray(TARGETS, dtype), CONFIG, KEY
        )

    assert {leaf.dtype for leaf in jax.tree.leaves((parameters, value, gradients))} == {
        jnp.dtype(dtype)
    }
