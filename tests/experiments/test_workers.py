import io
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from experiments import workers
from experiments.catalogue import CATALOGUE
from experiments.study import StudyOptions, unfinished
from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.data.loading import DataConfig

QUICK = StudyOptions(quick=True, data=DataConfig(source="synthetic"))
ENTRIES = [entry for entry in CATALOGUE if entry.name == "report1_claims_mlp"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)


class Watching(io.StringIO):
    """A text file that acts once, as soon as a certain line is written."""

    def __init__(self, line: str, act: Callable[[], None]) -> None:
        super().__init__()
        self.line, self.act, self.acted = line, act, False

    def write(self, text: str, /) -> int:
        if self.line in text and not self.acted:
            self.acted = True
            self.act()
        return super().write(text)


def run(text: io.StringIO) -> list[str]:
    return workers.run(QUICK, 2, Console(file=text, width=300), ENTRIES)


def test_processes_share_the_rows_and_one_that_died_is_told_and_replaced():
    first, *others = ENTRIES[0].experiment.rows
    text = Watching("Row 1 of 4", lambda: multiprocessing.active_children()[0].kill())
    assert run(text) == [f"report1_claims_mlp: {first.name}: its process ended with code -9"]
    assert text.getvalue().count("Data: ") == 1
    for row in others:
        assert text.getvalue().count(f"{row.name}, seed 0: test_accuracy") == 1
    assert [row.row for row in unfinished(ENTRIES, QUICK)] == [first]
    assert not multiprocessing.active_children()


def test_a_signal_ends_all_processes_and_what_they_did_is_stored():
    text = Watching("test_accuracy", lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped):
        run(text)
    assert "SIGTERM: stopping once this epoch is saved" in text.getvalue()
    assert 0 < len(unfinished(ENTRIES, QUICK)) < 4
    assert not multiprocessing.active_children()


def test_each_process_has_cores_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 5}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    assert workers.jobs_for(StudyOptions()) == 5
    assert workers.jobs_for(StudyOptions(jobs=2)) == 2
    assert workers.shares(2) == [{0, 2, 5}, {1, 3}]
    assert workers.shares(6) == [{0}, {1}, {2}, {3}, {5}, {0}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert workers.jobs_for(StudyOptions()) == 8
    assert [len(cores) for cores in workers.shares(8)] == [8] * 8


@pytest.mark.parametrize("backend", ["gpu", "tpu"])
def test_a_gpu_and_a_tpu_have_one_process(backend: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jax.default_backend", lambda: backend)
    assert workers.jobs_for(StudyOptions()) == 1
