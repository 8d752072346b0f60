"""The MLP as a `Model`: what training and inference receive, and how its layers are counted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve
from chex import assert_trees_all_close, assert_trees_all_equal

from fmnist_jax.config.model import Layer, ModelConfig
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.activations import RELU, TANH
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.scratch.model import flatten
from tests.compiling import quick_jit

KEY = jax.random.key(7)
by_autodiff = quick_jit(jax.value_and_grad(mlp.objective, has_aux=True), static_argnames="config")

SMALL = MLPConfig((12, 5, 4, 3), (TANH, RELU), dropout=0.5, l2=0.1)
IMAGES = np.random.default_rng(3).standard_normal((4, 3, 4), np.float32)
IMAGE_LABELS = np.array([0, 2, 1, 2])
TARGETS = np.eye(3, dtype=np.float32)[IMAGE_LABELS]


def test_a_model_config_describes_inputs_features_and_classes() -> None:
    config: ModelConfig = SMALL

    assert (config.input_shape, config.features, config.classes) == ((12,), 4, 3)
    assert (MLPConfig((6, 3)).input_shape, MLPConfig((6, 3)).features) == ((6,), 6)


def test_an_equal_configuration_builds_the_same_object() -> None:
    """Jitted programs take the model as a static argument."""
    again = MLPConfig((12, 5, 4, 3), (TANH, RELU), dropout=0.5, l2=0.1)

    assert again.build() is SMALL.build()
    assert hash(again.build()) == hash(SMALL.build())
    assert MLPConfig((12, 5, 3)).build() is not SMALL.build()


def test_the_model_starts_from_the_network_s_parameters_and_an_empty_state() -> None:
    variables = SMALL.build().init(KEY)

    assert_trees_all_equal(variables.parameters, mlp.init(KEY, SMALL))
    assert variables.state == {}


def test_the_model_takes_images_and_drops_nothing_in_inference() -> None:
    model = SMALL.build()
    variables = model.init(KEY)
    (W1, b1), (W2, b2), (W3, b3) = jax.tree.map(np.asarray, variables.parameters)
    A2 = np.maximum(np.tanh(IMAGES.reshape(4, 12) @ W1 + b1) @ W2 + b2, 0)

    features = model.features(variables, jnp.asarray(IMAGES))
    logits = model.apply(variables, jnp.asarray(IMAGES))

    np.testing.assert_allclose(features, A2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logits, A2 @ W3 + b3, rtol=1e-5, atol=1e-6)


def test_without_hidden_layers_the_features_are_the_inputs() -> None:
    model = MLPConfig((12, 3)).build()

    features = model.features(model.init(KEY), jnp.asarray(IMAGES))

    np.testing.assert_array_equal(features, IMAGES.reshape(4, 12))


def test_the_model_s_losses_are_one_an_example_without_the_penalty() -> None:
    model = SMALL.build()
    logits = model.apply(model.init(KEY), jnp.asarray(IMAGES))

    losses = model.losses(logits, jnp.asarray(TARGETS))

    expected = -jax.nn.log_softmax(logits)[jnp.arange(4), IMAGE_LABELS]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


def test_the_model_s_gradient_is_that_of_the_flattened_images_with_dropout() -> None:
    model = SMALL.build()
    variables, targets = model.init(KEY), jnp.asarray(TARGETS)
    rows = jnp.asarray(IMAGES.reshape(4, 12))
    gradient = quick_jit(model.value_and_grad)

    for seed in (5, 6):
        key = jax.random.key(seed)
        (loss, (logits, state)), gradients = gradient(variables, jnp.asarray(IMAGES), targets, key)
        (wanted, wanted_logits), expected = by_autodiff(
            variables.parameters, rows, targets, SMALL, key
        )
        np.testing.assert_allclose(loss, wanted, rtol=1e-6)
        np.testing.assert_allclose(logits, wanted_logits, rtol=1e-5)
        assert state == {}
        assert_trees_all_close(gradients, expected, rtol=1e-5, atol=1e-6)
        assert not np.allclose(logits, model.apply(variables, jnp.asarray(IMAGES)))


def test_the_state_follows_the_moments_of_the_batches_and_inference_uses_it() -> None:
    config = MLPConfig((12, 5, 4, 3), batch_norm=True)
    model = config.build()
    variables, targets = model.init(KEY), jnp.asarray(TARGETS)
    images = jnp.asarray(IMAGES)
    _, cache = mlp.forward(variables.parameters, images.reshape(4, 12), config)

    (_, (trained, state)), _ = quick_jit(model.value_and_grad)(variables, images, targets, KEY)

    assert jax.tree.structure(state) == jax.tree.structure(variables.state)
    for before, batch, after in zip(variables.state, cache.moments, state, strict=True):
        np.testing.assert_array_equal(before.mean, np.zeros_like(batch.mean))
        np.testing.assert_array_equal(before.variance, np.ones_like(batch.variance))
        assert_trees_all_close(after.mean, 0.1 * batch.mean, rtol=1e-5, atol=1e-7)
        assert_trees_all_close(after.variance, 0.9 + 0.1 * batch.variance, rtol=1e-5)
    # With the moments of this very batch, inference gives what training did; one image suffices.
    inferred = model.apply(variables._replace(state=cache.moments), images)
    assert_trees_all_close(inferred, trained, rtol=1e-4, atol=1e-5)
    alone = model.apply(variables._replace(state=cache.moments), images[:1])
    assert_trees_all_close(alone, inferred[:1], rtol=1e-4, atol=1e-5)
    assert not np.allclose(model.apply(variables._replace(state=state), images), trained)


# --- layers


def test_layers_counted_manually() -> None:
    layers = MLPConfig((784, 128, 10)).layers()

    assert layers == (
        Layer("dense 1", (128,), 100_480, 100_352, first=True),
        Layer("dense 2", (10,), 1_290, 1_280),
    )
    assert [layer.flops for layer in layers] == [200_704, 2_560]
    assert [layer.training_flops for layer in layers] == [2 * 200_704, 3 * 2_560]
    assert MLPConfig((784, 128, 10)).feature_layers() == layers[:1]
    assert MLPConfig((784, 10)).feature_layers() == ()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_layers_count_the_parameters_drawn(batch_norm: bool) -> None:
    config = evolve(SMALL, batch_norm=batch_norm)
    drawn = jax.eval_shape(lambda: mlp.init(KEY, config))

    counted = [layer.parameters for layer in config.layers()]
    assert counted == [sum(leaf.size for leaf in layer) for layer in drawn]


def test_training_flops_are_what_xla_counts() -> None:
    config, batch = MLPConfig((784, 400, 250, 100, 10)), 64
    model = config.build()
    variables, key = jax.eval_shape(lambda: model.init(jax.random.key(0))), jax.random.key(0)
    inputs = jax.ShapeDtypeStruct((batch, 784), np.float32)
    targets = jax.ShapeDtypeStruct((batch, 10), np.float32)
    forward = jax.jit(model.apply).lower(variables, inputs).cost_analysis()
    step = jax.jit(model.value_and_grad).lower(variables, inputs, targets, key).cost_analysis()

    # Biases, activations, losses and sums over the batch add a little.
    assert forward is not None
    assert step is not None
    flops = sum(layer.flops for layer in config.layers())
    training_flops = sum(layer.training_flops for layer in config.layers())
    assert forward["flops"] / batch == pytest.approx(flops, rel=0.01)
    assert step["flops"] / batch == pytest.approx(training_flops, rel=0.02)


def test_flatten_keeps_each_example_in_a_row() -> None:
    images = jnp.arange(24.0).reshape(2, 3, 4)

    np.testing.assert_array_equal(flatten(images), np.arange(24).reshape(2, 12))
    assert flatten(images[0]).shape == (3, 4)
