import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.models.base import flatten, scratch_mlp
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.activations import TANH
from fmnist_jax.scratch.mlp import MLPConfig

CONFIG = MLPConfig(layer_sizes=(12, 5, 3), activations=(TANH,), dropout=0.5, l2=0.1)


def batch() -> tuple[jax.Array, jax.Array]:
    inputs = jax.random.normal(jax.random.key(1), (4, 3, 4))
    return inputs, jnp.array([0, 2, 1, 2])


def test_an_equal_configuration_gives_the_same_object() -> None:
    """Jitted programs take the model as a static argument."""
    again = MLPConfig(layer_sizes=(12, 5, 3), activations=(TANH,), dropout=0.5, l2=0.1)
    assert scratch_mlp(again) is scratch_mlp(CONFIG)
    assert scratch_mlp(MLPConfig(layer_sizes=(12, 5, 3))) is not scratch_mlp(CONFIG)
    assert hash(scratch_mlp(CONFIG)) == hash(scratch_mlp(again))


def test_init_draws_the_configured_layers() -> None:
    parameters = scratch_mlp(CONFIG).init(jax.random.key(0))
    assert [(layer.W.shape, layer.b.shape) for layer in parameters] == [
        ((12, 5), (5,)),
        ((5, 3), (3,)),
    ]


def test_apply_takes_images_and_drops_nothing() -> None:
    model = scratch_mlp(CONFIG)
    parameters, (inputs, _) = model.init(jax.random.key(0)), batch()
    first, second = jax.tree.map(np.asarray, parameters)
    rows = np.asarray(inputs).reshape(4, 12)
    expected = np.tanh(rows @ first.W + first.b) @ second.W + second.b
    np.testing.assert_allclose(model.apply(parameters, inputs), expected, rtol=1e-5, atol=1e-6)


def test_losses_are_one_an_example_and_without_penalty() -> None:
    model = scratch_mlp(CONFIG)
    parameters, (inputs, labels) = model.init(jax.random.key(0)), batch()
    logits = model.apply(parameters, inputs)
    losses = model.losses(logits, labels)
    assert losses.shape == (4,)
    expected = -jax.nn.log_softmax(logits)[jnp.arange(4), labels]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


def test_value_and_grad_is_that_of_the_flattened_images_with_dropout() -> None:
    model = scratch_mlp(CONFIG)
    parameters, (inputs, labels) = model.init(jax.random.key(0)), batch()

    def objective(parameters, key):
        return mlp.objective(parameters, flatten(inputs), labels, CONFIG, key)

    for seed in (5, 6):
        key = jax.random.key(seed)
        (loss, logits), gradients = model.value_and_grad(parameters, inputs, labels, key)
        (expected_loss, expected_logits), expected = jax.value_and_grad(objective, has_aux=True)(
            parameters, key
        )
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
        np.testing.assert_array_equal(logits, expected_logits)
        assert jax.tree.structure(gradients) == jax.tree.structure(parameters)
        jax.tree.map(
            lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6),
            gradients,
            expected,
        )
    assert not np.array_equal(logits, model.apply(parameters, inputs))


def test_flatten_keeps_each_example_in_a_row() -> None:
    images = jnp.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(flatten(images), np.arange(24).reshape(2, 12))
    assert flatten(images[0]).shape == (3, 4)
