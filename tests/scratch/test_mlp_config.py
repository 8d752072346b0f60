"""Configurations of MLPs: what is refused and what is converted."""

import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.errors import UserError
from fmnist_jax.scratch.activations import RELU, SIGMOID, TANH
from fmnist_jax.scratch.mlp import MLPConfig


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("layer_sizes", (784,), r"layer_sizes must be a sequence of 2 or more, found \(784,\)"),
        ("layer_sizes", (), "layer_sizes"),
        (
            "layer_sizes",
            (784, 0, 10),
            r"layer_sizes\[1\] must be a whole number from 1 to .* found 0",
        ),
        ("layer_sizes", (784, -5, 10), "layer_sizes"),
        ("layer_sizes", 5, "layer_sizes must be a sequence of 2 or more, found 5"),
        ("activations", None, "activations must be of type Activation, .* found None"),
        (
            "dropout",
            "0.1",
            "dropout must be a finite number of at least 0 and less than 1, found '0.1'",
        ),
        ("l2", "a", "l2 must be a finite number of at least 0, found 'a'"),
        ("initializer", "he", "initializer must be a function, .* found 'he'"),
        ("loss", "x", "loss must be of type Loss, .* found 'x'"),
        ("activations", (RELU, TANH, SIGMOID), "found 3"),
        ("activations", (), "found 0"),
        ("dropout", 1.0, "dropout"),
        ("dropout", -0.1, "dropout"),
        ("dropout", float("nan"), "dropout"),
        ("l2", -1e-3, "l2"),
        ("l2", float("inf"), "l2"),
        ("l2", float("nan"), "l2"),
        ("batch_norm", 1, "batch_norm must be of type bool, such as True, found 1"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(field: str, value, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        evolve(MLPConfig((784, 20, 20, 10)), **{field: value})

    assert "\n" not in str(raised.value)


def test_one_activation_serves_all_hidden_layers() -> None:
    assert MLPConfig((4, 3, 3, 3, 2), (TANH,)).hidden_activations == (TANH,) * 3
    assert MLPConfig((4, 3, 3, 2), (TANH, RELU)).hidden_activations == (TANH, RELU)
    assert MLPConfig((4, 2)).hidden_activations == ()


def test_lists_numpy_numbers_and_a_single_activation_are_converted() -> None:
    config = MLPConfig([4, np.int64(3), 2], TANH, dropout=np.float32(0.5))  # pyright: ignore

    assert config == MLPConfig((4, 3, 2), (TANH,), dropout=0.5)
    assert hash(config) == hash(MLPConfig((4, 3, 2), (TANH,), dropout=0.5))
    assert all(type(size) is int for size in config.layer_sizes)
