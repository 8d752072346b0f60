"""Report 1's five-conv network, its sizes and parameters counted manually."""

import re
from typing import Any

import numpy as np
import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.models.five_conv import (
    AVERAGE,
    GLOBAL,
    GLOBAL_AT_END,
    MAX,
    POOLING_PLANS,
    FiveConv,
    PoolingPlan,
)
from fmnist_jax.models.names import NAMES
from fmnist_jax.ops import pooling
from fmnist_jax.scratch.activations import TANH
from fmnist_jax.scratch.initializers import xavier_uniform
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from tests.counting import count_parameters


@pytest.mark.parametrize(
    ("network", "inputs", "features"),
    [
        (FiveConv(), (28, 14, 7, 3, 1), 512),
        (FiveConv(pooling=AVERAGE), (28, 14, 7, 3, 1), 512),
        (FiveConv(pooling=GLOBAL), (28, 1, 1, 1, 1), 512),
        (FiveConv(pooling=GLOBAL_AT_END), (28, 14, 7, 3, 3), 512),
        (FiveConv((16,) * 5, kernels=(2,)), (28, 14, 7, 3, 1), 16),
        (FiveConv((16, 32, 64, 128, 256), (5,)), (28, 14, 7, 3, 1), 256),
    ],
)
def test_maps_as_report_1_has_them(
    network: FiveConv, inputs: tuple[int, ...], features: int
) -> None:
    sizes = network.network.map_sizes
    assert tuple(size.inputs for size in sizes) == inputs
    assert sizes[-1].pooled == 1
    assert network.network.features == features


@pytest.mark.parametrize(
    ("network", "count"),
    [
        # 320 + 18,496 + 73,856 + 295,168 + 1,180,160, then 525,312 + 10,250
        (FiveConv(), 2_103_562),
        # 160 + 4 * 2,320, then 544 + 330
        (FiveConv((16,) * 5, hidden=32), 10_314),
        # 160 + 4,640 + 18,496 + 73,856 + 295,168, then 131,584 + 5,130
        (FiveConv((16, 32, 64, 128, 256), hidden=512), 529_034),
        # 832 + 51,264 + 204,928 + 819,456 + 3,277,312, then 525,312 + 10,250
        (FiveConv(kernels=(5,)), 4_889_354),
    ],
)
def test_parameters(network: FiveConv, count: int) -> None:
    assert count_parameters(network.network) == count


def test_every_field_reaches_the_network() -> None:
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
    assert POOLING_PLANS.keys() >= {"max", "avg", "global", "global-at-end"}
    assert all(plan.name == name for name, plan in POOLING_PLANS.items())
    assert NAMES[PoolingPlan] is POOLING_PLANS


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"filters": (16,) * 4}, "filters must be five, one a convolution, found 4"),
        ({"filters": 16}, "filters must be five, one a convolution, found 16"),
        ({"filters": None}, "filters must be five, one a convolution, found None"),
        (
            {"kernels": 3.0},
            "kernels must be one for all five convolutions or one for each, found 3.0",
        ),
        ({"filters": ()}, "filters must be five, one a convolution, found 0"),
        ({"filters": (16,) * 6}, "found 6"),
        ({"filters": (16, 16, 0, 16, 16)}, "filters must be a whole number"),
        ({"kernels": (3, 3)}, "kernels must be one for all five convolutions or one for each"),
        ({"kernels": ()}, "kernels must be one for all five convolutions or one for each, found 0"),
        ({"kernels": (3, 3, 3, 3, 29)}, "kernel must be a whole number from 1 to 28"),
        ({"strides": (1, 2, 1)}, "strides must be one for all five convolutions or one for each"),
        ({"strides": (2,)}, "block 3: a 1x1 map is too small for max pooling"),
        ({"pooling": "max"}, "pooling must be of type PoolingPlan"),
        (
            {"pooling": pooling.MAX},
            "pooling must be of type PoolingPlan, such as models.five_conv.MAX, found Pooling",
        ),
        ({"hidden": 0}, "hidden must be a whole number from 1 to 16384, found 0"),
    ],
)
def test_what_cannot_be_built_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as error:
        FiveConv(**fields)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("poolings", "message"),
    [
        ((pooling.MAX,) * 4, "poolings must be five, one a convolution, found 4"),
        (pooling.MAX, "poolings must be five, one a convolution, found Pooling"),
        (("max",) * 5, "poolings[0] must be of type Pooling, such as ops.pooling.MAX, found 'max'"),
    ],
)
def test_a_plan_has_five_poolings(poolings: Any, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        PoolingPlan("own", poolings)
