"""Descriptions of convolutional networks: sizes and counts, checked manually and against XLA."""

import re
from typing import Any

import jax
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.config.model import Layer
from fmnist_jax.errors import UserError
from fmnist_jax.models.config import MAX_UNITS, Block, ConvNetConfig, MapSizes
from fmnist_jax.models.five_conv import GLOBAL_AT_END, FiveConv
from fmnist_jax.models.resnet import ResNet
from fmnist_jax.ops import pooling
from fmnist_jax.runs.presets import backbone, lenet, small_cnn
from fmnist_jax.scratch.mlp import MLPConfig


@pytest.mark.parametrize(
    ("kernel", "padding", "sides"),
    [
        (1, None, (0, 0)),
        (2, None, (0, 1)),
        (3, None, (1, 1)),
        (4, None, (1, 2)),
        (5, None, (2, 2)),
        (3, 0, (0, 0)),
        (2, 1, (1, 1)),
        (5, 4, (4, 4)),
    ],
)
def test_padding(kernel: int, padding: int | None, sides: tuple[int, int]) -> None:
    assert Block(4, kernel, padding=padding).sides == sides


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 28])
def test_the_default_padding_keeps_the_size(kernel: int) -> None:
    config = ConvNetConfig((Block(4, kernel, pooling=pooling.NONE),))
    assert config.map_sizes == (MapSizes(28, 28, 28, 28),)


@pytest.mark.parametrize(
    ("block", "sizes"),
    [
        (Block(4, 3, stride=2), (28, 14, 14, 7)),
        (Block(4, 5, padding=0, pooling=pooling.AVERAGE), (28, 24, 24, 12)),
        (Block(4, 2, padding=1), (28, 29, 28, 14)),  # the 29th row is never used
        (Block(4, 3, stride=3, padding=0), (28, 9, 8, 4)),
        (Block(4, 3, padding=2, pooling=pooling.GLOBAL), (28, 30, 30, 1)),
        (Block(4, 28, padding=0, pooling=pooling.NONE), (28, 1, 1, 1)),
    ],
)
def test_map_sizes(block: Block, sizes: tuple[int, int, int, int]) -> None:
    assert ConvNetConfig((block,)).map_sizes == (MapSizes(*sizes),)


def test_features_and_dense_sizes() -> None:
    config = ConvNetConfig((Block(4), Block(6, 3)), hidden=(20, 15), classes=7)
    assert [sizes.pooled for sizes in config.map_sizes] == [14, 7]
    assert config.features == 6 * 7 * 7
    assert config.dense_sizes == ((294, 20), (20, 15), (15, 7))
    assert evolve(config, hidden=()).dense_sizes == ((294, 7),)


def test_lists_become_tuples_so_that_equal_descriptions_are_equal_keys() -> None:
    given: Any = ConvNetConfig([Block(4)], hidden=[8])  # pyright: ignore[reportArgumentType]
    assert given == ConvNetConfig((Block(4),), hidden=(8,))
    assert hash(given) == hash(ConvNetConfig((Block(4),), hidden=(8,)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"filters": 0}, f"filters must be a whole number from 1 to {MAX_UNITS}, found 0"),
        ({"filters": MAX_UNITS + 1}, "filters must be a whole number"),
        ({"filters": 4.0}, "found 4.0"),
        ({"filters": True}, "found True"),
        ({"kernel": 0}, "kernel must be a whole number from 1 to 28, found 0"),
        ({"kernel": 29}, "kernel must be a whole number from 1 to 28, found 29"),
        ({"kernel": (3, 3)}, "kernel must be a whole number from 1 to 28, found (3, 3)"),
        ({"stride": 0}, "stride must be a whole number from 1 to 28, found 0"),
        ({"stride": 29}, "stride must be a whole number"),
        ({"padding": -1}, "padding must be a whole number of at least 0, found -1"),
        (
            {"padding": 3},
            "padding must be less than the kernel's 3, or left out to keep the size, found 3",
        ),
        ({"padding": 1.0}, "found 1.0"),
        ({"padding": True}, "found True"),
        ({"pooling": "max"}, "pooling must be of type Pooling, such as ops.pooling.MAX"),
        ({"pooling": None}, "found None"),
        ({"shortcut": -1}, "shortcut must be a whole number of at least 0, found -1"),
    ],
)
def test_invalid_blocks_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as error:
        Block(**{"filters": 4, **fields})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"blocks": ()}, "blocks must be a sequence of 1 or more, found ()"),
        ({"blocks": None}, "blocks must be a sequence of 1 or more, found None"),
        ({"blocks": Block(8)}, "found Block"),
        ({"blocks": (32, 64)}, "blocks[0] must be of type Block, such as Block(32), found 32"),
        ({"hidden": 128}, "hidden must be a sequence, found 128"),
        ({"hidden": ((8,),)}, "found (8,)"),
        ({"hidden": (0,)}, f"hidden must be a whole number from 1 to {MAX_UNITS}, found 0"),
        ({"hidden": (MAX_UNITS + 1,)}, "hidden must be a whole number"),
        ({"hidden": (8.5,)}, "found 8.5"),
        ({"classes": 0}, "classes must be a whole number"),
        (
            {"activation": "relu"},
            "activation must be of type Activation, such as scratch.activations",
        ),
        ({"loss": "softmax-twice"}, "loss must be of type Loss, such as scratch.losses"),
        ({"initializer": "he-normal"}, "initializer must be a function"),
        (
            {"blocks": (Block(4), Block(4), Block(4), Block(4), Block(4, 2, padding=0))},
            "block 5: a 2x2 kernel is too large for its 1x1 map padded to 1x1",
        ),
        (
            {"blocks": (Block(4, 5, stride=5), Block(4, 8, padding=2))},
            "block 2: a 8x8 kernel is too large for its 3x3 map padded to 7x7",
        ),
        ({"blocks": (Block(4),) * 5}, "block 5: a 1x1 map is too small for max pooling"),
        (
            {"blocks": (Block(4, pooling=pooling.GLOBAL), Block(4, pooling=pooling.AVERAGE))},
            "block 2: a 1x1 map is too small for avg pooling",
        ),
        (
            {"blocks": (Block(4, shortcut=2),)},
            "block 1: shortcut must be at most 1, which is the image, found 2",
        ),
        (
            {"blocks": (Block(4), Block(2, shortcut=1))},
            "block 2: its shortcut has 4 maps of 14x14, which can't become 2 of 14x14",
        ),
        (
            {"blocks": (Block(4, 3, padding=0, shortcut=1),)},
            "block 1: its shortcut has 1 maps of 28x28, which can't become 4 of 26x26",
        ),
        ({"batch_norm": 1}, "batch_norm must be of type bool, such as True, found 1"),
        ({"dropout": 1.0}, "dropout must be a finite number of at least 0 and less than 1"),
    ],
)
def test_invalid_networks_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as error:
        ConvNetConfig(**{"blocks": (Block(4),), **fields})
    assert "\n" not in str(error.value)


def test_a_kernel_that_just_fits() -> None:
    config = ConvNetConfig((Block(4, 5, stride=5), Block(4, 7, padding=2, pooling=pooling.NONE)))
    assert config.map_sizes[1] == MapSizes(3, 1, 1, 1)


def test_integers_of_numpy_become_ints() -> None:
    config = ConvNetConfig(
        (Block(np.int64(4), np.uint8(3), np.int32(1), np.int64(1)),),  # pyright: ignore[reportArgumentType]
        hidden=np.array([8]),  # pyright: ignore[reportArgumentType]
        classes=7,
    )
    assert config == ConvNetConfig((Block(4, 3, 1, 1),), hidden=(8,), classes=7)
    block = config.blocks[0]
    values = (block.filters, block.kernel, block.stride, block.padding, *config.hidden)
    assert {type(value) for value in (*values, config.classes)} == {int}


def test_lenet_counted_manually() -> None:
    layers = lenet.MODEL.layers()
    assert layers == (
        Layer("block 1: convolution 5x5", (6, 28, 28), 156, 28 * 28 * 150, first=True),
        Layer("block 1: avg pooling", (6, 14, 14), 0, 0),
        Layer("block 2: convolution 5x5", (16, 10, 10), 2_416, 10 * 10 * 2_400),
        Layer("block 2: avg pooling", (16, 5, 5), 0, 0),
        Layer("dense 1", (120,), 48_120, 48_000),
        Layer("dense 2", (84,), 10_164, 10_080),
        Layer("dense 3", (10,), 850, 840),
    )
    sums = [
        sum(getattr(layer, name) for layer in layers)
        for name in ("parameters", "multiply_adds", "flops", "training_flops")
    ]
    # Three times the forward pass, less the first layer's gradient of the images.
    assert sums == [61_706, 416_520, 833_040, 3 * 833_040 - 2 * 117_600]


def test_an_mlp_counted_manually() -> None:
    layers = MLPConfig((784, 128, 10)).layers()
    assert layers == (
        Layer("dense 1", (128,), 100_480, 100_352, first=True),
        Layer("dense 2", (10,), 1_290, 1_280),
    )
    assert sum(layer.training_flops for layer in layers) == 2 * 2 * 100_352 + 3 * 2 * 1_280


def test_what_the_pooling_drops_is_not_counted() -> None:
    """A 2x2 kernel padded by 1 gives 29x29, of which 28x28 are pooled; stride 2 quarters the work."""
    (convolution, pooled) = ConvNetConfig((Block(4, 2, padding=1),)).feature_layers()
    assert convolution.output == (4, 28, 28)
    assert convolution.multiply_adds == 28 * 28 * 4 * 4
    assert pooled.output == (4, 14, 14)
    (strided,) = ConvNetConfig((Block(4, 2, 2, pooling=pooling.NONE),)).feature_layers()
    assert strided.multiply_adds == convolution.multiply_adds / 4


@pytest.mark.parametrize(
    "config",
    [
        FiveConv().network,
        FiveConv((16, 8, 4, 2, 1), (1, 2, 3, 4, 5), (2, 1, 1, 1, 1), GLOBAL_AT_END).network,
        small_cnn.MODEL,
        lenet.MODEL,
        backbone.MODEL,
        ConvNetConfig((Block(3),), hidden=()),
        ResNet(width=2, depth=1).network,
    ],
)
def test_layers_have_the_parameters_and_outputs_of_the_network(config: ConvNetConfig) -> None:
    variables = jax.eval_shape(config.build().init, jax.random.key(0))
    drawn = variables.parameters
    layers = [layer for layer in config.layers() if layer.parameters]
    found = [drawn["blocks"][index] for index in range(len(config.blocks))]
    found += [drawn["dense"][index] for index in range(len(config.dense_sizes))]
    assert [layer.parameters for layer in layers] == [
        sum(leaf.size for leaf in parameters.values()) for parameters in found
    ]
    images = jax.ShapeDtypeStruct((1, 28, 28), np.float32)
    maps = jax.eval_shape(config.feature_maps, variables, images)
    ends = {layer.name.partition(":")[0]: layer.output for layer in config.feature_layers()}
    assert list(ends.values()) == [block.shape[:3] for block in maps]


@pytest.mark.parametrize("config", [lenet.MODEL, FiveConv((16, 32, 8, 8, 8)).network])
def test_flops_are_about_what_xla_counts(config: ConvNetConfig) -> None:
    # Compiled as for another platform than the CPU, whose Winograd products are fewer than are counted.
    model = config.build()
    variables = jax.eval_shape(model.init, jax.random.key(0))
    images = jax.ShapeDtypeStruct((64, 28, 28), np.float32)
    lowered = jax.jit(model.apply).trace(variables, images).lower(lowering_platforms=("cuda",))
    analysis = lowered.cost_analysis()
    assert analysis is not None
    expected = sum(layer.flops for layer in config.layers())
    assert analysis["flops"] / 64 == pytest.approx(expected, rel=0.1)
