import json
import sys
from contextlib import ExitStack
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.config.codec import decode
from fmnist_jax.config.model import Variables
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import NAMES, Run
from fmnist_jax.runs.directory import Output, finish, open_run
from fmnist_jax.runs.presets import PRESETS
from fmnist_jax.runs.presets.base import default_run
from fmnist_jax.training.early_stopping import EarlyStopping
from fmnist_jax.training.loop import FitState
from fmnist_jax.training.step import TrainState
from tests.runs.small import ORIGIN, RECORD, RUN, TWO_STAGES


def test_configuration_origin_and_a_line_an_epoch(tmp_path: Path):
    with open_run(RUN, ORIGIN, Output(tmp_path / "new/run")) as handle:
        handle.write["mlp"](RECORD)
        lines = (handle.path / "metrics_mlp.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [RECORD._asdict()]
        handle.write["mlp"](RECORD._replace(epoch=2))
    assert handle.path == tmp_path / "new/run"
    assert not handle.finished
    assert (handle.path / "metrics_mlp.jsonl").read_text().count("\n") == 2
    values = json.loads((handle.path / "configuration.json").read_text())
    assert decode(Run, values, NAMES, handle.path) == RUN
    origin = json.loads((handle.path / "origin.json").read_text())
    assert origin == {"data_checksum": "of the images", "fitted": None, "jax": ORIGIN.jax}


def test_runs_started_in_one_second_get_their_own_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(open_run(RUN, ORIGIN, Output())).write["mlp"](RECORD)
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path):
    (tmp_path / "mine.txt").touch()
    with (
        pytest.raises(UserError, match="isn't empty: name a new directory for this run"),
        open_run(RUN, ORIGIN, Output(tmp_path)),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_before_the_first_epoch_leaves_nothing(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), open_run(RUN, ORIGIN, Output(tmp_path / "run")):
        raise KeyboardInterrupt
    assert not (tmp_path / "run").exists()


def test_an_empty_directory_that_was_there_stays(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), open_run(RUN, ORIGIN, Output(tmp_path)):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def interrupted_after_one_epoch(directory: Path) -> None:
    with open_run(RUN, ORIGIN, Output(directory)) as handle:
        handle.write["mlp"](RECORD)
        raise KeyboardInterrupt


def test_a_later_failure_keeps_the_epochs_done(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        interrupted_after_one_epoch(tmp_path / "run")
    assert (tmp_path / "run/metrics_mlp.jsonl").read_text().count("\n") == 1


def test_tensorboard_without_its_extra_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with (
        pytest.raises(UserError, match=r"fmnist-jax\[tensorboard\]"),
        open_run(RUN, ORIGIN, Output(tmp_path / "run", tensorboard=True)),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_each_stage_has_a_history(tmp_path: Path):
    output = Output(tmp_path / "run", tensorboard=True)
    with open_run(TWO_STAGES, ORIGIN, output) as handle:
        assert list(handle.write) == list(handle.checkpoints) == ["first", "second"]
        handle.write["first"](RECORD)
        handle.write["second"](RECORD._replace(epoch=7))
        handle.write["second"](RECORD._replace(epoch=8))
    counts = [(path.name, path.read_text().count("\n")) for path in handle.path.glob("*.jsonl")]
    assert sorted(counts) == [("metrics_first.jsonl", 1), ("metrics_second.jsonl", 2)]
    names = {path.name for path in (handle.path / "tensorboard").iterdir()}
    assert names == {"first", "second"}
    values = json.loads((handle.path / "configuration.json").read_text())
    assert decode(Run, values, NAMES, handle.path) == TWO_STAGES


def test_a_stage_that_was_trained_before_has_no_history(tmp_path: Path):
    with open_run(TWO_STAGES, ORIGIN, Output(tmp_path / "run"), fitted=1) as handle:
        assert list(handle.write) == list(handle.checkpoints) == ["second"]
        handle.write["second"](RECORD)
    assert [path.name for path in handle.path.glob("metrics*")] == ["metrics_second.jsonl"]


@pytest.mark.parametrize(
    ("name", "start"), [("mlp", "mlp-2"), ("lenet", "convnet-2"), ("pipeline", "convnet-mlp-2")]
)
def test_directories_are_named_by_their_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, start: str
):
    monkeypatch.chdir(tmp_path)
    with open_run(default_run(PRESETS[name]), ORIGIN, Output()) as handle:
        assert handle.path.name.startswith(start)


def test_finishing_removes_what_the_run_would_have_resumed_from(tmp_path: Path):
    output = Output(tmp_path / "run")
    with open_run(RUN, ORIGIN, output) as handle:
        handle.write["mlp"](RECORD)
        (handle.path / "checkpoint").mkdir()
        (handle.path / "checkpoint/manifest.json").write_text('{"sha256": {}}')
        finish(handle.path, {"stages": {}})
    names = {"configuration.json", "origin.json", "metrics_mlp.jsonl", "result.json", "checkpoint"}
    assert {path.name for path in handle.path.iterdir()} == names
    # Killed before it could remove them.
    (handle.path / "unfinished").mkdir()
    (handle.path / ".lock").touch()
    with open_run(RUN, ORIGIN, output) as again:
        assert again.finished
    assert {path.name for path in handle.path.iterdir()} == names


def test_lines_after_the_last_saved_epoch_are_written_again(tmp_path: Path):
    output = Output(tmp_path / "run", tensorboard=True)
    variables = Variables((np.ones(3, np.float32),), {})
    state = FitState(
        TrainState(variables, (), jnp.int32(0), None), variables, EarlyStopping(0.6, 1, 1), 2
    )
    records = [RECORD._replace(epoch=epoch) for epoch in (1, 2, 3)]
    with open_run(RUN, ORIGIN, output) as handle:
        for record in records:
            handle.write["mlp"](record)
        handle.checkpoints["mlp"].save(state, records[:2], 1.0)
    metrics = handle.path / "metrics_mlp.jsonl"
    with metrics.open("a") as file:
        file.write('{"epoch": 4, "train_l')
    with open_run(RUN, ORIGIN, output) as again:
        lines = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
        assert lines == [1, 2]
        newest = again.checkpoints["mlp"].newest
        assert newest is not None
        assert newest.history == tuple(records[:2])
        again.write["mlp"](records[2])
    lines = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
    assert lines == [1, 2, 3]
    assert len(list((handle.path / "tensorboard/mlp").glob("events.*"))) == 1


def test_a_training_checkpoint_of_another_stage_is_not_used(tmp_path: Path):
    variables = Variables((np.ones(3, np.float32),), {})
    state = FitState(
        TrainState(variables, (), jnp.int32(0), None), variables, EarlyStopping(0.6, 1, 0), 1
    )
    lines: list[str] = []
    output = Output(tmp_path / "run", log=lines.append)
    with open_run(TWO_STAGES, ORIGIN, output) as handle:
        handle.write["first"](RECORD)
        handle.checkpoints["first"].save(state, [RECORD], 1.0)
    unfinished = handle.path / "unfinished"
    (unfinished / "first").rename(unfinished / "second")
    with open_run(TWO_STAGES, ORIGIN, output) as again:
        assert [checkpoints.newest for checkpoints in again.checkpoints.values()] == [None, None]
    assert len(lines) == 1
    assert "another run" in lines[0]
