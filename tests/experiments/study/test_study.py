import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from experiments.engine import runner
from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.study import study
from experiments.study.study import Clock, StudyOptions, duration, unfinished, without_repeats
from fmnist_jax.cli.interruption import Interruption, Stopped
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import Run
from tests.experiments.small_experiment import SMALL

WILD = change(SMALL, "mlp", training={"learning_rate": 1e30})
WIDER = change(SMALL, "mlp", model={"layer_sizes": (784, 5, 10)})
QUICK = StudyOptions(quick=True, jobs=1, data=DataConfig(source="synthetic"))


def experiment(name: str, seconds: float, **runs: Run) -> Experiment:
    rows = tuple(Row(row, run) for row, run in runs.items())
    module = f"experiments.made.{name}"
    return Experiment(module, "Made", rows, ("test_accuracy",), seconds=seconds)


EXPERIMENTS = (
    experiment("dear", 20, other=WIDER),
    experiment("cheap", 10, wild=WILD, tame=SMALL),
)


def measure(run: Run, dataset: Dataset, *_: object) -> dict[str, Any]:
    """What `measure.measure` returns, without training: it has its own tests."""
    if run.stages[0].training.learning_rate > 1:
        raise UserError("the training loss is nan")
    figures = {"mlp": {"test_accuracy": 50.0}}
    return {"stages": figures, "data_checksum": dataset.checksum, "seconds": 1.0}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "measure", measure)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(interruption: Interruption) -> tuple[list[str], str]:
    text = io.StringIO()
    failed = study.run(QUICK, EXPERIMENTS, Console(file=text, width=300), interruption)
    return failed, text.getvalue()


def test_the_cheap_rows_come_first_and_a_failure_stops_no_other():
    failed, text = run(Interruption())
    (line,) = failed
    assert line.startswith("made/cheap: wild: not finished")
    first, second = "made/cheap: tame, seed 0: test_acc", "made/dear: other, seed 0: test_acc"
    assert text.index(first) < text.index(second)
    assert "Row 1 of 3, about 40 s left" in text
    assert text.count("Data: ") == 1
    # A second time what is stored isn't planned.
    assert [row.row.name for row in unfinished(EXPERIMENTS, QUICK)] == ["wild"]


def test_a_lack_of_memory_is_a_failure_of_its_row_alone(monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise RuntimeError("RESOURCE_EXHAUSTED:\n  out of memory")

    monkeypatch.setattr(runner, "measure", full)
    failed, _ = run(Interruption())
    assert len(failed) == 3
    assert failed[1] == "made/cheap: tame: RESOURCE_EXHAUSTED: out of memory"


def test_a_requested_stop_ends_the_study():
    interruption = Interruption()
    interruption.number = 15
    with pytest.raises(Stopped):
        run(interruption)


def test_the_clock_uses_the_pace_so_far(monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    clock = Clock(60, started=0.0)
    assert clock.left() == "about 1 min left"
    now = 40.0  # four times as slow as expected
    clock.done = 10
    assert clock.left() == "about 3 min left"
    clock.done = 60
    assert clock.left() == "about 0 s left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min"), (3590, "1 h 0 min"), (9000, "2 h 30 min")],
)
def test_duration(seconds: float, text: str):
    assert duration(seconds) == text


def test_a_line_is_logged_once():
    lines: list[str] = []
    log = without_repeats(lines.append)
    for line in ("a", "b", "a"):
        log(line)
    assert lines == ["a", "b"]
