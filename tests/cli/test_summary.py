import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist_jax.runs.presets import PRESETS


def test_the_table_ends_on_the_sums(cli: Callable):
    code, out, _ = cli("summary", "lenet")
    assert code == 0
    assert "block 2: convolution 5x5" in out
    assert "16x10x10" in out
    (total,) = (line for line in out.splitlines() if "total" in line)
    assert "61,706" in total
    assert "833,040" in total
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "stages", "parameters"),
    [
        (("mlp", "--layer-sizes", 784, 16, 10), ["mlp"], 12_730),
        (("five-conv",), ["convnet"], 2_103_562),
        (
            ("five-conv", *"--filters 16 16 16 16 16 --hidden 32 --kernels 3".split()),
            ["convnet"],
            10_314,
        ),
        (("small-cnn",), ["convnet"], 44_426),
        (("lenet", "--hidden", 7), ["convnet"], 5_459),
        (("backbone",), ["convnet"], 1_736_410),
        # 160 + 4,640 + 18,496 + 73,856 + 295,168, then [256, 20, 10]
        (
            ("pipeline", *"--filters 16 32 64 128 256 --hidden 20".split()),
            ["convnet", "mlp"],
            397_670,
        ),
    ],
)
def test_json(cli: Callable, words: tuple[object, ...], stages: list[str], parameters: int):
    code, out, _ = cli("summary", *words, "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["stages"] == stages
    assert answer["total"]["parameters"] == parameters
    for name, total in answer["total"].items():
        assert total == sum(layer[name] for layer in answer["layers"])


def test_a_pipeline_ends_on_the_mlp(cli: Callable):
    code, out, _ = cli("summary", "pipeline", "--json")
    assert code == 0
    names = [layer["name"] for layer in json.loads(out)["layers"]]
    assert names[-3:] == ["block 5: convolution 3x3", "mlp: dense 1", "mlp: dense 2"]


@pytest.mark.parametrize("name", PRESETS)
def test_every_network_has_help(cli: Callable, name: str):
    code, out, _ = cli("summary", name, "--help")
    assert code == 0
    assert f"fmnist-jax summary {name}" in out
    assert "--json" in out
    assert "Print the figures as JSON." in " ".join(out.replace("\u2502", " ").split())
    assert "Count the parameters of" in out
    assert "Train " not in out.partition("options")[0]


def test_the_checkpoint_of_a_pipeline(cli: Callable, pipeline_dir: Path):
    code, out, _ = cli("summary", pipeline_dir, "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["stages"] == ["convnet", "mlp"]
    assert [layer["output"] for layer in answer["layers"][-2:]] == [[8], [10]]


def test_a_checkpoint_or_its_run(cli: Callable, run_dir: Path):
    code, out, _ = cli("summary", run_dir, "--json")
    assert code == 0
    answer = json.loads(out)
    assert [layer["output"] for layer in answer["layers"]] == [[16], [10]]
    assert cli("summary", run_dir / "checkpoint", "--json").out == out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lenett",), "lenett: not found"),
        (
            ("lenett",),
            "or a network: backbone, five-conv, lenet, mlp, pipeline, resnet, small-cnn, smallest",
        ),
        ((), "NETWORK|CHECKPOINT"),
        (("five-conv", "--filters", "16"), "filters must be five, one a convolution, found 1"),
        (("lenet", "--filters", "16"), "--filters"),
    ],
)
def test_invalid_words_are_refused_in_one_line(cli: Callable, words: tuple[str, ...], message: str):
    code, out, err = cli("summary", *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
