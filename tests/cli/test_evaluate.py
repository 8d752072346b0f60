import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from fmnist_jax.cli import evaluate

pytestmark = pytest.mark.usefixtures("few_pictures")


def test_figures_are_those_of_the_run(cli: Callable, run_dir: Path):
    code, out, _ = cli("evaluate", run_dir, "--source", "synthetic", "--json")
    assert code == 0
    answer, result = json.loads(out), json.loads((run_dir / "result.json").read_text())
    expected = result["stages"]["mlp"]["test"]
    del expected["loss"]
    assert {name: answer[name] for name in expected} == expected


def test_the_table_ends_on_the_accuracy(cli: Callable, run_dir: Path):
    code, out, _ = cli("evaluate", run_dir, "--source", "synthetic", "--split", "validation")
    assert code == 0
    result = json.loads((run_dir / "result.json").read_text())
    accuracy = result["stages"]["mlp"]["validation"]["accuracy"]
    assert out.splitlines()[-1] == f"Validation accuracy: {accuracy:.4f}"
    assert "Ankle boot" in out
    assert "f1 (macro)" in out


def test_a_pipeline_is_evaluated_by_its_last_stage(cli: Callable, pipeline_dir: Path):
    code, out, _ = cli("evaluate", pipeline_dir, "--source", "synthetic", "--json")
    assert code == 0
    stages = json.loads((pipeline_dir / "result.json").read_text())["stages"]
    assert json.loads(out)["confusion"] == stages["mlp"]["test"]["confusion"]
    assert stages["mlp"]["test"]["confusion"] != stages["convnet"]["test"]["confusion"]


def test_a_convolutional_network_is_evaluated(cli: Callable, convnet_dir: Path):
    code, out, _ = cli("evaluate", convnet_dir, "--source", "synthetic", "--json")
    assert code == 0
    result = json.loads((convnet_dir / "result.json").read_text())
    assert json.loads(out)["confusion"] == result["stages"]["convnet"]["test"]["confusion"]


def test_another_split_than_the_networks_own_is_refused(cli: Callable, run_dir: Path):
    words = ["--source", "synthetic", "--split", "validation", "--split-seed", "1"]
    code, _, err = cli("evaluate", run_dir, *words)
    assert code == 2
    assert "split_seed must be 0, as for the network in" in err
    assert cli("evaluate", run_dir, "--source", "synthetic", "--split-seed", "1").code == 0
    code, _, err = cli("evaluate", run_dir, "--source", "synthetic", "--resplit-seed", "1")
    assert code == 2
    assert "resplit_seed must be None, as for the network in" in err


def test_other_classes_than_the_data_sets_are_refused(
    cli: Callable, run_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    load = evaluate.load_dataset
    monkeypatch.setattr(
        evaluate,
        "load_dataset",
        lambda *arguments: evolve(load(*arguments), class_names=tuple("abcdefghij")),
    )
    code, _, err = cli("evaluate", run_dir, "--source", "synthetic")
    assert code == 2
    assert "the data set has a, b, c" in err
