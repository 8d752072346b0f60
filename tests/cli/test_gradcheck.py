import json
from collections.abc import Callable

import jax
import pytest

from fmnist_jax.cli import gradcheck as command
from fmnist_jax.config.model import HandWritten
from fmnist_jax.gradcheck.check import check

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


def with_doubled_biases(network: HandWritten) -> HandWritten:
    """A gradient with a mistake."""

    def doubled(*arguments):
        value, gradients = network.value_and_grad(*arguments)
        return value, jax.tree.map(lambda dp: 2 * dp if dp.ndim == 1 else dp, gradients)

    return network._replace(value_and_grad=doubled)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every gradient has a mistake."""
    monkeypatch.setattr(
        command, "check", lambda network, options: check(with_doubled_biases(network), options)
    )


def test_a_wrong_gradient_exits_with_1(cli: Callable, wrong: None):
    code, out, _ = cli("gradcheck", *SMALL)
    assert code == 1
    assert "FAILED: 2 of 4" in out


CONVNET = "five-conv --filters 1 2 1 2 1 --kernels 1 --hidden 2 --images 1 --entries 2".split()


def test_a_network_by_its_name(cli: Callable):
    code, out, _ = cli("gradcheck", *CONVNET, "--gradients", "hand-written")
    assert code == 0
    assert out.startswith("convnet:")
    assert "block 5 kernel" in out
    assert "PASSED: all 14 leaves agree" in out


def test_stages_as_json(cli: Callable):
    words = ["pipeline", *CONVNET[1:], "--mlp.layer-sizes", "1", "2", "10", "--json"]
    code, out, _ = cli("gradcheck", *words)
    assert code == 0
    answer = json.loads(out)
    assert answer["passed"] is True
    assert list(answer["stages"]) == ["convnet", "mlp"]
    assert answer["stages"]["convnet"]["rows"][1]["path"] == "block 1 kernel"


def test_a_wrong_gradient_of_a_network_exits_with_1(cli: Callable, wrong: None):
    code, out, _ = cli("gradcheck", *CONVNET)
    assert code == 1
    assert "of 14 leaves disagree" in out


def test_an_unknown_network_or_gradient(cli: Callable):
    for words, message in (
        (["tall-conv"], "unknown network 'tall-conv': known are backbone"),
        (
            ["lenet", "--gradients", "numerical"],
            "unknown gradients 'numerical': known are autodiff",
        ),
        (["lenet", "--images", "0"], "images must be a whole number from 1"),
    ):
        code, _, err = cli("gradcheck", *words)
        assert code == 2
        assert message in err


def test_batch_normalisation_takes_more_images_and_refuses_one(cli: Callable):
    words = ["mlp", "--batch-norm", "--layer-sizes", "784", "4", "10", "--entries", "2"]

    code, out, _ = cli("gradcheck", *words)
    assert code == 0, out
    assert "layer 1 gamma" in out
    for one in ([*words, "--images", "1"], [*SMALL, "--batch-norm", "--batch-size", "1"]):
        code, _, err = cli("gradcheck", *one)
        assert code == 2
        assert "batch normalisation needs at least 2 images, found 1" in err
