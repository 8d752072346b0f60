"""Counts by hand, against the parameters drawn, and against what XLA counts."""

from math import prod

import jax
import numpy as np
import pytest

from fmnist_jax.models import functional
from fmnist_jax.models.architectures import BACKBONE, GLOBAL_AT_END, LENET, SMALL_CNN, FiveConv
from fmnist_jax.models.base import scratch_mlp
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.summary import Layer, blocks, conv_net, mlp, totals
from fmnist_jax.ops import dispatch, pooling
from fmnist_jax.scratch.mlp import MLPConfig


def test_lenet_by_hand() -> None:
    assert conv_net(LENET) == (
        Layer("block 1: convolution 5x5", (6, 28, 28), 156, 28 * 28 * 150, first=True),
        Layer("block 1: avg pooling", (6, 14, 14), 0, 0),
        Layer("block 2: convolution 5x5", (16, 10, 10), 2_416, 10 * 10 * 2_400),
        Layer("block 2: avg pooling", (16, 5, 5), 0, 0),
        Layer("dense 1", (120,), 48_120, 48_000),
        Layer("dense 2", (84,), 10_164, 10_080),
        Layer("dense 3", (10,), 850, 840),
    )
    assert totals(conv_net(LENET)) == {
        "parameters": 61_706,
        "multiply_adds": 416_520,
        "flops": 833_040,
        # Three times the forward pass, less the first layer's gradient of the images.
        "training_flops": 3 * 833_040 - 2 * 117_600,
    }


def test_an_mlp_by_hand() -> None:
    layers = mlp(MLPConfig((784, 128, 10)))
    assert layers == (
        Layer("dense 1", (128,), 100_480, 100_352, first=True),
        Layer("dense 2", (10,), 1_290, 1_280),
    )
    assert totals(layers) == {
        "parameters": 101_770,
        "multiply_adds": 101_632,
        "flops": 203_264,
        "training_flops": 2 * 2 * 100_352 + 3 * 2 * 1_280,
    }


def test_what_the_pooling_drops_is_not_counted() -> None:
    """A 2x2 kernel padded by 1 gives 29x29, of which 28x28 are pooled; stride 2 quarters the work."""
    (convolution, pooled) = blocks(ConvNetConfig((Block(4, 2, padding=1),)))
    assert convolution.output == (4, 28, 28)
    assert convolution.multiply_adds == 28 * 28 * 4 * 4
    assert pooled.output == (4, 14, 14)
    (strided,) = blocks(ConvNetConfig((Block(4, 2, 2, pooling=pooling.NONE),)))
    assert strided.multiply_adds == convolution.multiply_adds / 4


def test_a_layer_as_json() -> None:
    assert mlp(MLPConfig((6, 5, 4)))[1].to_dict() == {
        "name": "dense 2",
        "output": [4],
        "parameters": 24,
        "multiply_adds": 20,
        "flops": 40,
        "training_flops": 120,
    }


@pytest.mark.parametrize(
    "config",
    [
        FiveConv().network,
        FiveConv((16, 8, 4, 2, 1), (1, 2, 3, 4, 5), (2, 1, 1, 1, 1), GLOBAL_AT_END).network,
        SMALL_CNN,
        LENET,
        BACKBONE,
        ConvNetConfig((Block(3),), hidden=()),
    ],
)
def test_parameters_and_outputs_are_those_of_the_network(config: ConvNetConfig) -> None:
    drawn = jax.eval_shape(lambda: functional.init(jax.random.key(0), config))
    layers = [layer for layer in conv_net(config) if layer.parameters]
    found = [drawn["blocks"][index] for index in range(len(config.blocks))]
    found += [drawn["dense"][index] for index in range(len(config.dense_sizes))]
    assert [layer.parameters for layer in layers] == [
        prod(parameters["kernel"].shape) + prod(parameters["bias"].shape) for parameters in found
    ]
    images = jax.ShapeDtypeStruct((1, 28, 28), np.float32)
    maps = jax.eval_shape(
        lambda drawn, images: functional.maps(drawn, images, config), drawn, images
    )
    ends = {layer.name.partition(":")[0]: layer.output for layer in blocks(config)}
    assert list(ends.values()) == [block.shape[:3] for block in maps]
    assert prod(blocks(config)[-1].output) == config.features


def test_flops_of_an_mlp_are_what_xla_counts() -> None:
    config, batch = MLPConfig((784, 400, 250, 100, 10)), 64
    model = scratch_mlp(config)
    parameters = jax.eval_shape(lambda: model.init(jax.random.key(0)))
    inputs = jax.ShapeDtypeStruct((batch, 784), np.float32)
    labels = jax.ShapeDtypeStruct((batch,), np.int32)
    forward = jax.jit(model.apply).lower(parameters, inputs)
    key = jax.eval_shape(lambda: jax.random.key(0))
    step = jax.jit(model.value_and_grad).lower(parameters, inputs, labels, key)

    # Beside the products there are biases, activations, losses and sums over the batch.
    expected = totals(mlp(config))
    assert xla_flops(forward) / batch == pytest.approx(expected["flops"], rel=0.01)
    assert xla_flops(step) / batch == pytest.approx(expected["training_flops"], rel=0.02)


@pytest.mark.parametrize("config", [LENET, FiveConv().network])
def test_flops_of_a_network_are_what_xla_counts(
    config: ConvNetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By im2col: Winograd has fewer products than are counted.
    monkeypatch.setattr(dispatch, "MIN_GEMM_CHANNELS", 10**6)
    parameters = jax.eval_shape(lambda: functional.init(jax.random.key(0), config))
    images = jax.ShapeDtypeStruct((64, 28, 28), np.float32)
    apply = functional.conv_net(config).apply
    lowered = jax.jit(lambda *given: apply(*given)).lower(parameters, images)

    found = xla_flops(lowered) / 64
    assert found == pytest.approx(totals(conv_net(config))["flops"], rel=0.1)


def xla_flops(lowered: jax.stages.Lowered) -> float:
    analysis = lowered.cost_analysis()
    assert analysis is not None
    return analysis["flops"]
