import io
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from experiments.study import processes, study
from experiments.study.catalogue import experiments
from experiments.study.study import StudyOptions, unfinished
from fmnist_jax.cli.interruption import Stopped, listening
from fmnist_jax.data.loading import DataConfig

QUICK = StudyOptions(quick=True, jobs=2, data=DataConfig(source="synthetic"))
EXPERIMENTS = [one for one in experiments() if one.name == "report1/ablations_mlp"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)


class Watching(io.StringIO):
    """A text file that acts once for each of these texts, as soon as it is written."""

    def __init__(self, acts: dict[str, Callable[[], None]]) -> None:
        super().__init__()
        self.acts = acts

    def write(self, text: str, /) -> int:
        for found in [found for found in self.acts if found in text]:
            self.acts.pop(found)()
        return super().write(text)


def test_processes_share_the_rows_one_that_died_is_replaced_and_a_signal_ends_all():
    first, second, third, last = (row.name for row in EXPERIMENTS[0].rows)
    file = Watching(
        {
            "Row 2 of 4": lambda: multiprocessing.active_children()[0].kill(),
            "Row 4 of 4": lambda: os.kill(os.getpid(), signal.SIGTERM),
        }
    )
    console = Console(file=file, width=300)
    with pytest.raises(Stopped), listening(console.print, processes.kill_all) as interruption:
        study.run(QUICK, EXPERIMENTS, console, interruption)
    text = file.getvalue()
    assert text.count("Data: ") == 1
    assert f"report1/ablations_mlp: {first}: its process ended with code -9" in text
    assert "SIGTERM: stopping once this epoch is saved" in text
    # The fourth row starts when one of the two before it is done; the signal may still find the other.
    left = [row.row.name for row in unfinished(EXPERIMENTS, QUICK)]
    assert {first, last} <= set(left) <= {first, second, third, last}
    done = {second, third} - set(left)
    assert done
    for name in (second, third):
        assert text.count(f"{name}, seed 0: test_accuracy") == (name in done)
    assert not multiprocessing.active_children()


def test_each_process_has_its_own_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 5}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    assert processes.jobs_for(None) == 5
    assert processes.jobs_for(2) == 2
    assert processes.cores_of_jobs(2) == [{0, 2, 5}, {1, 3}]
    assert processes.cores_of_jobs(6) == [{0}, {1}, {2}, {3}, {5}, {0}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert processes.jobs_for(None) == 8
    assert [len(cores) for cores in processes.cores_of_jobs(8)] == [8] * 8


@pytest.mark.parametrize("backend", ["gpu", "tpu"])
def test_a_gpu_and_a_tpu_have_one_process(backend: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jax.default_backend", lambda: backend)
    assert processes.jobs_for(None) == 1
