from pathlib import Path

import pytest

from experiments.engine.runner import Experiment, Options, Row, Store, configure
from experiments.study import catalogue
from experiments.study.catalogue import CATALOGUE, PROGRAMS, Entry, plan, results_folder, seeds_for
from fmnist_jax.data import checksums
from fmnist_jax.runs.run import MLPRun
from fmnist_jax.scratch.mlp import MLPConfig

MODULES = Path(catalogue.__file__).parent
RUN = MLPRun(MLPConfig((784, 10)))
EXPERIMENT = Experiment("made", "Made", (Row("row", RUN), Row("other", RUN)), ("test_accuracy",))


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    monkeypatch.setattr(catalogue, "RESULTS", tmp_path)
    monkeypatch.chdir(tmp_path)
    made = Entry("made", "made", 100)
    vars(made)["experiment"] = EXPERIMENT
    return made


def store(
    folder: Path, seed: int, seconds: float, row: int = 0, checksum: str = checksums.CHECKSUM
):
    measured = {"seconds": seconds, "data_checksum": checksum}
    run = configure(EXPERIMENT.rows[row], seed, Options())
    Store(EXPERIMENT, folder, checksum).add(EXPERIMENT.rows[row], run, measured)


def test_every_module_with_an_experiment_is_in_the_catalogue():
    found = {
        file.stem for file in MODULES.glob("*.py") if "\nEXPERIMENT = " in file.read_text("utf-8")
    }
    assert found == {entry.name for entry in CATALOGUE}
    assert len(found) == len(CATALOGUE)


def test_every_entry_names_its_own_experiment_and_says_what_it_is_for():
    for entry in CATALOGUE:
        assert entry.experiment.name == entry.name
        assert entry.reproduces
        assert entry.seconds > 0
        # Choices are made with one seed, and look at no test image.
        assert entry.most_seeds > 1 or "test" not in entry.experiment.splits


def test_the_programs_are_modules():
    assert all((MODULES / f"{name}.py").exists() for name in PROGRAMS)


@pytest.mark.parametrize(("seconds", "seeds"), [(1, 5), (59.9, 5), (60, 3), (599, 3), (600, 1)])
def test_cheap_runs_deserve_more_seeds(seconds: float, seeds: int):
    assert seeds_for(seconds) == seeds


@pytest.mark.parametrize(("seconds", "seeds"), [(59, 5), (599, 3), (6000, 3)])
def test_on_a_gpu_long_runs_deserve_three(
    seconds: float, seeds: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert seeds_for(seconds) == seeds


def test_a_row_is_planned_by_its_fastest_run_or_by_the_estimate(entry: Entry, tmp_path: Path):
    store(tmp_path, 0, 200)
    store(tmp_path, 1, 50)
    row, other = plan(entry, quick=False)
    assert (row.stored, row.wanted, row.seconds, row.measured) == (2, 5, 50, True)
    assert (row.all_seconds, row.missing_seconds) == (250, 150)
    assert (other.stored, other.wanted, other.seconds, other.measured) == (0, 3, 100, False)


def test_runs_of_another_configuration_or_other_images_are_still_to_be_run(
    entry: Entry, tmp_path: Path
):
    store(tmp_path, 0, 10, checksum="of other images")
    assert plan(entry, quick=False)[0].stored == 0
    store(tmp_path, 0, 10)
    assert plan(entry, quick=False)[0].stored == 1
    changed = MLPRun(MLPConfig((784, 5, 10)))
    vars(entry)["experiment"] = Experiment("made", "Made", (Row("row", changed),), ("x",))
    assert plan(entry, quick=False)[0].stored == 0


def test_a_quick_study_wants_one_seed(entry: Entry):
    store(results_folder(quick=True), 0, 10, checksum="of any images")
    assert [(row.stored, row.wanted) for row in plan(entry, quick=True)] == [(1, 1), (0, 1)]


def test_choices_get_no_more_seeds_than_they_were_made_with(entry: Entry, tmp_path: Path):
    few = Entry("made", "made", 10, most_seeds=1)
    vars(few)["experiment"] = EXPERIMENT
    assert [row.wanted for row in plan(few, quick=False)] == [1, 1]
