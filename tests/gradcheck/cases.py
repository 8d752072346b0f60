"""Small networks, gradients with a mistake in them, and how to read a report."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
from rich.console import Console

from fmnist_jax.gradcheck import check as gradcheck
from fmnist_jax.gradcheck.check import CheckConfig
from fmnist_jax.gradcheck.report import Report, Row, render
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.activations import GELU, TANH
from fmnist_jax.scratch.mlp import Dense, MLPConfig
from tests.compiling import quick_jit

ValueAndGrad = Callable[..., Any]
"""`mlp.value_and_grad`, or another function of the same arguments that is to be checked."""


def check(
    config: MLPConfig,
    options: CheckConfig | None = None,
    value_and_grad: ValueAndGrad = mlp.value_and_grad,
) -> Report:
    """Check a gradient of an MLP."""
    network = config.hand_written()
    if value_and_grad is not mlp.value_and_grad:
        network = network._replace(
            value_and_grad=lambda parameters, X, targets, key: value_and_grad(
                parameters, X, targets, config, key
            )
        )
    return gradcheck.check(network, options, jit=quick_jit)


check_at = partial(gradcheck.check_at, jit=quick_jit)

SMALL = MLPConfig((3, 4, 3))
SQUARE = MLPConfig((5, 5, 5, 5), (TANH, GELU), l2=0.1)
LAYERS = ("layer 1", "layer 2", "layer 3")
ALL = {f"{layer} {parameter}" for layer in LAYERS for parameter in "Wb"}
WEIGHTS = {f"{layer} W" for layer in LAYERS}
BELOW_THE_LAST = {path for path in ALL if not path.startswith("layer 3")}


def with_part(name: str, part: Callable) -> ValueAndGrad:
    """`mlp.value_and_grad` with one of its parts replaced."""

    def value_and_grad(*arguments):
        with mock.patch.object(mlp, name, part):
            return mlp.value_and_grad(*arguments)

    return value_and_grad


def then(change: Callable) -> ValueAndGrad:
    """`mlp.value_and_grad` with a change to its gradients."""

    def value_and_grad(*arguments):
        value, gradients = mlp.value_and_grad(*arguments)
        return value, change(gradients)

    return value_and_grad


def missing_one_over_m(parameters, X, targets, config, key):
    (value, logits), gradients = mlp.value_and_grad(parameters, X, targets, config, key)
    undone = jax.tree.map(lambda dp: dp * X.shape[0], gradients)
    return (value, logits), undone


def penalised_biases(parameters, X, targets, config, key):
    value, gradients = mlp.value_and_grad(parameters, X, targets, config, key)
    return value, jax.tree.map(
        lambda dp, p: dp + config.l2 * p if p.ndim == 1 else dp, gradients, parameters
    )


def entry_off(gradients, factor):
    first, *rest = gradients
    return (first._replace(W=first.W.at[2, 3].multiply(factor)), *rest)


BROKEN: dict[str, tuple[ValueAndGrad, set[str]]] = {
    "1/m missing": (missing_one_over_m, ALL),
    "W not transposed": (
        with_part(
            "dense_backward", lambda dZ, A, layer: (Dense(A.T @ dZ, dZ.sum(0)), dZ @ layer.W)
        ),
        BELOW_THE_LAST,
    ),
    "A not transposed": (
        with_part(
            "dense_backward",
            lambda dZ, A, layer: (Dense((A.T @ dZ).T, dZ.sum(0)), dZ @ layer.W.T),
        ),
        WEIGHTS,
    ),
    "L2 left out": (with_part("l2_penalty_backward", lambda dW, *_: dW), WEIGHTS),
    "L2 on b": (penalised_biases, ALL - WEIGHTS),
    "db a mean": (
        with_part(
            "dense_backward",
            lambda dZ, A, layer: (Dense(A.T @ dZ, dZ.mean(0)), dZ @ layer.W.T),
        ),
        ALL - WEIGHTS,
    ),
    "layers swapped": (then(lambda g: (g[1], g[0], g[2])), BELOW_THE_LAST),
    "sign": (then(lambda g: jax.tree.map(jnp.negative, g)), ALL),
    "one entry": (then(lambda g: entry_off(g, 1.01)), {"layer 1 W"}),
    "NaN": (then(lambda g: entry_off(g, jnp.nan)), {"layer 1 W"}),
    "infinity": (then(lambda g: entry_off(g, jnp.inf)), {"layer 1 W"}),
    "zero": (then(lambda g: jax.tree.map(jnp.zeros_like, g)), ALL),
    "a layer missing": (then(lambda g: g[:2]), {"layer 3 W", "layer 3 b"}),
    "a layer too many": (then(lambda g: (*g, g[0])), {"layer 4 W", "layer 4 b"}),
    "wrong shape": (then(lambda g: (*g[:2], g[2]._replace(b=g[2].b[:1]))), {"layer 3 b"}),
    "wrong dtype": (
        then(lambda g: (*g[:2], g[2]._replace(b=g[2].b.astype(jnp.float16)))),
        {"layer 3 b"},
    ),
}


def failed(report: Report) -> set[str]:
    return {row.path for row in report.rows if not row.passed}


def row(report: Report, path: str) -> Row:
    return next(row for row in report.rows if row.path == path)


def rendered(report: Report) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(render(report))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
