"""The members of a model and its configuration, which training and inference rely on."""

from math import prod

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.config.model import Layer, ModelConfig, Variables
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.scratch.mlp import MLPConfig
from tests.compiling import quick_jit

MLP = MLPConfig((784, 8, 5, 10))
CONVNET = ConvNetConfig((Block(2, 3, 2), Block(3, 1)), hidden=(6,))
CONFIGS = pytest.mark.parametrize("config", [MLP, CONVNET], ids=["mlp", "convnet"])

KEY = jax.random.key(0)
TARGETS = jax.nn.one_hot(jnp.array([0, 9, 3, 3]), 10)


def inputs_of(config: ModelConfig) -> jax.Array:
    return jax.random.normal(jax.random.key(1), (len(TARGETS), *config.input_shape))


@CONFIGS
def test_an_equal_configuration_builds_the_same_object(config: ModelConfig) -> None:
    """Jitted programs take the model as a static argument."""
    model = config.build()
    assert evolve(config).build() is model  # pyright: ignore[reportArgumentType]
    assert hash(evolve(config).build()) == hash(model)  # pyright: ignore[reportArgumentType]


@CONFIGS
def test_shapes_are_those_that_the_configuration_states(config: ModelConfig) -> None:
    model, inputs = config.build(), inputs_of(config)
    variables = jax.eval_shape(model.init, KEY)
    assert isinstance(variables, Variables)
    assert variables.state == {}
    features = jax.eval_shape(model.features, variables, inputs)
    logits = jax.eval_shape(model.apply, variables, inputs)
    losses = jax.eval_shape(model.losses, logits, TARGETS)
    chex.assert_shape([features, logits, losses], [(4, config.features), (4, config.classes), (4,)])
    (loss, (trained_logits, state)), gradients = jax.eval_shape(
        model.value_and_grad, variables, inputs, TARGETS, KEY
    )
    chex.assert_shape([loss, trained_logits], [(), (4, config.classes)])
    assert state == {}
    chex.assert_trees_all_equal_shapes_and_dtypes(gradients, variables.parameters)


@CONFIGS
def test_the_gradient_is_that_of_the_mean_loss(config: ModelConfig) -> None:
    model, inputs = config.build(), inputs_of(config)
    variables = model.init(KEY)

    def mean_loss(parameters):
        logits = model.apply(Variables(parameters, variables.state), inputs)
        return model.losses(logits, TARGETS).mean(), logits

    (loss, (logits, _)), gradients = quick_jit(model.value_and_grad)(
        variables, inputs, TARGETS, KEY
    )
    expected = quick_jit(jax.value_and_grad(mean_loss, has_aux=True))(variables.parameters)
    chex.assert_trees_all_close(((loss, logits), gradients), expected, rtol=1e-4, atol=1e-6)


@CONFIGS
def test_features_end_before_the_last_layers(config: ModelConfig) -> None:
    layers, before = config.layers(), config.feature_layers()
    assert layers[: len(before)] == before
    assert 0 < len(before) < len(layers)
    assert prod(before[-1].output) == config.features
    assert layers[-1].output == (config.classes,)
    assert [layer.first for layer in layers] == [True] + [False] * (len(layers) - 1)
    variables = jax.eval_shape(config.build().init, KEY)
    count = sum(prod(leaf.shape) for leaf in jax.tree.leaves(variables.parameters))
    assert sum(layer.parameters for layer in layers) == count


@pytest.mark.parametrize("count", [0, 1, 3])
@CONFIGS
def test_any_number_of_inputs(config: ModelConfig, count: int) -> None:
    model = config.build()
    variables = jax.eval_shape(model.init, KEY)
    inputs = jax.ShapeDtypeStruct((count, *config.input_shape), np.float32)
    assert jax.eval_shape(model.apply, variables, inputs).shape == (count, config.classes)
    assert jax.eval_shape(model.features, variables, inputs).shape == (count, config.features)


def test_the_first_layer_is_a_picture_a_unit() -> None:
    variables = MLP.build().init(KEY)
    pictures = MLP.first_layer(variables)
    np.testing.assert_array_equal(
        pictures[5], np.asarray(variables.parameters[0].W)[:, 5].reshape(28, 28)
    )
    assert pictures.shape == (8, 28, 28)
    variables = CONVNET.build().init(KEY)
    pictures = CONVNET.first_layer(variables)
    kernel = np.asarray(variables.parameters["blocks"][0]["kernel"])
    np.testing.assert_array_equal(pictures[1], kernel[:, :, 0, 1])
    assert pictures.shape == (2, 3, 3)


def test_only_a_network_with_maps_has_feature_maps() -> None:
    assert MLP.feature_maps(MLP.build().init(KEY), inputs_of(MLP)) == ()
    variables, inputs = CONVNET.build().init(KEY), inputs_of(CONVNET)
    maps = CONVNET.feature_maps(variables, inputs)
    chex.assert_shape(maps, [(2, 7, 7, 4), (3, 3, 3, 4)])
    features = CONVNET.build().features(variables, inputs)
    np.testing.assert_allclose(maps[-1].reshape(27, 4).T, features, rtol=1e-5, atol=1e-6)


def test_the_operations_of_a_layer() -> None:
    layer = Layer("dense 2", (4,), 24, 20)
    assert (layer.flops, layer.training_flops) == (40, 120)
    assert layer._replace(first=True).training_flops == 80
