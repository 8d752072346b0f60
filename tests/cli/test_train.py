import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fmnist_jax.models.architectures import LENET
from fmnist_jax.runs.pipeline import PipelineRun
from fmnist_jax.runs.run import NAMES, CNNRun, MLPRun
from PIL import Image

from fmnist_jax.cli import train as train_command
from fmnist_jax.cli.train import FeatureMLP
from fmnist_jax.config.codec import decode
from fmnist_jax.data import sources
from fmnist_jax.errors import UserError
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.lock import held
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.training.loop import EpochRecord
from tests.once import drawn

pytestmark = pytest.mark.usefixtures("few_pictures")


def test_a_run_leaves_configuration_history_result_pictures_and_checkpoint(run_dir: Path):
    configuration = decode(
        MLPRun, json.loads((run_dir / "configuration.json").read_text()), NAMES, run_dir
    )
    assert configuration.model.layer_sizes == (784, 16, 10)
    assert configuration.training.epochs == 3
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert set(lines[0]) == set(EpochRecord._fields)
    result = json.loads((run_dir / "result.json").read_text())
    assert result["best_epoch"] == 3
    assert np.sum(result["test"]["confusion"]) == 400
    assert result["validation"]["loss"] == pytest.approx(lines[2]["validation_loss"], rel=1e-5)
    pictures = sorted(path.stem for path in (run_dir / "pictures").iterdir())
    assert pictures == [
        "confusion_matrix", "first_layer_weights", "learning_curves", "mistakes", "predictions",
    ]  # fmt: skip
    for path in (run_dir / "pictures").iterdir():
        with Image.open(path) as picture:
            picture.load()
    assert list((run_dir / "tensorboard").glob("events.*"))
    assert (run_dir / "checkpoint").is_dir()


@pytest.mark.usefixtures("blank_pictures")
def test_the_output_ends_on_the_test_accuracy_and_shows_restored_predictions(
    cli: Callable, tmp_path: Path
):
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 1 --batch-size 64".split()
    code, out, _ = cli("train", "mlp", *words, "--run-dir", tmp_path / "run")
    assert code == 0
    lines = out.splitlines()
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert lines[-1] == f"Test accuracy: {result['test']['accuracy']:.4f}"
    assert sum(line.startswith("Epoch 1/1 |") for line in lines) == 1
    assert sum("predicted" in line and "correct" in line for line in lines) == 5


@pytest.mark.usefixtures("blank_pictures")
def test_json_is_all_that_goes_to_standard_output(cli: Callable, tmp_path: Path):
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 1 --batch-size 64 --json".split()
    code, out, err = cli("train", "mlp", *words, "--run-dir", tmp_path / "run")
    assert code == 0
    answer = json.loads(out)
    assert answer.pop("run_dir") == str(tmp_path / "run")
    assert answer == json.loads((tmp_path / "run/result.json").read_text())
    assert "Epoch 1/1 |" in err


@pytest.mark.usefixtures("blank_pictures")
def test_the_same_command_gives_the_same_history(cli: Callable, run_dir: Path, tmp_path: Path):
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 3 --batch-size 64".split()
    assert cli("train", "mlp", *words, "--run-dir", tmp_path / "again").code == 0
    again = (tmp_path / "again/metrics.jsonl").read_bytes()
    assert again == (run_dir / "metrics.jsonl").read_bytes()


def test_a_finished_run_is_told_and_nothing_is_trained(
    cli: Callable, run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run_dir = shutil.copytree(run_dir, tmp_path / "run")
    monkeypatch.setattr(runs, "train", lambda *words: pytest.fail("trained"))
    before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")}
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 3 --batch-size 64".split()
    code, out, _ = cli("train", "mlp", *words, "--run-dir", run_dir)
    assert code == 0
    result = json.loads((run_dir / "result.json").read_text())
    assert f"Finished already, nothing is trained: {run_dir}" in out
    assert out.splitlines()[-1] == f"Test accuracy: {result['test']['accuracy']:.4f}"
    code, out, _ = cli("train", "mlp", *words, "--run-dir", run_dir, "--json")
    assert code == 0
    assert json.loads(out) == {"run_dir": str(run_dir), **result}
    assert {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")} == before
    code, _, err = cli("train", "mlp", *words, "--seed", "1", "--run-dir", run_dir)
    assert code == 2
    assert "its run has training.seed 0, not 1; name a new directory" in err


def test_a_second_process_leaves_the_run_to_the_first(cli: Callable, tmp_path: Path):
    with held(tmp_path):
        words = ["--source", "synthetic", "--run-dir", tmp_path]
        code, _, err = cli("train", "mlp", *words)
    assert code == 2
    assert err == (
        f"fmnist-jax: {tmp_path}: another process is at this run; wait for it, or name another one\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_directory_with_something_in_it_is_left_alone(cli: Callable, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    code, _, err = cli("train", "--source", "synthetic", "--run-dir", tmp_path)
    assert code == 2
    assert str(tmp_path) in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_fails_before_the_first_epoch_leaves_no_directory(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    words = "--source synthetic --layer-sizes 784 10 --epochs 1 --tensorboard".split()
    code, _, err = cli("train", "mlp", *words, "--run-dir", tmp_path / "run")
    assert code == 2
    assert "fmnist-jax[tensorboard]" in err
    assert not (tmp_path / "run").exists()


def test_a_diverging_run_stops_with_advice(cli: Callable, tmp_path: Path):
    words = "--source synthetic --layer-sizes 784 16 10 --learning-rate 1e30".split()
    code, _, err = cli("train", "mlp", *words, "--run-dir", tmp_path / "run")
    assert code == 2
    assert "epoch 1" in err
    assert "learning_rate" in err
    assert not (tmp_path / "run").exists()


def pictures(run_dir: Path) -> set[str]:
    for path in (run_dir / "pictures").iterdir():
        with Image.open(path) as picture:
            picture.load()
    return {path.stem for path in (run_dir / "pictures").iterdir()}


COMMON = {"confusion_matrix", "mistakes", "predictions"}
CONVOLUTIONAL = {"first_layer_filters", *(f"feature_maps_{number}" for number in (1, 2, 3))}


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_pipeline_leaves_figures_of_both(pipeline_dir: Path):
    configuration = decode(
        PipelineRun, json.loads((pipeline_dir / "configuration.json").read_text()), NAMES, ""
    )
    assert configuration.model.network.features == 4
    assert configuration.model.mlp.layer_sizes == (4, 8, 10)
    assert (configuration.network_training.epochs, configuration.mlp_training.epochs) == (2, 3)
    result = json.loads((pipeline_dir / "result.json").read_text())
    for part, epochs in (("network", 2), ("mlp", 3)):
        history = lines(pipeline_dir / f"metrics_{part}.jsonl")
        assert [line["epoch"] for line in history] == list(range(1, epochs + 1))
        assert result[part]["stopped_epoch"] == epochs
        best = history[result[part]["best_epoch"] - 1]
        assert result[part]["validation"]["loss"] == pytest.approx(
            best["validation_loss"], rel=1e-4
        )
        for split, count in (("train", 800), ("validation", 400), ("test", 400)):
            assert np.sum(result[part][split]["confusion"]) == count
    curves = {"learning_curves_network", "learning_curves_mlp"}
    assert pictures(pipeline_dir) == COMMON | CONVOLUTIONAL | curves


def test_a_convolutional_network_leaves_its_filters_and_maps(network_dir: Path):
    assert pictures(network_dir) == COMMON | CONVOLUTIONAL | {"learning_curves"}
    assert len(lines(network_dir / "metrics.jsonl")) == 1


@pytest.mark.usefixtures("blank_pictures")
def test_a_stored_network_gets_an_mlp_and_isnt_trained_again(
    cli: Callable, network_dir: Path, tmp_path: Path
):
    words = "--source synthetic --validation-fraction 0.3333 --mlp.layer-sizes 4 6 10".split()
    words += "--mlp-training.epochs 1 --mlp-training.batch-size 200".split()
    code, out, _ = cli("train", "--extractor", network_dir, *words, "--run-dir", tmp_path / "run")
    assert code == 0
    assert out.count("Epoch 1/1 |") == 1
    assert "Features: train (800, 4), validation (400, 4), test (400, 4)" in out
    stored = json.loads((network_dir / "result.json").read_text())
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["network"]["test"] == stored["test"]
    assert "best_epoch" not in result["network"]
    last, itself = out.splitlines()[-1], out.splitlines()[-2]
    assert itself == f"Test accuracy of the network itself: {stored['test']['accuracy']:.4f}"
    assert last == f"Test accuracy: {result['mlp']['test']['accuracy']:.4f}"
    assert pictures(tmp_path / "run") == COMMON | CONVOLUTIONAL | {"learning_curves_mlp"}
    assert not (tmp_path / "run/metrics_network.jsonl").exists()
    configuration = json.loads((tmp_path / "run/configuration.json").read_text())
    assert configuration["network_training"]["optimizer"] == "momentum"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--mlp.layer-sizes", "5", "10"], "begin with the 4 features of the network, found 5"),
        (["--filters", "1", "1", "1", "1", "1"], "leave out the options"),
        (["--scaling", "unit"], "leave out the options"),
        (["--split-seed", "1"], "split_seed must be 0, as for the network in"),
    ],
)
def test_what_a_stored_network_does_not_fit_is_told(
    cli: Callable, network_dir: Path, tmp_path: Path, words: list[str], told: str
):
    data = ["--source", "synthetic", "--validation-fraction", "0.3333"]
    run_dir = ["--run-dir", tmp_path / "run"]
    code, _, err = cli("train", "--extractor", network_dir, *data, *words, *run_dir)
    assert code == 2
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_network_that_learned_from_other_images_is_no_extractor(
    cli: Callable, network_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = train_command.restore_network
    monkeypatch.setattr(
        train_command, "restore_network", lambda *words: (*real(*words)[:2], "of others")
    )
    data = ["--source", "synthetic", "--validation-fraction", "0.3333"]
    run_dir = ["--run-dir", tmp_path / "run"]
    code, _, err = cli("train", "--extractor", network_dir, *data, *run_dir)
    assert code == 2
    assert "learned from other images than" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_pipelines_checkpoint_is_no_extractor(cli: Callable, pipeline_dir: Path):
    code, _, err = cli("train", "--extractor", pipeline_dir, "--source", "synthetic")
    assert code == 2
    assert "a checkpoint of kind 'pipeline'; name one of kind 'cnn'" in err


@pytest.mark.usefixtures("blank_pictures")
def test_a_named_network_with_the_loss_that_report_3_used(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sources, "draw_synthetic", lambda: drawn(800, 400))  # splits of one size
    words = "--source synthetic --validation-fraction 0.5 --optimizer momentum --epochs 1".split()
    words += ["--loss", "softmax-twice", "--json"]
    code, out, _ = cli("train", "lenet", *words, "--run-dir", tmp_path / "run")
    assert code == 0
    assert json.loads(out)["train"]["loss"] > 1.461  # log(1 + 9/e): below that, it's the right loss
    configuration = json.loads((tmp_path / "run/configuration.json").read_text())
    run = decode(CNNRun, {**configuration, "data": {}}, NAMES, "")
    assert run.model == dataclasses.replace(LENET, loss=SOFTMAX_TWICE)
    assert run.training.batch_size == 100


def test_no_layer_sizes_at_all_are_not_the_default_ones():
    assert FeatureMLP().on(LENET, 8).layer_sizes == (400, 8, 10)
    with pytest.raises(UserError, match=r"layer_sizes must be two or more counts .* found \(\)"):
        FeatureMLP(layer_sizes=()).on(LENET, 8)
