import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmnist_jax.cli.train import ending_line, log_line
from fmnist_jax.configuration import decode
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.models import scratch_mlp
from fmnist_jax.runs import NAMES, MLPRun, Trained
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.fit import EpochRecord

RECORD = EpochRecord(130, 0.30261, 0.89, 0.32874, 0.8811, 0.001, 0)


def test_the_log_line_is_report_1s():
    assert log_line(RECORD, TrainingConfig()) == (
        "Epoch 130/200 | Train Loss: 0.3026 | Train Acc: 0.8900 | Val Loss: 0.3287 | "
        "Val Acc: 0.8811 | Patience: 0/5"
    )
    assert log_line(RECORD, TrainingConfig(patience=None)).endswith("Val Acc: 0.8811")


def trained(best_epoch: int, patiences: list[int]) -> Trained:
    history = tuple(
        RECORD._replace(epoch=epoch, patience=patience)
        for epoch, patience in enumerate(patiences, start=1)
    )
    return Trained(scratch_mlp(MLPConfig()), (), Z_SCORE, {}, history, best_epoch, 1.0)


def test_the_last_line_is_report_1s():
    stopped = trained(2, [0, 0, 1, 2])
    assert ending_line(stopped, TrainingConfig(patience=2)) == (
        "Early stopping at epoch 4 (best epoch: 2)"
    )
    assert ending_line(stopped, TrainingConfig(epochs=4, patience=None)) == (
        "Stopped after epoch 4, the last one (best epoch: 2)"
    )


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
    assert np.sum(result["test"]["confusion"]) == 1000
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


def test_the_output_ends_on_the_test_accuracy_and_shows_restored_predictions(
    cli: Callable, tmp_path: Path
):
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 1".split()
    code, out, _ = cli("train", *words, "--run-dir", tmp_path / "run")
    assert code == 0
    lines = out.splitlines()
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert lines[-1] == f"Test accuracy: {result['test']['accuracy']:.4f}"
    assert sum(line.startswith("Epoch 1/1 |") for line in lines) == 1
    assert sum("predicted" in line and "correct" in line for line in lines) == 5


def test_json_is_all_that_goes_to_standard_output(cli: Callable, tmp_path: Path):
    words = "--source synthetic --layer-sizes 784 10 --epochs 1 --json".split()
    code, out, err = cli("train", "mlp", *words, "--run-dir", tmp_path / "run")
    assert code == 0
    answer = json.loads(out)
    assert answer.pop("run_dir") == str(tmp_path / "run")
    assert answer == json.loads((tmp_path / "run/result.json").read_text())
    assert "Epoch 1/1 |" in err


def test_the_same_command_gives_the_same_history(cli: Callable, run_dir: Path, tmp_path: Path):
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 3 --batch-size 64".split()
    assert cli("train", "mlp", *words, "--run-dir", tmp_path / "again").code == 0
    again = (tmp_path / "again/metrics.jsonl").read_bytes()
    assert again == (run_dir / "metrics.jsonl").read_bytes()


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
    code, _, err = cli("train", *words, "--run-dir", tmp_path / "run")
    assert code == 2
    assert "fmnist-jax[tensorboard]" in err
    assert not (tmp_path / "run").exists()


def test_a_diverging_run_stops_with_advice(cli: Callable, tmp_path: Path):
    words = "--source synthetic --layer-sizes 784 16 10 --learning-rate 1e30".split()
    code, _, err = cli("train", *words, "--run-dir", tmp_path / "run")
    assert code == 2
    assert "epoch 1" in err
    assert "learning_rate" in err
    assert not (tmp_path / "run").exists()
