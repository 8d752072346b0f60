import json
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from fmnist_jax.runs.parts import Run
from fmnist_jax.runs.pipeline import PipelineRun
from fmnist_jax.runs.run import NAMES, CNNRun, MLPRun

from fmnist_jax.config.codec import decode
from fmnist_jax.errors import UserError
from fmnist_jax.runs.directory import finish, opened
from fmnist_jax.runs.lock import Origin
from fmnist_jax.training.early_stopping import EarlyStopping
from fmnist_jax.training.loop import EpochRecord, FitState
from fmnist_jax.training.step import TrainState

ORIGIN = Origin("of the images")
RECORD = EpochRecord(1, 0.5, 0.8, 0.6, 0.75, 0.001, 0)


def test_configuration_and_a_line_an_epoch(tmp_path: Path):
    with opened(tmp_path / "new/run", MLPRun(), ORIGIN) as (directory, write, *_):
        write(RECORD)
        lines = (directory / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [RECORD._asdict()]
        write(RECORD._replace(epoch=2))
    assert directory == tmp_path / "new/run"
    assert len((directory / "metrics.jsonl").read_text().splitlines()) == 2
    values = json.loads((directory / "configuration.json").read_text())
    assert decode(MLPRun, values, NAMES, directory) == MLPRun()


def test_runs_begun_in_one_second_get_directories_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        for _ in range(3):
            _, write, *_ = stack.enter_context(opened(None, MLPRun(), ORIGIN))
            write(RECORD)
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UserError, match="isn't empty"), opened(tmp_path, MLPRun(), ORIGIN):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_fails_before_the_first_epoch_leaves_nothing(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), opened(tmp_path / "run", MLPRun(), ORIGIN):
        raise KeyboardInterrupt
    assert not (tmp_path / "run").exists()


def test_an_empty_directory_that_was_there_stays(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), opened(tmp_path, MLPRun(), ORIGIN):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def interrupted_after_one_epoch(directory: Path) -> None:
    with opened(directory, MLPRun(), ORIGIN) as (_, write, *_):
        write(RECORD)
        raise KeyboardInterrupt


def test_what_fails_later_keeps_the_epochs_done(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        interrupted_after_one_epoch(tmp_path / "run")
    assert (tmp_path / "run/metrics.jsonl").read_text().count("\n") == 1


def test_tensorboard_gets_every_figure(tmp_path: Path):
    with opened(tmp_path / "run", MLPRun(), ORIGIN, tensorboard=True) as (directory, write, *_):
        write(RECORD)
    (events,) = (directory / "tensorboard").iterdir()
    for name in EpochRecord._fields[1:]:
        assert name.encode() in events.read_bytes()


def test_tensorboard_without_its_extra_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with (
        pytest.raises(UserError, match=r"fmnist-jax\[tensorboard\]"),
        opened(tmp_path / "run", MLPRun(), ORIGIN, tensorboard=True),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_a_pipeline_has_a_history_for_each_part(tmp_path: Path):
    with opened(tmp_path / "run", PipelineRun(), ORIGIN, tensorboard=True) as (
        directory,
        write,
        *_,
    ):
        write(RECORD, "network")
        write(RECORD._replace(epoch=7), "mlp")
        write(RECORD._replace(epoch=8), "mlp")
    counts = [
        (path.name, path.read_text().count("\n")) for path in directory.glob("metrics*.jsonl")
    ]
    assert sorted(counts) == [("metrics_mlp.jsonl", 2), ("metrics_network.jsonl", 1)]
    assert {path.name for path in (directory / "tensorboard").iterdir()} == {"mlp", "network"}
    values = json.loads((directory / "configuration.json").read_text())
    assert decode(PipelineRun, values, NAMES, directory) == PipelineRun()


def test_a_part_that_is_not_trained_has_no_history(tmp_path: Path):
    with opened(tmp_path / "run", PipelineRun(), ORIGIN, trained=["mlp"]) as (directory, write, *_):
        write(RECORD, "mlp")
    assert [path.name for path in directory.glob("metrics*")] == ["metrics_mlp.jsonl"]


@pytest.mark.parametrize(
    ("run", "kind"), [(MLPRun(), "mlp"), (CNNRun(), "cnn"), (PipelineRun(), "pipeline")]
)
def test_directories_are_named_by_what_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, kind: str
):
    monkeypatch.chdir(tmp_path)
    with opened(None, run, ORIGIN) as (directory, *_):
        assert directory.name.startswith(f"{kind}-2")


def test_what_a_finished_run_would_have_gone_on_from_goes(tmp_path: Path):
    with opened(tmp_path / "run", MLPRun(), ORIGIN) as (directory, write, *_):
        write(RECORD)
        (directory / "checkpoint").mkdir()
        (directory / "checkpoint/manifest.json").write_text('{"sha256": {}}')
        finish(directory, {"seconds": 1})
    names = {"configuration.json", "origin.json", "metrics.jsonl", "result.json", "checkpoint"}
    assert {path.name for path in directory.iterdir()} == names
    # Killed before it could remove them.
    (directory / "unfinished").mkdir()
    (directory / ".lock").touch()
    with opened(directory, MLPRun(), ORIGIN) as again:
        assert again.finished
    assert {path.name for path in directory.iterdir()} == names


def test_lines_after_the_last_saved_epoch_are_written_again(tmp_path: Path):
    def begun(epochs: int) -> list[EpochRecord]:
        return [RECORD._replace(epoch=epoch) for epoch in range(1, epochs + 1)]

    state = FitState(TrainState((np.ones(3),), ()), (np.ones(3),), EarlyStopping(0.6, 1, 1), 2)
    with opened(tmp_path / "run", MLPRun(), ORIGIN, tensorboard=True) as (
        directory,
        write,
        kept,
        _,
    ):
        for record in begun(3):
            write(record)
        kept[""].save(state, begun(2), 1.0)
    with (directory / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "train_l')
    with opened(tmp_path / "run", MLPRun(), ORIGIN, tensorboard=True) as (_, write, kept, _):
        kept_lines = (directory / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in kept_lines] == [1, 2]
        assert kept[""].newest is not None
        write(RECORD._replace(epoch=3))
    again = (directory / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in again] == [1, 2, 3]
    assert len(list((directory / "tensorboard").glob("events.*"))) == 1
