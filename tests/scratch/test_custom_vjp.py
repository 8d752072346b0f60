"""`jax.grad` through `custom_vjp.apply` runs the hand-written backward."""

from unittest import mock

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fmnist_jax.scratch import custom_vjp, mlp
from fmnist_jax.scratch.activations import GELU, RELU
from fmnist_jax.scratch.losses import one_hot
from fmnist_jax.scratch.mlp import Dense, MLPConfig
from tests.compiling import quick_jit
from tests.scratch.gradients import draw

CONFIG = MLPConfig((6, 5, 4, 3), (RELU, GELU), dropout=0.3)
X = draw((8, 6), "float32")
LABELS = jnp.array([0, 2, 1, 1, 0, 2, 2, 0], jnp.int32)
KEY = jax.random.key(7)

apply = custom_vjp.apply


def loss(apply, parameters, X, key=KEY):
    logits = apply(parameters, X, CONFIG, key)
    return optax.softmax_cross_entropy_with_integer_labels(logits, LABELS).mean()


def hand_written(parameters, X, key=KEY):
    return loss(apply, parameters, X, key)


def by_autodiff(parameters, X, key=KEY):
    return loss(lambda *arguments: mlp.forward(*arguments)[0], parameters, X, key)


@pytest.fixture(scope="module")
def parameters() -> mlp.Parameters:
    return mlp.init(jax.random.key(0), CONFIG)


def assert_close(found, expected) -> None:
    chex.assert_tree_all_finite(found)
    chex.assert_trees_all_equal_shapes_and_dtypes(found, expected)
    chex.assert_trees_all_close(found, expected, rtol=1e-5, atol=1e-6)


def test_logits_are_the_network_s(parameters: mlp.Parameters) -> None:
    logits, _ = quick_jit(mlp.forward, static_argnames="config")(parameters, X, CONFIG, KEY)

    found = quick_jit(apply, static_argnames="config")(parameters, X, CONFIG, KEY)
    np.testing.assert_allclose(found, logits, rtol=1e-6)


def test_gradient_is_the_hand_written_one(parameters: mlp.Parameters) -> None:
    gradient = quick_jit(mlp.value_and_grad, static_argnames="config")
    _, expected = gradient(parameters, X, one_hot(LABELS, 3), CONFIG, KEY)

    found = quick_jit(jax.grad(hand_written))(parameters, X)

    assert_close(found, expected)
    assert_close(found, quick_jit(jax.grad(by_autodiff))(parameters, X))


def test_gradient_without_dropout(parameters: mlp.Parameters) -> None:
    found = quick_jit(lambda p: jax.grad(hand_written)(p, X, None))(parameters)

    assert_close(found, quick_jit(lambda p: jax.grad(by_autodiff)(p, X, None))(parameters))


def test_gradient_of_the_inputs(parameters: mlp.Parameters) -> None:
    found = quick_jit(jax.grad(hand_written, argnums=1))(parameters, X)

    np.testing.assert_allclose(
        found, quick_jit(jax.grad(by_autodiff, argnums=1))(parameters, X), rtol=1e-5, atol=1e-6
    )


def test_autodiff_runs_backward_and_nothing_else(parameters: mlp.Parameters) -> None:
    marked = jax.tree.map(lambda p: jnp.full_like(p, 42.0), parameters)
    with mock.patch.object(mlp, "backward", return_value=(marked, jnp.zeros_like(X))):
        found = quick_jit(jax.grad(hand_written))(parameters, X)

    assert_close(found, marked)


def test_an_optax_step(parameters: mlp.Parameters) -> None:
    optimizer = optax.sgd(0.3, momentum=0.9)

    @quick_jit
    def train(parameters):
        def step(carry, _):
            parameters, state = carry
            value, gradients = jax.value_and_grad(hand_written)(parameters, X, None)
            updates, state = optimizer.update(gradients, state)
            return (optax.apply_updates(parameters, updates), state), value

        return jax.lax.scan(step, (parameters, optimizer.init(parameters)), length=30)

    (trained, _), losses = train(parameters)

    assert isinstance(trained[0], Dense)
    assert float(losses[-1]) < 0.5 * float(losses[0])


def test_vmap_over_parameters() -> None:
    keys = jax.random.split(KEY, 3)
    gradient = jax.grad(hand_written)
    networks = [mlp.init(key, CONFIG) for key in keys]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)

    together = quick_jit(jax.vmap(gradient, in_axes=(0, None)))(stacked, X)

    one_by_one = quick_jit(gradient)
    in_turn = [one_by_one(parameters, X) for parameters in networks]
    assert_close(together, jax.tree.map(lambda *leaves: jnp.stack(leaves), *in_turn))


def test_gradients_of_single_examples_by_vmap(parameters: mlp.Parameters) -> None:
    def example_loss(parameters, x, label):
        logits = apply(parameters, x[None], CONFIG)
        return optax.softmax_cross_entropy_with_integer_labels(logits, label[None]).sum()

    each = quick_jit(jax.vmap(jax.grad(example_loss), in_axes=(None, 0, 0)))(parameters, X, LABELS)

    mean = jax.tree.map(lambda dp: dp.mean(axis=0), each)
    assert_close(mean, quick_jit(lambda p: jax.grad(by_autodiff)(p, X, None))(parameters))


def test_forward_mode_is_refused(parameters: mlp.Parameters) -> None:
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lambda X: custom_vjp.apply(parameters, X, CONFIG), (X,), (X,))
