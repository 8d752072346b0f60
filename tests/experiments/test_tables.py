"""The experiments as they are committed: modules, results and headers agree."""

import importlib
import json
import re

import pytest

from experiments.protocol import REPORTED, RESULTS, Experiment, Options, Store, configure, table
from fmnist_jax.data import checksums

NAMES = ("report1_choices", "report1_table1", "report2_mlp", "report4_mlp")


def experiment(name: str) -> Experiment:
    return importlib.import_module(f"experiments.{name}").EXPERIMENT


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_runs_are_of_the_rows_as_they_stand(name: str):
    made = experiment(name)
    store = Store(made, RESULTS, checksums.CHECKSUM)
    stored = store.read()
    assert set(stored) == {row.name for row in made.rows}
    for row in made.rows:
        for seed in stored[row.name]["runs"]:
            assert store.has(row, configure(row, int(seed), Options()))
            assert stored[row.name]["reported"] == dict(row.reported)


@pytest.mark.parametrize("name", NAMES)
def test_the_header_shows_the_stored_figures(name: str):
    made = experiment(name)
    module = importlib.import_module(f"experiments.{name}")
    assert module.__doc__ is not None
    assert f"python -m experiments.{name}" in module.__doc__
    for line in table(made, Store(made, RESULTS, checksums.CHECKSUM).read()).splitlines():
        assert line in module.__doc__


def test_table_1_has_its_eight_rows_and_the_last_ones_other_reading():
    rows = experiment("report1_table1").rows
    entries = REPORTED["report_1"]["scratch_mlp"]
    assert len(rows) == 9
    for row, entry in zip(rows, entries, strict=False):
        assert row.run.model.layer_sizes == tuple(entry["layer_sizes"])
        assert row.run.model.dropout == entry["dropout"]
        assert row.run.model.activations[0].name == entry["activation"].replace("_", "-")
        assert row.reported["test_accuracy"] == entry["test_accuracy"]
    assert rows[8].run.model.layer_sizes == (784, 400, 250, 100, 10)
    assert rows[8].run.model.activations[0].name == "gelu"
    # What the report leaves open is chosen once for all rows.
    assert len({(row.run.training, row.run.model.initializer) for row in rows}) == 1


def test_no_result_knows_the_machine_it_was_made_on():
    for path in RESULTS.glob("*.json"):
        assert not re.search(r'"/|\\\\', path.read_text()), path
        json.loads(path.read_text())
