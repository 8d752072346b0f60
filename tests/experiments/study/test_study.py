import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from experiments.engine import runner as protocol
from experiments.engine.runner import Experiment, Row
from experiments.study import study
from experiments.study.catalogue import Entry
from experiments.study.study import Clock, StudyOptions, duration, once, unfinished
from fmnist_jax.cli.interruption import Interruption, Stopped
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError
from fmnist_jax.runs.run import MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

SMALL = MLPRun(MLPConfig((784, 10)), TrainingConfig(epochs=2, batch_size=100, patience=None))
WILD = replace(SMALL, training=replace(SMALL.training, learning_rate=1e30))
QUICK = StudyOptions(quick=True, data=DataConfig(source="synthetic"))


def entry(name: str, seconds: float, **runs: MLPRun) -> Entry:
    made = Entry(name, "made", seconds)
    rows = tuple(Row(row, run) for row, run in runs.items())
    vars(made)["experiment"] = Experiment(name, "Made", rows, ("test_accuracy",))
    return made


ENTRIES = (
    entry("dear", 20, other=replace(SMALL, model=MLPConfig((784, 5, 10)))),
    entry("cheap", 10, wild=WILD, tame=SMALL),
)


def measure(run: MLPRun, dataset: Dataset, *_: object) -> dict[str, Any]:
    """What `measurement.measure` gives, without training: its own tests are `test_protocol`'s."""
    if run.training.learning_rate > 1:
        raise UserError("the training loss is nan")
    return {"test_accuracy": 50.0, "data_checksum": dataset.checksum, "seconds": 1.0}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(protocol, "measure", measure)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(interruption: Interruption) -> tuple[list[str], str]:
    text = io.StringIO()
    failed = study.run(QUICK, Console(file=text, width=300), interruption, ENTRIES)
    return failed, text.getvalue()


def test_the_cheap_rows_come_first_and_a_failure_stops_no_other():
    failed, text = run(Interruption())
    (line,) = failed
    assert line.startswith("cheap: wild: not finished")
    assert text.index("cheap: tame, seed 0: test_accuracy") < text.index(
        "dear: other, seed 0: test"
    )
    assert "Row 1 of 3, about 40 s left" in text
    assert text.count("Data: ") == 1
    # Again: what is stored isn't even looked at.
    assert [row.row.name for row in unfinished(ENTRIES, QUICK)] == ["wild"]


def test_a_lack_of_memory_is_a_failure_of_its_row_alone(monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise RuntimeError("RESOURCE_EXHAUSTED:\n  out of memory")

    monkeypatch.setattr(protocol, "measure", full)
    failed, _ = run(Interruption())
    assert len(failed) == 3
    assert failed[1] == "cheap: tame: RESOURCE_EXHAUSTED: out of memory"


def test_an_end_that_was_asked_for_ends_the_study():
    interruption = Interruption()
    interruption.number = 15
    with pytest.raises(Stopped):
        run(interruption)


def test_the_clock_goes_by_the_pace_so_far(monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    clock = Clock(60, begun=0.0)
    assert clock.left() == "about 1 min left"
    now = 40.0  # four times as slow as was expected
    clock.done = 10
    assert clock.left() == "about 3 min left"
    clock.done = 60
    assert clock.left() == "about 0 s left"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min"), (3590, "1 h 0 min"), (9000, "2 h 30 min")],
)
def test_duration(seconds: float, told: str):
    assert duration(seconds) == told


def test_a_line_is_said_once():
    lines: list[str] = []
    say = once(lines.append)
    for line in ("a", "b", "a"):
        say(line)
    assert lines == ["a", "b"]
