import json
from collections.abc import Callable
from pathlib import Path


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
