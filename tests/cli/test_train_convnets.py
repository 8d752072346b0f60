"""Convolutional networks and pipelines trained by the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.config.codec import decode
from fmnist_jax.data import sources
from fmnist_jax.runs.config import NAMES, Run
from fmnist_jax.runs.presets import lenet
from fmnist_jax.scratch.initializers import uniform_fan_in
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.scratch.mlp import MLPConfig
from tests.cli.results import COMMON, lines, pictures, read_result
from tests.once import drawn

pytestmark = pytest.mark.usefixtures("few_pictures")

CONVOLUTIONAL = {*(f"feature_maps_{number}" for number in (1, 2, 3))}


def test_the_pipeline_leaves_figures_of_both(pipeline_dir: Path):
    configuration = decode(
        Run, json.loads((pipeline_dir / "configuration.json").read_text()), NAMES, ""
    )
    convnet, mlp = configuration.stages
    assert (convnet.name, convnet.model.features) == ("convnet", 4)
    assert mlp.model == MLPConfig((4, 8, 10), initializer=uniform_fan_in)
    assert (convnet.training.epochs, mlp.training.epochs) == (2, 3)
    results = read_result(pipeline_dir)
    assert list(results) == ["convnet", "mlp"]
    for name, epochs in (("convnet", 2), ("mlp", 3)):
        history, result = lines(pipeline_dir / f"metrics_{name}.jsonl"), results[name]
        assert [line["epoch"] for line in history] == list(range(1, epochs + 1))
        assert result["stopped_epoch"] == epochs
        best = history[result["best_epoch"] - 1]
        assert result["validation"]["loss"] == pytest.approx(best["validation_loss"], rel=1e-4)
        for split, count in (("train", 800), ("validation", 400), ("test", 400)):
            assert np.sum(result[split]["confusion"]) == count
    assert "extraction_seconds" not in results["convnet"]
    assert results["mlp"]["extraction_seconds"] >= 0
    curves = {"learning_curves_convnet", "learning_curves_mlp"}
    assert pictures(pipeline_dir) == COMMON | CONVOLUTIONAL | curves


def test_a_convolutional_network_leaves_its_filters_and_maps(convnet_dir: Path):
    assert pictures(convnet_dir) == COMMON | CONVOLUTIONAL | {"learning_curves_convnet"}
    assert len(lines(convnet_dir / "metrics_convnet.jsonl")) == 1


@pytest.mark.usefixtures("blank_pictures")
def test_a_stored_network_gets_an_mlp_and_isnt_trained_again(
    cli: Callable, convnet_dir: Path, tmp_path: Path
):
    words = "--source synthetic --validation-fraction 0.3333 --mlp.layer-sizes 4 6 10".split()
    words += "--mlp-training.epochs 1 --mlp-training.batch-size 200".split()
    code, out, _ = cli("train", "--extractor", convnet_dir, *words, "--run-dir", tmp_path / "run")
    assert code == 0
    assert out.count("Epoch 1/1 |") == 1
    assert "Features: train (800, 4), validation (400, 4), test (400, 4)" in out
    stored = read_result(convnet_dir)["convnet"]
    result = read_result(tmp_path / "run")
    assert result["convnet"]["test"] == stored["test"]
    assert "best_epoch" not in result["convnet"]
    itself, last = out.splitlines()[-2:]
    assert itself == f"Test accuracy of stage convnet: {stored['test']['accuracy']:.4f}"
    assert last == f"Test accuracy: {result['mlp']['test']['accuracy']:.4f}"
    assert pictures(tmp_path / "run") == COMMON | CONVOLUTIONAL | {"learning_curves_mlp"}
    assert not (tmp_path / "run/metrics_convnet.jsonl").exists()
    configuration = json.loads((tmp_path / "run/configuration.json").read_text())
    assert configuration["stages"][0]["training"]["optimizer"] == "momentum"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--mlp.layer-sizes", "5", "10"],
            "must take the 4 features of stage convnet, found 5 inputs",
        ),
        (["--filters", "1", "1", "1", "1", "1"], "leave out the options"),
        (["--scaling", "unit"], "leave out the options"),
        (["--split-seed", "1"], "split_seed must be 0, as for the network in"),
    ],
)
def test_options_that_do_not_fit_the_extractor_are_refused(
    cli: Callable, convnet_dir: Path, tmp_path: Path, words: list[str], message: str
):
    data = ["--source", "synthetic", "--validation-fraction", "0.3333"]
    run_dir = ["--run-dir", tmp_path / "run"]
    code, _, err = cli("train", "--extractor", convnet_dir, *data, *words, *run_dir)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_network_that_was_trained_on_other_images_is_no_extractor(
    cli: Callable, convnet_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sources, "draw_synthetic", lambda: drawn(1200, 300))
    data = ["--source", "synthetic", "--validation-fraction", "0.3333"]
    run_dir = ["--run-dir", tmp_path / "run"]
    code, _, err = cli("train", "--extractor", convnet_dir, *data, *run_dir)
    assert code == 2
    assert "--extractor: was trained on other images than synthetic" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_pipelines_checkpoint_is_no_extractor(cli: Callable, pipeline_dir: Path):
    code, _, err = cli("train", "--extractor", pipeline_dir, "--source", "synthetic")
    assert code == 2
    assert "a checkpoint with the stages convnet, mlp; name one with a single convolutional" in err


@pytest.mark.usefixtures("blank_pictures")
def test_a_named_network_with_the_loss_that_report_3_used(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sources, "draw_synthetic", lambda: drawn(800, 400))  # splits of one size
    words = "--source synthetic --validation-fraction 0.5 --optimizer momentum --epochs 1".split()
    words += ["--loss", "softmax-twice", "--json"]
    code, out, _ = cli("train", "lenet", *words, "--run-dir", tmp_path / "run")
    assert code == 0
    loss = json.loads(out)["stages"]["convnet"]["train"]["loss"]
    assert loss > 1.461  # log(1 + 9/e): below that, it's the right loss
    configuration = json.loads((tmp_path / "run/configuration.json").read_text())
    (stage,) = decode(Run, {**configuration, "data": {}}, NAMES, "").stages
    assert stage.model == evolve(lenet.MODEL, loss=SOFTMAX_TWICE)
    assert stage.training.batch_size == 100
