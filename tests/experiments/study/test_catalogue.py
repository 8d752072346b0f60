from pathlib import Path
from types import ModuleType

import pytest
from attrs import evolve

from experiments.engine import store
from experiments.engine.configuration import change
from experiments.engine.runner import Options, configure
from experiments.engine.spec import Experiment, Row
from experiments.engine.store import Store, results_folder
from experiments.study.catalogue import (
    PACKAGES,
    experiments,
    find_command,
    module_names,
    plan,
    programs,
    seeds_for,
)
from fmnist_jax.data import checksums
from fmnist_jax.errors import UserError
from tests.experiments.small_experiment import SMALL, measured

EXPERIMENT = Experiment(
    "experiments.made.planned",
    "Made",
    (Row("row", SMALL), Row("other", SMALL)),
    ("test_accuracy",),
    seconds=100,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of results."""
    monkeypatch.setattr(store, "RESULTS", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add(folder: Path, seed: int, seconds: float, checksum: str = checksums.CHECKSUM):
    row = EXPERIMENT.rows[0]
    run = configure(row, seed, Options())
    figures = measured() | {"seconds": seconds, "data_checksum": checksum}
    Store(EXPERIMENT, folder, checksum).add(row, run, figures)


def test_every_module_of_the_packages_is_known_by_its_name():
    files = {
        file for package in PACKAGES for path in package.__path__ for file in Path(path).glob("**/*.py")
    }  # fmt: skip
    stems = {file.stem for file in files if "\nEXPERIMENT = " in file.read_text("utf-8")}
    assert {one.name.split("/")[1] for one in experiments()} == stems
    assert len({one.name for one in experiments()}) == len(experiments())
    assert [one.name for one in programs()] == ["report2/program", "report3/program"]


def test_a_new_package_or_module_is_found_without_a_list(tmp_path: Path):
    report = tmp_path / "report9"
    report.mkdir()
    for name in ("__init__.py", "table1.py"):
        (report / name).touch()
    package = ModuleType("experiments.reports")
    package.__path__ = [str(tmp_path)]
    assert list(module_names((package,))) == ["experiments.reports.report9.table1"]
    made = Experiment("experiments.reports.report9.table1", "Made", (), ())
    assert (made.name, made.group) == ("report9/table1", "report9")


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"nosuch.*report1/table1.*report2/program.*study"):
        find_command("nosuch", ["study"])
    with pytest.raises(UserError, match="reported"):  # a module, but no experiment
        find_command("reported")


def test_every_experiment_has_what_lists_and_plans_need():
    for experiment in experiments():
        assert experiment.reproduces
        assert experiment.seconds > 0
        # Choices are made with one seed, and use no test image; so are rows that differ in their split.
        splits = {row.run.data for row in experiment.rows}
        assert experiment.most_seeds > 1 or "test" not in experiment.splits or len(splits) > 1


@pytest.mark.parametrize(("seconds", "seeds"), [(1, 5), (59.9, 5), (60, 3), (599, 3), (600, 1)])
def test_cheap_runs_get_more_seeds(seconds: float, seeds: int):
    assert seeds_for(seconds) == seeds


@pytest.mark.parametrize(("seconds", "seeds"), [(59, 5), (599, 3), (6000, 3)])
def test_on_a_gpu_long_runs_get_three(seconds: float, seeds: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert seeds_for(seconds) == seeds


def test_a_row_is_planned_by_its_fastest_run_or_by_the_estimate(folder: Path):
    add(folder, 0, 200)
    add(folder, 1, 50)
    row, other = plan(EXPERIMENT, quick=False)
    assert (row.stored, row.wanted, row.seconds, row.measured) == (2, 5, 50, True)
    assert (row.all_seconds, row.missing_seconds) == (250, 150)
    assert (other.stored, other.wanted, other.seconds, other.measured) == (0, 3, 100, False)


def test_runs_of_another_configuration_or_other_images_are_still_to_be_run(folder: Path):
    add(folder, 0, 10, checksum="of other images")
    assert plan(EXPERIMENT, quick=False)[0].stored == 0
    add(folder, 0, 10)
    assert plan(EXPERIMENT, quick=False)[0].stored == 1
    wider = change(SMALL, "mlp", model={"layer_sizes": (784, 5, 10)})
    changed = evolve(EXPERIMENT, rows=(Row("row", wider),))
    assert plan(changed, quick=False)[0].stored == 0


@pytest.mark.usefixtures("folder")
def test_a_quick_study_wants_one_seed():
    add(results_folder(quick=True), 0, 10, checksum="of any images")
    planned = [(row.stored, row.wanted) for row in plan(EXPERIMENT, quick=True)]
    assert planned == [(1, 1), (0, 1)]


@pytest.mark.usefixtures("folder")
def test_choices_get_no_more_seeds_than_they_were_made_with():
    few = evolve(EXPERIMENT, seconds=10, most_seeds=1)
    assert [row.wanted for row in plan(few, quick=False)] == [1, 1]
