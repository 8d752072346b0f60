"""The network against one built from `flax.nnx.Conv` and `flax.linen` poolings, in float64."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import chex
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from attrs import evolve
from flax import linen, nnx
from jax import lax

from fmnist_jax.config.model import Variables
from fmnist_jax.errors import UserError
from fmnist_jax.models import functional
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.convnet import ConvNet
from fmnist_jax.models.five_conv import AVERAGE, GLOBAL, GLOBAL_AT_END, FiveConv
from fmnist_jax.ops import pooling
from fmnist_jax.ops.pooling import MAX, Pooling
from fmnist_jax.runs.presets import lenet, small_cnn
from fmnist_jax.scratch.activations import ACTIVATIONS, GELU, TANH, Activation
from fmnist_jax.scratch.initializers import INITIALIZERS, he_normal
from tests.compiling import quick_jit

FEW = (2, 3, 4, 3, 5)
BACKBONE_LIKE = ConvNetConfig(
    (Block(3, 3, padding=1), *(Block(filters, 2, padding=1) for filters in (4, 3, 5, 6))),
    hidden=(7,),
)

NETWORKS = {
    "five-conv": FiveConv(FEW, hidden=6).network,
    "avg, kernels mixed, tanh": FiveConv(
        FEW, (3, 5, 2, 4, 1), pooling=AVERAGE, hidden=6, activation=TANH
    ).network,
    "global": FiveConv(FEW, pooling=GLOBAL, hidden=6).network,
    "global at the end, stride 2": FiveConv(
        FEW, (5, 3, 1, 2, 1), (2, 1, 1, 1, 1), GLOBAL_AT_END, hidden=6, activation=GELU
    ).network,
    "LeNet": lenet.MODEL,
    "report 2's": small_cnn.MODEL,
    "backbone": BACKBONE_LIKE,
    "no hidden layer": ConvNetConfig((Block(2, 3, stride=3, padding=0),), hidden=()),
}

SQUARE = Activation("square", lambda Z: Z**2, lambda dA, Z: 2 * dA * Z)

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": lambda Z: jax.nn.gelu(Z, approximate=False),
}


def by_flax(parameters: Any, images: Any, config: ConvNetConfig) -> tuple[list[Any], Any, Any]:
    """(maps (batch, height, width, filters) of each block, features, logits)."""
    g = FUNCTIONS[config.activation.name]
    x, maps = images[..., None], []
    for index, block in enumerate(config.blocks):
        W, b = parameters["blocks"][index]["kernel"], parameters["blocks"][index]["bias"]
        layer = nnx.Conv(
            W.shape[2], W.shape[3], W.shape[:2], block.stride, padding=[block.sides] * 2,
            dtype=jnp.float64, param_dtype=jnp.float64, rngs=nnx.Rngs(0),
        )  # fmt: skip
        layer.kernel[...], layer.bias[...] = W, b  # pyright: ignore[reportOptionalSubscript]
        x = g(layer(x))
        match block.pooling.name:
            case "max":
                x = linen.max_pool(x, (2, 2), (2, 2))
            case "avg":
                x = linen.pool(x, 0.0, lax.add, (2, 2), (2, 2), "VALID") / 4
            case "global":
                x = x.mean((1, 2), keepdims=True)
        maps.append(x)
    features = jnp.moveaxis(x, -1, 1).reshape(len(images), -1)
    *hidden, last = (parameters["dense"][index] for index in range(len(config.dense_sizes)))
    A = features
    for layer in hidden:
        A = g(A @ layer["kernel"] + layer["bias"][None])
    return maps, features, A @ last["kernel"] + last["bias"][None]


def drawn(config: ConvNetConfig) -> tuple[Any, jax.Array, jax.Array]:
    """Parameters, images and weights of a weighted sum of logits, all float64."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(functional.build(config).init, jax.random.key(0)).parameters
    parameters = jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(-0.5, 0.5, leaf.shape)), shapes)
    images, weights = (rng.standard_normal(shape) for shape in ((2, 28, 28), (2, config.classes)))
    return parameters, jnp.asarray(images), jnp.asarray(weights)


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_features_logits_and_gradient_are_those_of_flax(name: str) -> None:
    config = NETWORKS[name]

    def ours(parameters, images, weights):
        network = functional.merge(Variables(parameters, {}), config)
        logits = network(images)
        return (weights * logits).sum(), (network.maps(images), network.features(images), logits)

    def theirs(parameters, images, weights):
        maps, features, logits = by_flax(parameters, images, config)
        ordered = tuple(jnp.transpose(block, (3, 1, 2, 0)) for block in maps)
        return (weights * logits).sum(), (ordered, features, logits)

    with jax.enable_x64(True):
        given = drawn(config)
        found, expected = (
            quick_jit(jax.value_and_grad(function, argnums=(0, 1), has_aux=True))(*given)
            for function in (ours, theirs)
        )

    (_, (maps, features, logits)), _ = found
    for block, sizes, pooled in zip(config.blocks, config.map_sizes, maps, strict=True):
        assert pooled.shape == (block.filters, sizes.pooled, sizes.pooled, 2)
    assert features.shape == (2, config.features)
    assert logits.shape == (2, config.classes)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float64)}
    chex.assert_trees_all_equal_dtypes(found, expected)
    chex.assert_trees_all_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("activation", [*ACTIVATIONS.values(), SQUARE], ids=lambda g: g.name)
@pytest.mark.parametrize("pooling", [MAX, pooling.AVERAGE], ids=lambda pooling: pooling.name)
def test_the_activations_are_pooled(activation: Activation, pooling: Pooling) -> None:
    """pool(g(Z)), also where g falls somewhere, so that the largest Z isn't the largest g(Z)."""
    config = ConvNetConfig((Block(2, 1, pooling=pooling),), (), activation)
    kernel, bias = np.array([0.7, -1.3]), np.array([0.2, -0.4])
    with jax.enable_x64(True):
        images = jnp.asarray(np.random.default_rng(0).standard_normal((3, 28, 28)))
        parameters = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape),
            jax.eval_shape(functional.build(config).init, jax.random.key(0)).parameters,
        )
        parameters["blocks"][0] = {
            "kernel": jnp.asarray(kernel).reshape(1, 1, 1, 2), "bias": jnp.asarray(bias),
        }  # fmt: skip
        variables = Variables(parameters, {})
        (found,) = quick_jit(functional.maps, static_argnames="config")(variables, images, config)
        Z = kernel[:, None, None, None] * np.moveaxis(np.asarray(images), 0, -1)[None]
        A = activation.forward(jnp.asarray(Z + bias[:, None, None, None]))
        windows = np.asarray(A).reshape(2, 14, 2, 14, 2, 3)

    reduce = np.max if pooling is MAX else np.mean
    np.testing.assert_allclose(found, reduce(windows, axis=(2, 4)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initialisers_get_a_convolutions_fan_in_and_fan_out(name: str) -> None:
    """fan_in = k^2 inputs, fan_out = k^2 filters: the limits of each draw."""
    config = ConvNetConfig(
        (Block(8, 3), Block(40, 5)), hidden=(30,), initializer=INITIALIZERS[name]
    )
    parameters = quick_jit(functional.build(config).init)(jax.random.key(0)).parameters
    kernel = np.asarray(parameters["blocks"][1]["kernel"])
    dense = np.asarray(parameters["dense"][0]["kernel"])

    assert kernel.shape == (5, 5, 8, 40)
    for W, fan_in, fan_out in ((kernel, 25 * 8, 25 * 40), (dense, 40 * 49, 30)):
        expected = {
            "random": (1 / (3 * fan_in)) ** 0.5,
            "xavier": (2 / (fan_in + fan_out)) ** 0.5,
            "he": (2 / fan_in) ** 0.5,
        }[name.partition("-")[0]]
        assert W.std() == pytest.approx(expected, rel=0.03)


def test_dense_layers_may_have_an_initializer_of_their_own() -> None:
    same = ConvNetConfig((Block(8, 3),), hidden=(30,), initializer=he_normal)
    other = evolve(same, dense_initializer=INITIALIZERS["random"])
    first, second = (
        quick_jit(functional.build(config).init)(jax.random.key(0)).parameters
        for config in (same, other)
    )

    chex.assert_trees_all_equal(first["blocks"], second["blocks"])
    assert not np.asarray(first["dense"][0]["bias"]).any()
    assert np.asarray(second["dense"][0]["bias"]).all()


def test_every_layer_is_drawn_with_its_own_key() -> None:
    config = ConvNetConfig((Block(1, 3), Block(1, 3)), hidden=(10,))
    leaves = jax.tree.leaves(quick_jit(functional.build(config).init)(jax.random.key(0)))
    for a, b in itertools.combinations(leaves, 2):
        a, b = np.asarray(a).ravel(), np.asarray(b).ravel()
        ratio = a[: min(a.size, b.size)] / b[: min(a.size, b.size)]
        assert ratio.size == 1 or np.ptp(ratio) > 1e-3


def test_dtype() -> None:
    def parameters(dtype):
        network = ConvNet(NETWORKS["five-conv"], jax.random.key(0), dtype)
        return nnx.to_pure_dict(nnx.state(network, nnx.Param))

    with jax.enable_x64(True):
        for dtype in (jnp.float32, jnp.float64):
            leaves = jax.tree.leaves(jax.eval_shape(lambda dtype=dtype: parameters(dtype)))
            assert {leaf.dtype for leaf in leaves} == {np.dtype(dtype)}


@pytest.fixture
def no_annotation_checks() -> Iterator[None]:
    """Without the checks of annotations, as users run it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def test_an_activation_of_ones_own() -> None:
    """Wherever an activation stands, it is the one given."""
    zero = Activation("zero", jnp.zeros_like, lambda dA, Z: jnp.zeros_like(dA))
    network = ConvNet(
        ConvNetConfig((Block(2, 1),), hidden=(5,), activation=zero), jax.random.key(0)
    )
    features, logits = quick_jit(lambda images: (network.features(images), network(images)))(
        jnp.ones((1, 28, 28))
    )
    assert not features.any()
    np.testing.assert_array_equal(logits[0], network.dense[-1].bias[...])


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 32, 32), np.float32),
        ((1, 27, 28), np.float32),
        ((1, 28, 28, 1), np.float32),
        ((28, 28), np.float32),
        ((1, 784), np.float32),
        ((1, 28, 28), np.uint8),
    ],
)
@pytest.mark.usefixtures("no_annotation_checks")
def test_images_of_another_shape_or_type_are_refused(shape: tuple[int, ...], dtype: Any) -> None:
    config = ConvNetConfig((Block(2, 1),), hidden=(), initializer=he_normal)
    images = jax.ShapeDtypeStruct(shape, dtype)
    model = functional.build(config)
    variables = jax.eval_shape(model.init, jax.random.key(0))
    with pytest.raises(UserError, match="images must be") as error:
        jax.eval_shape(model.apply, variables, images)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("images", [None, [[0.0] * 28] * 28], ids=["None", "list"])
@pytest.mark.usefixtures("no_annotation_checks")
def test_anything_but_an_array_is_refused(images: Any) -> None:
    network = ConvNet(ConvNetConfig((Block(1, 1),), hidden=()), jax.random.key(0))
    for function in (network.maps, network.features, network):
        with pytest.raises(UserError, match=f"images must be .* found {type(images).__name__}"):
            function(images)


def test_no_images_have_no_features() -> None:
    config = ConvNetConfig((Block(2, 1),), hidden=())
    network = ConvNet(config, jax.random.key(0))
    assert network.features(jnp.zeros((0, 28, 28), jnp.float32)).shape == (0, config.features)
