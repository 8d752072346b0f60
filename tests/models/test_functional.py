"""A Flax network as pure functions on a plain pytree."""

import re
import subprocess
import sys
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from attrs import evolve

import fmnist_jax
from fmnist_jax.config.model import Variables
from fmnist_jax.models import functional
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.convnet import ConvNet
from fmnist_jax.ops.pooling import AVERAGE, NONE
from fmnist_jax.scratch.activations import TANH
from fmnist_jax.scratch.losses import SOFTMAX_TWICE, one_hot
from tests.compiling import quick_jit

CONFIG = ConvNetConfig((Block(2, 3), Block(3, 2)), hidden=(6,))
KEY = jax.random.key(5)


def batch() -> tuple[jax.Array, jax.Array]:
    images = jax.random.normal(jax.random.key(1), (4, 28, 28))
    return images, one_hot(jnp.array([0, 2, 9, 2]), 10)


MODEL = functional.build(CONFIG)


@pytest.fixture(scope="module")
def variables() -> Variables:
    return MODEL.init(KEY)


def test_another_configuration_gives_another_object() -> None:
    assert functional.build(evolve(CONFIG)) is MODEL
    assert functional.build(evolve(CONFIG, hidden=(7,))) is not MODEL


def test_parameters_are_plain_dicts_of_float32(variables: Variables) -> None:
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), variables.parameters)
    assert shapes == {
        "blocks": {
            0: {"kernel": ((3, 3, 1, 2), "float32"), "bias": ((2,), "float32")},
            1: {"kernel": ((2, 2, 2, 3), "float32"), "bias": ((3,), "float32")},
        },
        "dense": {
            0: {"kernel": ((147, 6), "float32"), "bias": ((6,), "float32")},
            1: {"kernel": ((6, 10), "float32"), "bias": ((10,), "float32")},
        },
    }
    assert variables.state == {}
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(variables))


def test_the_key_decides(variables: Variables) -> None:
    chex.assert_trees_all_equal(MODEL.init(KEY), variables)
    other = MODEL.init(jax.random.key(6)).parameters
    assert not (other["blocks"][0]["kernel"] == variables.parameters["blocks"][0]["kernel"]).any()


def test_init_has_shapes_without_being_run(variables: Variables) -> None:
    """As a checkpoint needs them."""
    shapes = jax.eval_shape(MODEL.init, KEY)
    chex.assert_trees_all_equal_shapes_and_dtypes(shapes, variables)


def test_the_functions_are_the_modules_methods(variables: Variables) -> None:
    network, (images, _) = ConvNet(CONFIG, KEY), batch()
    expected = quick_jit(
        lambda images: (network(images), network.features(images), network.maps(images))
    )(images)
    found = quick_jit(
        lambda variables, images: (
            MODEL.apply(variables, images),
            MODEL.features(variables, images),
            functional.maps(variables, images, CONFIG),
        )
    )(variables, images)
    assert found[1].shape == (4, CONFIG.features)
    chex.assert_trees_all_close(found, expected, rtol=1e-5, atol=1e-6)


def test_images_do_not_influence_each_other(variables: Variables) -> None:
    images, _ = batch()
    features = quick_jit(MODEL.features)
    together = features(variables, images)
    alone = jnp.concatenate([features(variables, image[None]) for image in images])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("twice", [False, True])
def test_value_and_grad_is_that_of_the_configured_loss(variables: Variables, twice: bool) -> None:
    config = evolve(CONFIG, loss=SOFTMAX_TWICE) if twice else CONFIG
    model, (images, targets) = functional.build(config), batch()

    def objective(parameters):
        logits = model.apply(Variables(parameters, {}), images)
        scores = jax.nn.softmax(logits) if twice else logits
        return optax.softmax_cross_entropy(scores, targets).mean(), logits

    gradient = quick_jit(model.value_and_grad)
    (loss, (logits, state)), gradients = gradient(variables, images, targets, jax.random.key(0))
    expected = quick_jit(jax.value_and_grad(objective, has_aux=True))(variables.parameters)
    chex.assert_trees_all_close(((loss, logits), gradients), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.losses(logits, targets).mean(), loss, rtol=1e-5)
    assert state == {}


def test_gradient_agrees_with_central_differences() -> None:
    """Along one direction, in float64, where nothing has a kink."""
    config = ConvNetConfig(
        (Block(2, 3, pooling=AVERAGE), Block(3, 2, padding=1, pooling=AVERAGE)), (4,), TANH
    )
    model, (images, targets) = functional.build(config), batch()
    with jax.enable_x64(True):
        images, targets = (each.astype(jnp.float64) for each in (images, targets))
        rng = np.random.default_rng(0)
        shapes = jax.eval_shape(model.init, KEY).parameters
        parameters, direction = (
            jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(-0.5, 0.5, leaf.shape)), shapes)
            for _ in range(2)
        )

        @quick_jit
        def loss(step):
            moved = jax.tree.map(lambda p, d: p + step * d, parameters, direction)
            return model.losses(model.apply(Variables(moved, {}), images), targets).mean()

        variables = Variables(parameters, {})
        _, gradients = quick_jit(model.value_and_grad)(variables, images, targets, KEY)
        slope = sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), gradients, direction)))
        h = 1e-6
        difference = (loss(jnp.float64(h)) - loss(jnp.float64(-h))) / (2 * h)

    assert abs(float(slope)) > 1e-3
    assert float(slope) == pytest.approx(float(difference), rel=1e-7)


def test_nothing_is_left_behind_in_a_module(variables: Variables) -> None:
    """Two sets of parameters in turn, then a new trace."""
    images, _ = batch()
    apply = quick_jit(MODEL.apply)
    before = apply(variables, images)
    other = apply(jax.tree.map(lambda leaf: 2 * leaf, variables), images)
    assert not np.allclose(other, before)
    np.testing.assert_array_equal(apply(variables, images), before)
    again = quick_jit(lambda *given: MODEL.apply(*given))
    np.testing.assert_array_equal(again(variables, images), before)


def test_parameters_of_another_network_are_refused(variables: Variables) -> None:
    images, _ = batch()
    smaller = functional.build(evolve(CONFIG, blocks=(Block(2, 3),)))
    with pytest.raises(ValueError, match="1"):
        jax.eval_shape(smaller.apply, variables, images)


def test_split_and_merge_stay_in_one_place() -> None:
    package = Path(fmnist_jax.__file__).parent
    assert [
        path.relative_to(package).as_posix()
        for path in sorted(package.rglob("*.py"))
        if re.search(r"\bnnx\.(split|merge)\b", path.read_text(encoding="utf-8"))
    ] == ["models/functional.py"]


def test_flax_is_imported_when_the_first_convolutional_network_is_built() -> None:
    program = (
        "import sys; from fmnist_jax.models.config import Block, ConvNetConfig;"
        "from fmnist_jax.models.five_conv import FiveConv; from fmnist_jax.runs.presets import mlp;"
        "mlp.MODEL.build(); FiveConv().network.layers(); print('flax' in sys.modules);"
        "ConvNetConfig((Block(1),)).build(); print('flax' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


NORMALISED = ConvNetConfig(
    (Block(2, 3, 2), Block(3, 3, pooling=NONE, shortcut=1)), (), batch_norm=True, dropout=0.5
)


def test_batch_normalisation_has_running_moments_which_inference_uses() -> None:
    model, (images, targets) = functional.build(NORMALISED), batch()
    variables = model.init(KEY)
    assert jax.tree.map(jnp.shape, variables) == Variables(
        {
            "blocks": {
                0: {"kernel": (3, 3, 1, 2), "gamma": (2,), "beta": (2,)},
                1: {"kernel": (3, 3, 2, 3), "gamma": (3,), "beta": (3,)},
            },
            "dense": {0: {"kernel": (147, 10), "bias": (10,)}},
        },
        {"blocks": {0: {"mean": (2,), "variance": (2,)}, 1: {"mean": (3,), "variance": (3,)}}},
    )
    drawn = iter(jax.random.normal(KEY, (6, 3)))
    for layer in variables.parameters["blocks"].values():
        layer["gamma"] = layer["gamma"] + next(drawn)[: layer["gamma"].size]
        layer["beta"] = next(drawn)[: layer["beta"].size]

    @quick_jit
    def steps(variables):
        """The state before, and after one and two steps with the same images."""
        states = [variables.state]
        for _ in range(2):
            _, (_, state) = model.value_and_grad(
                variables._replace(state=states[-1]), images, targets, KEY
            )[0]
            states.append(state)
        return states

    zero, one, two = steps(variables)
    batch_moments = jax.tree.map(lambda old, new: (new - 0.9 * old) / 0.1, zero, one)
    chex.assert_trees_all_close(
        two, jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, one, batch_moments), rtol=1e-4
    )
    # With the batch's moments, inference is training without dropout.
    trained = functional.build(evolve(NORMALISED, dropout=0.0)).value_and_grad
    _, (expected, _) = quick_jit(trained)(variables, images, targets, KEY)[0]
    inferred = quick_jit(model.apply)(variables._replace(state=batch_moments), images)
    np.testing.assert_allclose(inferred, expected, rtol=1e-3, atol=1e-4)
