import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("few_pictures")


def test_it_repeats_the_runs_own_figures(cli: Callable, run_dir: Path):
    code, out, _ = cli("evaluate", run_dir, "--source", "synthetic", "--json")
    assert code == 0
    answer, result = json.loads(out), json.loads((run_dir / "result.json").read_text())
    expected = result["test"]
    del expected["loss"]
    assert {name: answer[name] for name in expected} == expected


def test_the_table_ends_on_the_accuracy(cli: Callable, run_dir: Path):
    code, out, _ = cli("evaluate", run_dir, "--source", "synthetic", "--split", "validation")
    assert code == 0
    result = json.loads((run_dir / "result.json").read_text())
    assert out.splitlines()[-1] == (f"Validation accuracy: {result['validation']['accuracy']:.4f}")
    assert "Ankle boot" in out
    assert "f1 (macro)" in out


def test_a_pipeline_is_evaluated_as_its_mlp(cli: Callable, pipeline_dir: Path):
    code, out, _ = cli("evaluate", pipeline_dir, "--source", "synthetic", "--json")
    assert code == 0
    result = json.loads((pipeline_dir / "result.json").read_text())
    assert json.loads(out)["confusion"] == result["mlp"]["test"]["confusion"]
    assert result["mlp"]["test"]["confusion"] != result["network"]["test"]["confusion"]


def test_a_convolutional_network_is_evaluated(cli: Callable, network_dir: Path):
    code, out, _ = cli("evaluate", network_dir, "--source", "synthetic", "--json")
    assert code == 0
    result = json.loads((network_dir / "result.json").read_text())
    assert json.loads(out)["confusion"] == result["test"]["confusion"]
