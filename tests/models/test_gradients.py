"""Either gradient, through `ConvNetConfig.build()`: same parameters, same values, same training."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from attrs import evolve

from fmnist_jax.config.codec import decode, encode
from fmnist_jax.config.model import ModelConfig
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.five_conv import POOLING_PLANS, FiveConv
from fmnist_jax.models.gradients import AUTODIFF, GRADIENTS, HAND_WRITTEN
from fmnist_jax.models.names import NAMES
from fmnist_jax.ops.fast_block import FastBlock, FastWindowsBlock
from fmnist_jax.ops.pooling import AVERAGE, GLOBAL, NONE
from fmnist_jax.runs.presets import lenet, smallest
from fmnist_jax.scratch.activations import GELU, TANH
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.training.step import Task, first_state, put_on_device, train_epoch
from tests.compiling import quick_jit
from tests.scratch.gradients import worst_error

SMALL = ConvNetConfig((Block(2, 3, 3), Block(3, 1)), hidden=(4,))

NETWORKS = {
    **{
        f"five-conv {name}": FiveConv((2, 3, 2, 3, 2), (3, 1, 1, 1, 1), pooling=plan, hidden=4)
        for name, plan in POOLING_PLANS.items()
        if name != "none"
    },
    "Winograd, max": ConvNetConfig((Block(16, 1, 3), Block(2, 3)), hidden=()),
    "Winograd, mean": ConvNetConfig((Block(16, 1, 2), Block(2, 3, pooling=AVERAGE)), hidden=()),
    "odd maps, mean, tanh": ConvNetConfig(
        (Block(2, 3, 4, pooling=AVERAGE),), (3, 4), TANH, loss=SOFTMAX_TWICE
    ),
    "backbone-like, GELU": ConvNetConfig(
        (Block(2, 3, padding=1), Block(3, 2, padding=1), Block(2, 2, padding=1, pooling=NONE)),
        hidden=(3,),
        activation=GELU,
    ),
    "LeNet": lenet.MODEL,
    "smallest": smallest.MODEL,
    "Winograd, normalised": ConvNetConfig(
        (Block(16, 1, 3), Block(2, 3)), hidden=(), batch_norm=True
    ),
    "residual, normalised, dropout": ConvNetConfig(
        (
            Block(2, 3, 3, pooling=NONE),
            Block(3, 1, 2, pooling=NONE),
            Block(4, 3, shortcut=2, pooling=NONE),
        ),
        hidden=(4,),
        batch_norm=True,
        dropout=0.3,
    ),
    "two shortcuts from one input": ConvNetConfig(
        (Block(2, 3, 4, pooling=NONE, shortcut=1), Block(3, 1, pooling=GLOBAL, shortcut=2)),
        hidden=(),
    ),
}


def network(name: str) -> ConvNetConfig:
    described = NETWORKS[name]
    return getattr(described, "network", described)


def batch() -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.standard_normal((3, 28, 28))), jnp.asarray(np.eye(10)[[1, 4, 9]])


@partial(quick_jit, static_argnames=("config",))
def both(variables, images, targets, config):
    """((loss, (logits, state)), gradients) of each."""
    return [
        evolve(config, gradients=gradients)
        .build()
        .value_and_grad(variables, images, targets, jax.random.key(0))
        for gradients in (HAND_WRITTEN, AUTODIFF)
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_hand_written_is_autodiff(name: str) -> None:
    config = network(name)
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        variables = jax.tree.map(
            lambda leaf: leaf.astype(jnp.float64), config.build().init(jax.random.key(1))
        )
        found, expected = both(variables, *batch(), config)

    chex.assert_tree_all_finite(found)
    assert worst_error(found, expected) <= 1e-12


def test_hand_written_is_autodiff_in_float32() -> None:
    config = network("residual, normalised, dropout")
    images, targets = (array.astype(jnp.float32) for array in batch())
    with jax.default_matmul_precision("highest"):
        found, expected = both(config.build().init(jax.random.key(1)), images, targets, config)

    assert worst_error(found, expected) <= 1e-5


def test_wide_blocks_use_winograd_s_algorithm() -> None:
    for name in ("Winograd, max", "Winograd, mean"):
        first, second = network(name).scratch_network.blocks
        assert (type(first), type(second)) == (FastBlock, FastWindowsBlock)


def test_both_start_from_the_same_parameters_and_infer_the_same() -> None:
    one, other = (evolve(SMALL, gradients=gradients).build() for gradients in GRADIENTS.values())
    variables = one.init(jax.random.key(3))
    images, _ = batch()

    assert one is not other
    chex.assert_trees_all_equal(variables, other.init(jax.random.key(3)))
    with jax.enable_x64(True):
        for function in ("apply", "features"):
            np.testing.assert_array_equal(
                getattr(one, function)(variables, images.astype(jnp.float32)),
                getattr(other, function)(variables, images.astype(jnp.float32)),
            )


@pytest.mark.parametrize(
    "config",
    [
        ConvNetConfig((Block(3, 3, 3), Block(4, 1)), hidden=(5,)),
        ConvNetConfig(
            (Block(3, 3, 3, pooling=NONE), Block(4, 1, pooling=GLOBAL, shortcut=1)),
            hidden=(5,),
            batch_norm=True,
            dropout=0.2,
        ),
    ],
    ids=["plain", "residual, normalised, dropout"],
)
def test_ten_steps_of_training_give_the_same_losses(config: ConvNetConfig) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    data = put_on_device(images, rng.integers(10, size=40, dtype=np.int32), 10)
    optimizer = optax.sgd(0.05, momentum=0.9)

    def losses(gradients):
        model = evolve(config, gradients=gradients).build()
        variables = model.init(jax.random.key(0))
        task = Task(model, UNIT, optimizer, batch_size=4)
        state = first_state(task, variables)
        _, metrics = train_epoch(state, jax.random.key(1), data, UNIT.fit(data.images), task)
        return np.asarray(metrics.loss_sum)

    hand_written, autodiff = losses(HAND_WRITTEN), losses(AUTODIFF)

    assert hand_written.shape == (10,)
    np.testing.assert_allclose(hand_written, autodiff, rtol=1e-6)


def test_encoded_configurations_return_and_older_ones_are_autodiff() -> None:
    config: ModelConfig = evolve(SMALL, gradients=HAND_WRITTEN)
    encoded = encode(config, NAMES)

    assert encoded["gradients"] == "hand-written"
    assert decode(ConvNetConfig, encoded, NAMES, "made.json") == config
    for newer in ("gradients", "batch_norm", "dropout"):
        del encoded[newer]
    for block in encoded["blocks"]:
        del block["shortcut"]
    assert decode(ConvNetConfig, encoded, NAMES, "made.json") == SMALL
