import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fmnist_jax.runs
from fmnist_jax.cli import job
from fmnist_jax.config.codec import decode
from fmnist_jax.runs.config import NAMES, Run
from fmnist_jax.runs.lock import lock
from fmnist_jax.runs.presets import PRESETS
from fmnist_jax.training.loop import EpochRecord
from tests.cli.results import COMMON, lines, pictures, read_result
from tests.stand_ins import early_release

pytestmark = pytest.mark.usefixtures("few_pictures")


def test_a_run_leaves_configuration_history_result_pictures_and_checkpoint(run_dir: Path):
    configuration = decode(
        Run, json.loads((run_dir / "configuration.json").read_text()), NAMES, run_dir
    )
    (stage,) = configuration.stages
    assert (stage.name, stage.model.input_shape) == ("mlp", (784,))
    assert stage.training.epochs == 3
    history = lines(run_dir / "metrics_mlp.jsonl")
    assert [line["epoch"] for line in history] == [1, 2, 3]
    assert set(history[0]) == set(EpochRecord._fields)
    result = read_result(run_dir)["mlp"]
    assert (result["best_epoch"], result["stopped_epoch"]) == (3, 3)
    assert np.sum(result["test"]["confusion"]) == 400
    assert result["validation"]["loss"] == pytest.approx(history[2]["validation_loss"], rel=1e-5)
    assert pictures(run_dir) == COMMON | {"learning_curves_mlp"}
    assert list((run_dir / "tensorboard/mlp").glob("events.*"))
    assert {path.name for path in run_dir.iterdir()} == {
        "checkpoint", "configuration.json", "metrics_mlp.jsonl", "origin.json", "pictures",
        "result.json", "tensorboard",
    }  # fmt: skip


@pytest.mark.usefixtures("blank_pictures")
def test_all_training_images_without_a_validation_split(cli: Callable, tmp_path: Path):
    words = "--source synthetic --layer-sizes 784 10 --epochs 2 --batch-size 100".split()
    no_split = ["--validation-fraction", "0"]
    code, _, err = cli("train", "mlp", *words, *no_split)
    assert code == 2
    assert (
        "stage mlp: without a validation split (validation_fraction 0), keep must be 'last'" in err
    )
    last = ["--keep", "last", "--patience", "None", "--run-dir", tmp_path / "run"]
    code, out, _ = cli("train", "mlp", *words, *no_split, *last)
    assert code == 0
    assert "Stopped after epoch 2, the last one (kept)" in out
    assert "Val" not in out
    history = lines(tmp_path / "run/metrics_mlp.jsonl")
    assert [line["validation_loss"] for line in history] == [None, None]
    result = read_result(tmp_path / "run")["mlp"]
    assert (result["best_epoch"], "validation" in result) == (2, False)
    assert (tmp_path / "run/pictures/learning_curves_mlp.png").exists()
    evaluate = ("evaluate", tmp_path / "run", "--source", "synthetic", *no_split)
    code, _, err = cli(*evaluate, "--split", "validation")
    assert (code, "split: there is no validation split" in err) == (2, True)
    assert cli(*evaluate, "--split", "train")[0] == 0


@pytest.mark.usefixtures("blank_pictures")
def test_the_output_ends_on_the_test_accuracy_and_shows_restored_predictions(
    cli: Callable, tmp_path: Path
):
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 1 --batch-size 64".split()
    code, out, _ = cli("train", "mlp", *words, "--run-dir", tmp_path / "run")
    assert code == 0
    printed = out.splitlines()
    result = read_result(tmp_path / "run")["mlp"]
    assert printed[-1] == f"Test accuracy: {result['test']['accuracy']:.4f}"
    assert sum(line.startswith("Epoch 1/1 |") for line in printed) == 1
    assert "Stopped after epoch 1, the last one (best epoch: 1)" in printed
    assert sum("predicted" in line and "correct" in line for line in printed) == 5


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
    again = (tmp_path / "again/metrics_mlp.jsonl").read_bytes()
    assert again == (run_dir / "metrics_mlp.jsonl").read_bytes()


def test_a_finished_run_is_logged_and_nothing_is_trained(
    cli: Callable, run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run_dir = shutil.copytree(run_dir, tmp_path / "run")
    monkeypatch.setattr(job, "train", lambda *words: pytest.fail("trained"))
    before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")}
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 3 --batch-size 64".split()
    code, out, _ = cli("train", "mlp", *words, "--run-dir", run_dir)
    assert code == 0
    result = json.loads((run_dir / "result.json").read_text())
    accuracy = result["stages"]["mlp"]["test"]["accuracy"]
    assert f"Finished already, nothing is trained: {run_dir}" in out
    assert out.splitlines()[-1] == f"Test accuracy: {accuracy:.4f}"
    code, out, _ = cli("train", "mlp", *words, "--run-dir", run_dir, "--json")
    assert code == 0
    assert json.loads(out) == {"run_dir": str(run_dir), **result}
    assert {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")} == before
    code, _, err = cli("train", "mlp", *words, "--seed", "1", "--run-dir", run_dir)
    assert code == 2
    assert "its run has stages.0.training.seed 0, not 1; name a new directory" in err


def test_a_second_process_leaves_the_run_to_the_first(cli: Callable, tmp_path: Path):
    with lock(tmp_path):
        words = ["--source", "synthetic", "--run-dir", tmp_path]
        code, _, err = cli("train", "mlp", *words)
    assert code == 2
    assert err == (
        f"fmnist-jax: {tmp_path}: another process works on this run; wait for it, or name another "
        "directory\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_directory_with_something_in_it_is_left_unchanged(cli: Callable, tmp_path: Path):
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


def test_training_without_the_extra_plots_names_it(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # makes its import fail
    monkeypatch.delitem(sys.modules, "fmnist_jax.runs.pictures", raising=False)
    monkeypatch.delattr(fmnist_jax.runs, "pictures", raising=False)
    code, _, err = cli("train", "mlp", "--source", "synthetic", "--run-dir", tmp_path / "run")
    assert code == 2
    assert "isn't installed: pip install 'fmnist-jax[plots]'" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_diverging_run_stops_with_advice(cli: Callable, tmp_path: Path):
    words = "--source synthetic --layer-sizes 784 16 10 --learning-rate 1e30".split()
    code, _, err = cli("train", "mlp", *words, "--run-dir", tmp_path / "run")
    assert code == 2
    assert "epoch 1" in err
    assert "learning_rate" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", PRESETS)
def test_every_network_has_help(cli: Callable, name: str):
    code, out, _ = cli("train", name, "--help")
    assert code == 0
    assert f"fmnist-jax train {name}" in out
    options = ["--run-dir", "--tensorboard", "--epochs", "--min-delta", "--source"]
    for option in [*options, "--mlp-training.min-delta"] if name == "pipeline" else options:
        assert option in out


def test_a_run_of_an_older_version_is_refused_with_the_remedy(
    cli: Callable, run_dir: Path, tmp_path: Path
):
    run_dir = shutil.copytree(run_dir, tmp_path / "run")
    (run_dir / "result.json").unlink()
    stored = {"model": {"layer_sizes": [784, 16, 10]}, "training": {}, "data": {}}
    (run_dir / "configuration.json").write_text(json.dumps(stored))
    code, _, err = cli("train", "mlp", "--source", "synthetic", "--run-dir", run_dir)
    assert code == 2
    assert "configuration.json: written by fmnist-jax 0.1, expected the field 'stages'" in err
    assert "name a new directory for this run" in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("blank_pictures")
def test_the_early_release_is_required_named_and_kept_apart(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    early, run_dir = tmp_path / "early", tmp_path / "run"
    early_release(early, monkeypatch)
    words = ["train", "mlp", "--layer-sizes", "784", "10", "--epochs", "1", "--run-dir", run_dir]
    code, _, err = cli(*words, "--source", "synthetic", "--release", "early")
    assert code == 2
    assert "'synthetic' doesn't have the early release" in err
    code, out, _ = cli(*words, "--data-dir", early, "--release", "early")
    title = "Fashion-MNIST, early release (August 2017, as on Kaggle)"
    assert code == 0
    assert title in out
    assert json.loads((run_dir / "result.json").read_text())["images"] == title
    code, out, _ = cli("evaluate", run_dir, "--data-dir", early, "--release", "early", "--json")
    assert json.loads(out)["images"] == title
    # The directory belongs to this run on these images.
    code, _, err = cli(*words, "--source", "synthetic")
    assert code == 2
    code, _, err = cli("evaluate", run_dir, "--data-dir", early, "--release", "official")
    assert (code, "expected the official release, found the early one" in err) == (2, True)
