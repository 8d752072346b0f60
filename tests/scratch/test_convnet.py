"""The hand-written gradient of whole convolutional networks against `jax.grad` of the Flax networks."""

from functools import partial
from typing import cast

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.config.model import Variables
from fmnist_jax.models import five_conv
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.five_conv import FiveConv, PoolingPlan
from fmnist_jax.ops.pooling import GLOBAL, NONE
from fmnist_jax.runs.presets import backbone, lenet, small_cnn
from fmnist_jax.scratch import convnet
from fmnist_jax.scratch.activations import GELU, LEAKY_RELU
from fmnist_jax.scratch.convnet import ConvNet
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.scratch.pooling import POOLINGS, Pooling, average_pool_backward
from tests.compiling import quick_jit
from tests.scratch.gradients import TOLERANCES, worst_error

FILTERS = (2, 3, 4, 5, 6)


def five(plan: PoolingPlan, kernel: int, stride: int, filters: tuple[int, ...] = FILTERS):
    return FiveConv(filters, (kernel,), (stride, 1, 1, 1, 1), plan, hidden=7).network


NETWORKS = {
    "max 3x3, Winograd's sizes": five(five_conv.MAX, 3, 1, (16, 16, 16, 16, 4)),
    "max 5x5": five(five_conv.MAX, 5, 1),
    "average 2x2": five(five_conv.AVERAGE, 2, 1),
    "global 5x5 stride 2": five(five_conv.GLOBAL, 5, 2),
    "global at end 3x3 stride 2": five(five_conv.GLOBAL_AT_END, 3, 2),
    "LeNet": lenet.MODEL,
    "small CNN": small_cnn.MODEL,
    "backbone": evolve(
        backbone.MODEL,
        blocks=tuple(
            evolve(block, filters=filters)
            for block, filters in zip(backbone.MODEL.blocks, FILTERS, strict=True)
        ),
    ),
    "no hidden layer, GELU": ConvNetConfig((Block(3),), (), GELU),
    "residual, normalised": ConvNetConfig(
        (Block(3, 3, 2), Block(4, 3, 2, pooling=NONE), Block(5, 2, pooling=GLOBAL, shortcut=2)),
        hidden=(4,),
        batch_norm=True,
    ),
    "two hidden layers, leaky ReLU, softmax twice": ConvNetConfig(
        (Block(3, 5, padding=0),), (9, 8), LEAKY_RELU, loss=SOFTMAX_TWICE
    ),
}


def scratch_network(config: ConvNetConfig) -> ConvNet:
    """The same network for the scratch package."""
    blocks = tuple(
        convnet.Block(block.stride, block.sides, POOLINGS[block.pooling.name], block.shortcut)
        for block in config.blocks
    )
    return ConvNet(blocks, config.activation, config.loss)


def batch(dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((3, 28, 28)).astype(dtype)
    targets = np.eye(10)[rng.integers(10, size=3)]
    targets[0, :9] = 1 / 16  # a soft row of sum 1, exactly
    targets[0, 9] = 7 / 16
    return images, targets.astype(dtype)


@partial(quick_jit, static_argnames=("config", "network"))
def _both(parameters, images, targets, config, network):
    (loss, (logits, _)), gradients = config.build().value_and_grad(
        Variables(parameters, {}), images, targets, jax.random.key(0)
    )
    hand_written = convnet.value_and_grad(parameters, images, targets, network)
    return hand_written, ((loss, logits), gradients)


def both(config: ConvNetConfig, parameters, images, targets, network: ConvNet | None = None):
    """((loss, logits), gradients): hand-written, and of the Flax network; compiled once a dtype."""
    network = network or scratch_network(config)
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        return _both(parameters, images, targets, config, network)


def initial(config: ConvNetConfig, dtype: str = "float32"):
    parameters = quick_jit(config.build().init)(jax.random.key(1)).parameters
    with jax.enable_x64(True):
        return jax.tree.map(lambda leaf: leaf.astype(dtype), parameters)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, "float64") for name in NETWORKS]
    + [(name, "float32") for name in ("max 3x3, Winograd's sizes", "LeNet")],
)
def test_value_and_grad_is_jax_s_of_the_flax_network(name: str, dtype: str) -> None:
    config = NETWORKS[name]

    found, expected = both(config, initial(config, dtype), *batch(dtype))

    chex.assert_tree_all_finite(found)
    assert worst_error(found, expected) <= TOLERANCES[dtype]


@pytest.mark.parametrize("name", ["max 5x5", "LeNet"])
def test_kinks_and_ties_everywhere_agree(name: str) -> None:
    """Blank images and biases of 0: every Z is 0, every window of a max pooling is tied."""
    parameters = initial(NETWORKS[name], "float64")
    for layer in parameters["blocks"].values():
        layer["bias"] = jax.tree.map(jnp.zeros_like, layer["bias"])
    images, targets = batch("float64")
    images = np.stack([np.zeros((28, 28)), np.round(images[1]), images[2]])

    found, expected = both(NETWORKS[name], parameters, images, targets)

    assert worst_error(found, expected) <= 1e-12


def test_ten_sgd_steps_with_either_gradient_give_the_same_losses() -> None:
    config = NETWORKS["LeNet"]
    start = initial(config)

    def ten_losses(which: int) -> list[float]:
        parameters, losses = start, []
        for _ in range(10):
            (loss, _), gradients = both(config, parameters, *batch())[which]
            parameters = jax.tree.map(lambda p, dp: p - 0.1 * dp, parameters, gradients)
            losses.append(float(loss))
        return losses

    hand_written, autodiff = ten_losses(0), ten_losses(1)

    np.testing.assert_allclose(hand_written, autodiff, rtol=1e-6)
    assert hand_written[-1] < hand_written[0]


SMALL = ConvNetConfig((Block(2), Block(3), Block(4)), hidden=())


def test_backward_gives_the_gradient_of_the_images() -> None:
    network, parameters, (images, _) = scratch_network(SMALL), initial(SMALL), batch()
    dlogits = jax.random.normal(jax.random.key(2), (3, 10))

    @quick_jit
    def image_gradients(images):
        _, cache = convnet.forward(parameters, images, network)
        _, pullback = jax.vjp(lambda x: convnet.forward(parameters, x, network)[0], images)
        return convnet.backward(dlogits, parameters, cache, network)[1], pullback(dlogits)[0]

    assert worst_error(*image_gradients(images)) <= 1e-5


def test_equal_networks_share_one_compiled_program() -> None:
    step = quick_jit(chex.assert_max_traces(convnet.objective, n=1), static_argnames="network")

    for _ in range(2):
        step(initial(SMALL), *batch(), scratch_network(SMALL))


def test_a_broken_pooling_fails_in_its_block_and_those_below() -> None:
    network = scratch_network(SMALL)
    broken = Pooling("broken", POOLINGS["max"].forward, average_pool_backward)
    first, second, third = network.blocks
    network = network._replace(
        blocks=(first, cast(convnet.Block, second)._replace(pooling=broken), third)
    )

    (_, found), (_, expected) = both(SMALL, initial(SMALL), *batch(), network)

    errors = [worst_error(found["blocks"][i], expected["blocks"][i]) for i in range(3)]
    assert min(errors[:2]) > 1e-2
    assert max(errors[2], worst_error(found["dense"], expected["dense"])) <= 1e-5


def test_a_wrong_padding_fails() -> None:
    """2x2 kernels are padded by one zero after the map; one before it gives maps of the same size."""
    config = ConvNetConfig((Block(2, 2), Block(3, 2)), hidden=())
    network = scratch_network(config)
    wrong = tuple(cast(convnet.Block, block)._replace(padding=(1, 0)) for block in network.blocks)

    found, expected = both(config, initial(config), *batch(), network._replace(blocks=wrong))

    assert worst_error(found, expected) > 1e-2
