"""The gradient check of convolutional networks: passes what is right, fails what is broken."""

from collections.abc import Callable
from types import ModuleType
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.config.model import HandWritten
from fmnist_jax.gradcheck.check import CheckConfig, check, check_at
from fmnist_jax.gradcheck.gradients import Point
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.five_conv import POOLING_PLANS, FiveConv
from fmnist_jax.ops import fast_block
from fmnist_jax.ops.pooling import AVERAGE, MAX, NONE
from fmnist_jax.scratch import blocks, convnet
from fmnist_jax.scratch.batch_norm import EPSILON, batch_moments, batch_norm_train_backward
from fmnist_jax.scratch.convnet import ConvNet
from tests.compiling import quick_jit
from tests.gradcheck.cases import failed, rendered, row

OPTIONS = CheckConfig(batch_size=1, entries=4)
SMALL = ConvNetConfig((Block(2, 3, 2), Block(3, 2)), hidden=())
LEAVES = [
    f"{layer} {leaf}" for layer in ("block 1", "block 2", "dense 1") for leaf in ("bias", "kernel")
]


@pytest.mark.parametrize("pooling", ["max", "avg", "global", "global-at-end"])
def test_passes_for_a_small_five_conv(pooling: str) -> None:
    plan = POOLING_PLANS[pooling]
    network = FiveConv((2, 3, 2, 3, 2), (3, 1, 1, 1, 1), pooling=plan, hidden=3).network

    report = check(network.hand_written(), OPTIONS, jit=quick_jit)

    assert report.passed, report
    assert [row.path for row in report.rows][:2] == ["block 1 bias", "block 1 kernel"]
    assert len(report.rows) == 14
    # Fewer than all entries are left out, so that something was compared.
    assert all(one.entries for row in report.rows for one in row.comparisons[:2])


def test_the_table_fits_a_terminal() -> None:
    text = rendered(check(SMALL.hand_written(), OPTIONS, jit=quick_jit))

    assert "…" not in text
    assert [line for line in LEAVES if line in text] == LEAVES
    assert max(map(len, text.splitlines())) <= 80


class FlippedKernel(fast_block.FastBlock):
    def convolve_backward(self, dZ, residuals, layer):
        turned = layer._replace(kernel=layer.kernel[::-1, ::-1])
        gradient, _ = super().convolve_backward(dZ, residuals, layer)
        return gradient, super().convolve_backward(dZ, residuals, turned)[1]


class WrongPadding(fast_block.FastBlock):
    def convolve_backward(self, dZ, residuals, layer):
        x, one = residuals
        return super().convolve_backward(dZ, (jnp.roll(x, 1, axis=1), one), layer)


class TieCountedTwice(fast_block.FastBlock):
    def pool_backward(self, dy, A):
        windows = A.reshape(*A.shape[:1], dy.shape[1], 2, dy.shape[2], 2, A.shape[-1])
        largest = windows == windows.max(axis=(2, 4), keepdims=True)
        return jnp.where(largest, dy[:, :, None, :, None], 0.0).astype(dy.dtype).reshape(A.shape)


def broken(config: ConvNetConfig, second: type[fast_block.FastBlock]) -> HandWritten:
    """The network's gradient with another class for its second block."""
    network = config.scratch_network
    first, right = network.blocks
    assert isinstance(right, fast_block.FastBlock)
    wrong = network._replace(blocks=(first, second(right.geometry, right.pooling)))
    return with_network(config, wrong)


def with_network(config: ConvNetConfig, wrong: ConvNet) -> HandWritten:
    return config.hand_written()._replace(
        value_and_grad=lambda parameters, images, targets, key: convnet.value_and_grad(
            parameters, images, targets, wrong, key
        )
    )


@pytest.mark.parametrize(
    ("second", "leaves"),
    [
        (FlippedKernel, {"block 1 bias", "block 1 kernel"}),
        (WrongPadding, {"block 2 kernel"}),
    ],
)
def test_fails_a_broken_backward_on_its_leaves(
    second: type[fast_block.FastBlock], leaves: set[str]
) -> None:
    assert failed(check(broken(SMALL, second), OPTIONS, jit=quick_jit)) == leaves


NORMALISED = ConvNetConfig(
    (
        Block(2, 3, 4, pooling=NONE),
        Block(3, 3, pooling=NONE),
        Block(4, 2, pooling=NONE, shortcut=2),
    ),
    hidden=(3,),
    batch_norm=True,
    dropout=0.2,
)
MORE = CheckConfig(batch_size=4, entries=4)
KERNEL = {f"block {number} kernel" for number in (1, 2, 3)}
FIRST = {"block 1 beta", "block 1 gamma", "block 1 kernel"}
SECOND = {"block 2 beta", "block 2 gamma", "block 2 kernel"}


def test_passes_with_batch_normalisation_shortcut_and_dropout() -> None:
    report = check(NORMALISED.hand_written(), MORE, jit=quick_jit)

    assert report.passed, report
    assert {row.path for row in report.rows} >= FIRST | SECOND
    assert all(one.entries for row in report.rows for one in row.comparisons[:2])


def mean_constant(dy, x, layer):
    gradients, dx = batch_norm_train_backward(dy, x, layer)
    scale = layer.gamma / jnp.sqrt(batch_moments(x).variance + EPSILON)
    shift = scale * gradients.beta / (x.size // x.shape[0])
    return gradients, dx + shift.reshape(-1, *[1] * (x.ndim - 1))


@pytest.mark.parametrize(
    ("module", "name", "wrong", "leaves"),
    [
        (blocks, "batch_norm_train_backward", mean_constant, FIRST | SECOND | KERNEL),
        (convnet, "shortcut_backward", lambda dy, x: jnp.zeros_like(x), FIRST),
        (convnet, "dropout_backward", lambda dA, mask: dA, FIRST | SECOND),
    ],
    ids=["mean constant", "shortcut left out", "mask left out"],
)
def test_fails_what_is_broken_around_a_convolution(
    module: ModuleType, name: str, wrong: Callable, leaves: set[str]
) -> None:
    with mock.patch.object(module, name, wrong):
        network = with_network(
            NORMALISED, NORMALISED.scratch_network
        )  # one that isn't compiled yet
        report = check(network, MORE, jit=quick_jit)

    assert failed(report) >= leaves
    assert row(report, "dense 2 kernel").passed


def tied_point(network: HandWritten) -> Point:
    """An image of one grey level: every window within it is tied, at values above 0."""
    parameters = network.init(jax.random.key(0))
    for layer in parameters["blocks"].values():
        layer["kernel"] = jnp.abs(layer["kernel"])
        layer["bias"] = jnp.full_like(layer["bias"], 0.5)
    return Point(parameters, jnp.ones((1, 28, 28)), jnp.eye(10)[3:4], network)


TIED = ConvNetConfig((Block(2, 1, 2), Block(3, 1)), hidden=())


def test_ties_in_a_pooling_pass_and_are_left_out_where_a_difference_breaks_them() -> None:
    report = check_at(tied_point(TIED.hand_written()), OPTIONS, jit=quick_jit)

    assert report.passed, report
    assert np.isfinite(row(report, "block 1 kernel").comparisons[0].relative)


def test_a_tie_counted_twice_fails() -> None:
    report = check_at(tied_point(broken(TIED, TieCountedTwice)), OPTIONS, jit=quick_jit)

    assert {"block 1 bias", "block 1 kernel", "block 2 bias", "block 2 kernel"} <= failed(report)


@pytest.mark.parametrize(("pooling", "left_out"), [(MAX, True), (AVERAGE, False)])
def test_an_entry_that_changes_a_window_s_largest_is_left_out(pooling, left_out: bool) -> None:
    """Two columns of an image are tied but for the weights of a 2x1 kernel's two taps."""
    network = ConvNetConfig((Block(1, 2, pooling=pooling),), hidden=()).hand_written()
    parameters = network.init(jax.random.key(0))
    parameters["blocks"][0]["kernel"] = jnp.ones((2, 2, 1, 1))
    parameters["blocks"][0]["bias"] = jnp.ones(1)
    image = jnp.zeros((1, 28, 28)).at[0, 0, 0].set(1.0).at[0, 0, 2].set(1.0)
    point = Point(parameters, image, jnp.eye(10)[3:4], network)

    report = check_at(point, OPTIONS, jit=quick_jit)

    assert report.passed, report
    kinks = row(report, "block 1 kernel").comparisons[1].kinks
    assert (kinks > 0) == left_out
    assert row(report, "dense 1 kernel").comparisons[1].kinks == 0
