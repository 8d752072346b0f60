"""A network as pure functions on a plain pytree."""

import re
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fmnist_jax
from fmnist_jax.models import functional
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.convnet import ConvNet
from fmnist_jax.ops.pooling import AVERAGE
from fmnist_jax.scratch.activations import TANH
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from tests.compiling import quick_jit

CONFIG = ConvNetConfig((Block(2, 3), Block(3, 2)), hidden=(6,))
KEY = jax.random.key(5)


def batch() -> tuple[jax.Array, jax.Array]:
    images = jax.random.normal(jax.random.key(1), (4, 28, 28))
    return images, jnp.array([0, 2, 9, 2])


@pytest.fixture(scope="module")
def parameters():
    return functional.init(KEY, CONFIG)


def assert_trees_equal(a, b) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_an_equal_configuration_gives_the_same_object() -> None:
    """Jitted programs take the model as a static argument."""
    again = ConvNetConfig((Block(2, 3), Block(3, 2)), hidden=(6,))
    assert functional.conv_net(again) is functional.conv_net(CONFIG)
    assert functional.conv_net(replace(CONFIG, hidden=(7,))) is not functional.conv_net(CONFIG)
    assert hash(functional.conv_net(CONFIG)) == hash(functional.conv_net(again))


def test_parameters_are_plain_dicts_of_float32(parameters) -> None:
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), parameters)
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
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(parameters))


def test_the_key_decides(parameters) -> None:
    model = functional.conv_net(CONFIG)
    assert_trees_equal(model.init(KEY), parameters)
    other = model.init(jax.random.key(6))
    assert not (other["blocks"][0]["kernel"] == parameters["blocks"][0]["kernel"]).any()


def test_init_has_shapes_without_being_run() -> None:
    """As a checkpoint asks for them."""
    shapes = jax.eval_shape(functional.conv_net(CONFIG).init, KEY)
    found = jax.tree.map(lambda leaf: leaf.shape, functional.init(KEY, CONFIG))
    assert jax.tree.map(lambda leaf: leaf.shape, shapes) == found


def test_the_functions_are_the_modules_methods(parameters) -> None:
    network, (images, _) = ConvNet(CONFIG, KEY), batch()
    expected = quick_jit(
        lambda images: (network(images), network.features(images), network.maps(images))
    )(images)
    found = quick_jit(
        lambda parameters, images: (
            functional.conv_net(CONFIG).apply(parameters, images),
            functional.features(parameters, images, CONFIG),
            functional.maps(parameters, images, CONFIG),
        )
    )(parameters, images)
    assert found[1].shape == (4, CONFIG.features)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_images_do_not_see_each_other(parameters) -> None:
    images, _ = batch()
    features = quick_jit(functional.features, static_argnames="config")
    together = features(parameters, images, CONFIG)
    alone = jnp.concatenate([features(parameters, image[None], CONFIG) for image in images])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("twice", [False, True])
def test_value_and_grad_is_that_of_the_configured_loss(parameters, twice: bool) -> None:
    config = replace(CONFIG, loss=SOFTMAX_TWICE) if twice else CONFIG
    model, (images, labels) = functional.conv_net(config), batch()

    def objective(parameters):
        logits = model.apply(parameters, images)
        scores = jax.nn.softmax(logits) if twice else logits
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean(), logits

    found = quick_jit(model.value_and_grad)(parameters, images, labels, jax.random.key(0))
    expected = quick_jit(jax.value_and_grad(objective, has_aux=True))(parameters)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.losses(found[0][1], labels).mean(), found[0][0], rtol=1e-5)


def test_gradient_agrees_with_central_differences() -> None:
    """Along one direction, in float64, where nothing has a kink."""
    config = ConvNetConfig(
        (Block(2, 3, pooling=AVERAGE), Block(3, 2, padding=1, pooling=AVERAGE)), (4,), TANH
    )
    model, (images, labels) = functional.conv_net(config), batch()
    with jax.enable_x64(True):
        images, rng = images.astype(jnp.float64), np.random.default_rng(0)
        shapes = jax.eval_shape(lambda: functional.init(KEY, config))
        parameters, direction = (
            jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(-0.5, 0.5, leaf.shape)), shapes)
            for _ in range(2)
        )

        @quick_jit
        def loss(step):
            moved = jax.tree.map(lambda p, d: p + step * d, parameters, direction)
            return model.losses(model.apply(moved, images), labels).mean()

        _, gradients = quick_jit(model.value_and_grad)(parameters, images, labels, KEY)
        slope = sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), gradients, direction)))
        h = 1e-6
        difference = (loss(jnp.float64(h)) - loss(jnp.float64(-h))) / (2 * h)

    assert abs(float(slope)) > 1e-3
    assert float(slope) == pytest.approx(float(difference), rel=1e-7)


def test_nothing_is_left_behind_in_a_module(parameters) -> None:
    """Two sets of parameters in turn, then a new trace."""
    images, _ = batch()
    model = functional.conv_net(CONFIG)
    apply = quick_jit(model.apply)
    before = apply(parameters, images)
    other = apply(jax.tree.map(lambda leaf: 2 * leaf, parameters), images)
    assert not np.allclose(other, before)
    np.testing.assert_array_equal(apply(parameters, images), before)
    jax.clear_caches()
    np.testing.assert_array_equal(quick_jit(model.apply)(parameters, images), before)


def test_parameters_of_another_network_are_refused(parameters) -> None:
    images, _ = batch()
    smaller = functional.conv_net(replace(CONFIG, blocks=(Block(2, 3),)))
    with pytest.raises(ValueError, match="1"):
        jax.eval_shape(smaller.apply, parameters, images)


def test_split_and_merge_stay_in_one_place() -> None:
    package = Path(fmnist_jax.__file__).parent
    assert [
        path.relative_to(package).as_posix()
        for path in sorted(package.rglob("*.py"))
        if re.search(r"\bnnx\.(split|merge)\b", path.read_text(encoding="utf-8"))
    ] == ["networks/functional.py"]
