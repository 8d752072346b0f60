import json
from collections.abc import Callable

import pytest

from fmnist_jax.cli import gradcheck as command
from fmnist_jax.gradcheck.check import check
from fmnist_jax.scratch import mlp

SMALL = ("--layer-sizes", 5, 4, 3, "--activations", "gelu", "--entries", 4)


def test_a_right_gradient_passes(cli: Callable):
    code, out, _ = cli("gradcheck", *SMALL)
    assert code == 0
    assert "layer 2 W" in out
    assert "PASSED" in out


def test_json(cli: Callable):
    code, out, _ = cli("gradcheck", *SMALL, "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["passed"] is True
    assert [row["path"] for row in answer["rows"]] == [
        "layer 1 W", "layer 1 b", "layer 2 W", "layer 2 b",
    ]  # fmt: skip


def test_a_wrong_gradient_exits_with_1(cli: Callable, monkeypatch: pytest.MonkeyPatch):
    def doubled(*arguments):
        value, (first, *rest) = mlp.value_and_grad(*arguments)
        return value, (first._replace(b=2 * first.b), *rest)

    monkeypatch.setattr(
        command, "check", lambda model, options: check(model, options, value_and_grad=doubled)
    )
    code, out, _ = cli("gradcheck", *SMALL)
    assert code == 1
    assert "FAILED: 1 of 4" in out
