"""The gradient check fails what is broken, leaf by leaf."""

from collections.abc import Callable
from unittest import mock

import jax
import jax.numpy as jnp
import pytest

from fmnist_jax.gradcheck.check import CheckConfig
from fmnist_jax.scratch import activations, mlp, normalised_dense
from fmnist_jax.scratch.activations import GELU, SIGMOID, TANH, Activation
from fmnist_jax.scratch.batch_norm import (
    EPSILON,
    batch_moments,
    batch_norm_infer_backward,
    batch_norm_train_backward,
)
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, SOFTMAX_TWICE, Loss
from fmnist_jax.scratch.mlp import MLPConfig
from tests.gradcheck.cases import (
    BELOW_THE_LAST,
    BROKEN,
    SQUARE,
    ValueAndGrad,
    check,
    failed,
    row,
    then,
    with_part,
)

MASKED = MLPConfig((5, 5, 5, 5), (TANH, GELU), dropout=0.4)
BELOW_THE_SECOND = {"layer 1 W", "layer 1 b"}


@pytest.mark.parametrize(("broken", "leaves"), BROKEN.values(), ids=BROKEN.keys())
def test_fails_a_broken_backward_on_its_leaves(broken: ValueAndGrad, leaves: set[str]) -> None:
    report = check(SQUARE, value_and_grad=broken)

    assert not report.passed
    assert failed(report) == leaves


@pytest.mark.parametrize(
    "backward",
    [lambda dA, mask: dA, lambda dA, mask: jnp.where(mask > 0, dA, 0.0)],
    ids=["mask not applied", "mask without its scale"],
)
def test_fails_a_wrong_mask_below_it(backward: Callable) -> None:
    report = check(MASKED, value_and_grad=with_part("dropout_backward", backward))

    assert failed(report) == BELOW_THE_LAST


NORMALISED = MLPConfig((5, 5, 5, 5), (TANH, GELU), batch_norm=True)


def moments_constant(dy, x, layer, axis):
    return batch_norm_infer_backward(dy, x, layer, batch_moments(x, axis), axis)


def mean_constant(dy, x, layer, axis):
    gradients, dx = batch_norm_train_backward(dy, x, layer, axis)
    scale = layer.gamma / jnp.sqrt(batch_moments(x, axis).variance + EPSILON)
    return gradients, dx + (scale * gradients.beta / x.shape[0])[None]


def gamma_left_out(dy, x, layer, axis):
    gradients, _ = batch_norm_train_backward(dy, x, layer, axis)
    plain = layer._replace(gamma=jnp.ones_like(layer.gamma))
    return gradients, batch_norm_train_backward(dy, x, plain, axis)[1]


@pytest.mark.parametrize("backward", [moments_constant, mean_constant, gamma_left_out])
def test_fails_a_wrong_batch_normalisation_below_it(backward: Callable) -> None:
    def broken(*arguments):
        with mock.patch.object(normalised_dense, "batch_norm_train_backward", backward):
            return mlp.value_and_grad(*arguments)

    report = check(NORMALISED, value_and_grad=broken)

    first = {"layer 1 W", "layer 1 gamma", "layer 1 beta"}
    assert failed(report) == first | {"layer 2 W"}


def test_another_pytree_fails_though_its_leaves_agree() -> None:
    report = check(SQUARE, value_and_grad=then(list))

    assert not report.passed
    assert failed(report) == set()
    assert "expected" in report.problems[0]


def test_fails_a_wrong_derivative() -> None:
    broken = Activation("broken", activations.tanh, activations.sigmoid_backward)

    report = check(MLPConfig((5, 4, 3, 5), (broken, SIGMOID)))
    assert failed(report) == BELOW_THE_SECOND


def test_fails_a_wrong_loss_backward() -> None:
    broken = Loss("broken", SOFTMAX_CROSS_ENTROPY.forward, SOFTMAX_TWICE.backward)

    assert len(failed(check(MLPConfig((5, 4, 3), loss=broken)))) == 4


@jax.custom_jvp
def cube(Z):
    return Z**3


@cube.defjvp
def wrong_rule(primals, tangents):
    return cube(*primals), 2 * primals[0] ** 2 * tangents[0]


def test_central_differences_catch_a_mistake_that_autodiff_shares() -> None:
    shared = Activation("cube", cube, lambda dA, Z: dA * 2 * Z**2)

    report = check(MLPConfig((5, 4, 3), (shared,)))

    assert failed(report) == BELOW_THE_SECOND
    autodiff, differences = row(report, "layer 1 W").comparisons[:2]
    assert autodiff.passed
    assert not differences.passed


def test_differences_see_an_error_in_one_entry_of_a_big_layer() -> None:
    def drop_one(gradients):
        first, *rest = gradients
        size = jnp.abs(first.W)
        return (first._replace(W=jnp.where(size == size.max(), 0.0, first.W)), *rest)

    report = check(MLPConfig((100, 30, 3)), CheckConfig(entries=2), value_and_grad=then(drop_one))

    assert not row(report, "layer 1 W").comparisons[1].passed
