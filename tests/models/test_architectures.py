"""The reports' networks, their sizes and parameters counted by hand."""

import re
import subprocess
import sys
from math import prod
from typing import Any

import jax
import numpy as np
import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.models import NAMES, functional
from fmnist_jax.models.architectures import (
    AVERAGE,
    BACKBONE,
    GLOBAL,
    GLOBAL_AT_END,
    LENET,
    MAX,
    POOLING_PLANS,
    SMALL_CNN,
    FiveConv,
    PoolingPlan,
)
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.ops import pooling
from fmnist_jax.scratch.activations import TANH
from fmnist_jax.scratch.initializers import xavier_uniform
from fmnist_jax.scratch.losses import SOFTMAX_TWICE


@pytest.mark.parametrize(
    ("network", "inputs", "pooled", "features"),
    [
        (FiveConv().network, (28, 14, 7, 3, 1), 1, 512),
        (FiveConv(pooling=AVERAGE).network, (28, 14, 7, 3, 1), 1, 512),
        (FiveConv(pooling=GLOBAL).network, (28, 1, 1, 1, 1), 1, 512),
        (FiveConv(pooling=GLOBAL_AT_END).network, (28, 14, 7, 3, 3), 1, 512),
        (FiveConv((16,) * 5, kernels=(2,)).network, (28, 14, 7, 3, 1), 1, 16),
        (FiveConv((16, 32, 64, 128, 256), (5,)).network, (28, 14, 7, 3, 1), 1, 256),
        (SMALL_CNN, (28, 12), 4, 256),
        (LENET, (28, 14), 5, 400),
        (BACKBONE, (28, 14, 7, 4, 2), 1, 784),
    ],
)
def test_maps_as_the_reports_have_them(
    network: ConvNetConfig, inputs: tuple[int, ...], pooled: int, features: int
) -> None:
    assert tuple(sizes.inputs for sizes in network.map_sizes) == inputs
    assert network.map_sizes[-1].pooled == pooled
    assert network.features == features


def test_the_backbones_convolutions_give_28_15_8_5_3() -> None:
    assert [sizes.convolved for sizes in BACKBONE.map_sizes] == [28, 15, 8, 5, 3]


@pytest.mark.parametrize(
    ("network", "count"),
    [
        # 320 + 18,496 + 73,856 + 295,168 + 1,180,160, then 525,312 + 10,250
        (FiveConv().network, 2_103_562),
        # 160 + 4 * 2,320, then 544 + 330
        (FiveConv((16,) * 5, hidden=32).network, 10_314),
        # 160 + 4,640 + 18,496 + 73,856 + 295,168, then 131,584 + 5,130
        (FiveConv((16, 32, 64, 128, 256), hidden=512).network, 529_034),
        # 832 + 51,264 + 204,928 + 819,456 + 3,277,312, then 525,312 + 10,250
        (FiveConv(kernels=(5,)).network, 4_889_354),
        # 156 + 2,416, then 30,840 + 10,164 + 850
        (SMALL_CNN, 44_426),
        # 156 + 2,416, then 48,120 + 10,164 + 850
        (LENET, 61_706),
        # 490 + 19,306 + 77,028 + 307,720 + 1,230,096, then 100,480 + 1,290
        (BACKBONE, 1_736_410),
    ],
)
def test_parameters(network: ConvNetConfig, count: int) -> None:
    shapes = jax.eval_shape(lambda: functional.init(jax.random.key(0), network))
    assert sum(prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) == count


def test_five_conv_hands_everything_on() -> None:
    network = FiveConv(
        (2, 3, 4, 5, 6), (3, 3, 2, 5, 1), (2, 1, 1, 1, 1), GLOBAL_AT_END, 7,
        TANH, xavier_uniform, SOFTMAX_TWICE,
    ).network  # fmt: skip
    assert [block.filters for block in network.blocks] == [2, 3, 4, 5, 6]
    assert [block.kernel for block in network.blocks] == [3, 3, 2, 5, 1]
    assert [block.stride for block in network.blocks] == [2, 1, 1, 1, 1]
    assert [block.pooling for block in network.blocks] == [
        pooling.MAX, pooling.MAX, pooling.MAX, pooling.NONE, pooling.GLOBAL,
    ]  # fmt: skip
    assert (network.hidden, network.activation) == ((7,), TANH)
    assert (network.initializer, network.loss) == (xavier_uniform, SOFTMAX_TWICE)


@pytest.mark.parametrize(
    "kernels", [5, [5], (5,) * 5, np.int64(5), np.array([5] * 5)], ids=lambda kernels: str(kernels)
)
def test_one_kernel_or_five(kernels: Any) -> None:
    given = FiveConv(kernels=kernels)
    assert given.network == FiveConv(kernels=(5,)).network
    assert {type(kernel) for kernel in given.kernels} == {int}


def test_pooling_follows_each_convolution_but_the_last() -> None:
    for plan, kind in ((MAX, pooling.MAX), (AVERAGE, pooling.AVERAGE), (GLOBAL, pooling.GLOBAL)):
        assert plan.poolings == (kind,) * 4 + (pooling.NONE,)
    assert list(POOLING_PLANS) == ["max", "avg", "global", "global-at-end"]
    assert NAMES[PoolingPlan] is POOLING_PLANS


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"filters": (16,) * 4}, "filters must be five counts, one a convolution, found 4"),
        ({"filters": 16}, "filters must be five counts, one a convolution, found 1"),
        ({"filters": None}, "filters must be five counts, one a convolution, found None"),
        (
            {"kernels": 3.0},
            "kernels must be one for all five convolutions or one for each, found 3.0",
        ),
        ({"filters": ()}, "filters must be five counts, one a convolution, found 0"),
        ({"filters": (16,) * 6}, "found 6"),
        ({"filters": (16, 16, 0, 16, 16)}, "filters must be a count"),
        ({"kernels": (3, 3)}, "kernels must be one for all five convolutions or one for each"),
        ({"kernels": ()}, "kernels must be one for all five convolutions or one for each, found 0"),
        ({"kernels": (3, 3, 3, 3, 29)}, "kernel must be a count from 1 to 28"),
        ({"strides": (1, 2, 1)}, "strides must be one for all five convolutions or one for each"),
        ({"strides": (2,)}, "block 3: a 1x1 map is too small for max pooling"),
        ({"pooling": "max"}, "pooling must be of type PoolingPlan"),
        (
            {"pooling": pooling.MAX},
            "pooling must be of type PoolingPlan, as networks.architectures.MAX is, found Pooling",
        ),
        ({"hidden": 0}, "hidden and classes must be counts"),
    ],
)
def test_what_cannot_be_built(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)) as error:
        FiveConv(**fields)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("poolings", "told"),
    [
        ((pooling.MAX,) * 4, "poolings must be five, one a convolution, found 4"),
        (pooling.MAX, "poolings must be five, one a convolution, found Pooling"),
        (
            ("max",) * 5,
            "pooling 1 must be of type Pooling, as networks.pooling.MAX is, found 'max'",
        ),
    ],
)
def test_a_plan_is_of_five_poolings(poolings: Any, told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        PoolingPlan("own", poolings)


def test_descriptions_do_without_flax() -> None:
    code = (
        "import sys, fmnist_jax.models.architectures; assert 'flax' not in sys.modules; print('ok')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ok\n"
