"""Descriptions of networks: sizes by hand, and what can't be built."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.models.config import MAX_UNITS, Block, ConvNetConfig, MapSizes
from fmnist_jax.ops import pooling


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
def test_without_padding_named_the_size_is_kept(kernel: int) -> None:
    config = ConvNetConfig((Block(4, kernel, pooling=pooling.NONE),))
    assert config.map_sizes == (MapSizes(28, 28, 28, 28),)


@pytest.mark.parametrize(
    ("block", "sizes"),
    [
        (Block(4, 3, stride=2), (28, 14, 14, 7)),
        (Block(4, 5, padding=0, pooling=pooling.AVERAGE), (28, 24, 24, 12)),
        (Block(4, 2, padding=1), (28, 29, 28, 14)),  # the 29th row is never looked at
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
    assert replace(config, hidden=()).dense_sizes == ((294, 7),)


def test_lists_become_tuples_so_that_equal_descriptions_are_equal_keys() -> None:
    given: Any = ConvNetConfig([Block(4)], hidden=[8])  # pyright: ignore[reportArgumentType]
    assert given == ConvNetConfig((Block(4),), hidden=(8,))
    assert hash(given) == hash(ConvNetConfig((Block(4),), hidden=(8,)))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"filters": 0}, f"filters must be a count from 1 to {MAX_UNITS}, found 0"),
        ({"filters": MAX_UNITS + 1}, "filters must be a count"),
        ({"filters": 4.0}, "found 4.0"),
        ({"filters": True}, "found True"),
        ({"kernel": 0}, "kernel must be a count from 1 to 28, found 0"),
        ({"kernel": 29}, "kernel must be a count from 1 to 28, found 29"),
        ({"kernel": (3, 3)}, "kernel must be a count"),
        ({"stride": 0}, "stride must be a count from 1 to 28, found 0"),
        ({"stride": 29}, "stride must be a count"),
        ({"padding": -1}, "padding must be from 0 to less than the kernel's 3"),
        ({"padding": 3}, "padding must be from 0 to less than the kernel's 3"),
        ({"padding": 1.0}, "found 1.0"),
        ({"padding": True}, "found True"),
        ({"pooling": "max"}, "pooling must be of type Pooling, as networks.pooling.MAX is"),
        ({"pooling": None}, "found None"),
    ],
)
def test_blocks_that_cannot_be(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)) as error:
        Block(**{"filters": 4, **fields})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"blocks": ()}, "blocks must be one or more"),
        ({"blocks": None}, "blocks must be a tuple, as (Block(8), Block(16)) is, found None"),
        ({"blocks": Block(8)}, "found Block"),
        ({"blocks": (32, 64)}, "block 1 must be of type Block, as Block(32) is, found 32"),
        ({"hidden": 128}, "hidden must be a tuple, as (512,) or () is, found 128"),
        ({"hidden": ((8,),)}, "found (8,)"),
        ({"hidden": (0,)}, f"hidden and classes must be counts from 1 to {MAX_UNITS}, found 0"),
        ({"hidden": (MAX_UNITS + 1,)}, "hidden and classes"),
        ({"hidden": (8.5,)}, "found 8.5"),
        ({"classes": 0}, "hidden and classes"),
        ({"activation": "relu"}, "activation must be of type Activation, as scratch.activations"),
        ({"loss": "softmax-twice"}, "loss must be of type Loss, as scratch.losses"),
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
    ],
)
def test_networks_that_cannot_be(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)) as error:
        ConvNetConfig(**{"blocks": (Block(4),), **fields})
    assert "\n" not in str(error.value)


def test_a_kernel_that_just_fits() -> None:
    config = ConvNetConfig((Block(4, 5, stride=5), Block(4, 7, padding=2, pooling=pooling.NONE)))
    assert config.map_sizes[1] == MapSizes(3, 1, 1, 1)


def test_integers_of_numpy_become_ints() -> None:
    config = ConvNetConfig(
        (Block(np.int64(4), np.uint8(3), np.int32(1), np.int64(1)),),  # pyright: ignore[reportArgumentType]
        hidden=np.array([8]),  # pyright: ignore[reportArgumentType]
        classes=np.int64(7),  # pyright: ignore[reportArgumentType]
    )
    assert config == ConvNetConfig((Block(4, 3, 1, 1),), hidden=(8,), classes=7)
    block = config.blocks[0]
    values = (block.filters, block.kernel, block.stride, block.padding, *config.hidden)
    assert {type(value) for value in (*values, config.classes)} == {int}
