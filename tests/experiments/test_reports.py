"""The experiments as they are committed: modules, results and headers agree."""

import importlib
import json
import re

import pytest

from experiments.engine.runner import (
    REPORTED,
    RESULTS,
    Experiment,
    Options,
    Store,
    configure,
    table,
)
from experiments.study.catalogue import module_of
from fmnist_jax.config.codec import name_of
from fmnist_jax.data import checksums
from fmnist_jax.runs.pipeline import PipelineRun
from fmnist_jax.runs.run import CNNRun, MLPRun
from fmnist_jax.scratch.initializers import INITIALIZERS
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, SOFTMAX_TWICE

NAMES = (
    "report1_choices", "report1_claims_mlp", "report1_claims_network", "report1_kernels",
    "report1_table1", "report1_table2", "report1_table2_choices", "report1_tuned", "report1_tuned_choices",
    "report2_choices", "report2_claims", "report2_cnn", "report2_mlp", "report3_choices", "report3_lenet",
    "report4_backbone", "report4_claims_backbone", "report4_claims_mlp", "report4_mlp", "smallest_network",
)  # fmt: skip


def experiment(name: str) -> Experiment:
    return importlib.import_module(module_of(name)).EXPERIMENT


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
    module = importlib.import_module(module_of(name))
    assert module.__doc__ is not None
    assert f"python -m {module_of(name)}" in module.__doc__
    for line in table(made, Store(made, RESULTS, checksums.CHECKSUM).read()).splitlines():
        assert line in module.__doc__


def test_table_1_has_its_eight_rows_and_the_last_ones_other_reading():
    rows = experiment("report1_table1").rows
    entries = REPORTED["report_1"]["scratch_mlp"]
    assert len(rows) == 9
    for row, entry in zip(rows, entries, strict=False):
        assert isinstance(row.run, MLPRun)
        assert row.run.model.layer_sizes == tuple(entry["layer_sizes"])
        assert row.run.model.dropout == entry["dropout"]
        assert row.run.model.activations[0].name == entry["activation"].replace("_", "-")
        assert row.reported["test_accuracy"] == entry["test_accuracy"]
    runs = [row.run for row in rows if isinstance(row.run, MLPRun)]
    assert runs[8].model.layer_sizes == (784, 400, 250, 100, 10)
    assert runs[8].model.activations[0].name == "gelu"
    # What the report leaves open is chosen once for all rows.
    assert len({(run.training, run.model.initializer) for run in runs}) == 1


def test_table_2_has_its_fourteen_rows():
    rows = experiment("report1_table2").rows
    entries = REPORTED["report_1"]["five_conv"]
    for row, entry in zip(rows, entries, strict=True):
        assert isinstance(row.run, PipelineRun)
        network, mlp = row.run.model.network, row.run.model.mlp
        assert [block.filters for block in network.blocks] == entry["filters"]
        assert {block.kernel for block in network.blocks} == {entry["kernel"]}
        assert [block.pooling.name for block in network.blocks] == [*[entry["pooling"]] * 4, "none"]
        assert mlp.layer_sizes == (entry["filters"][-1], entry["hidden"], 10)
        assert network.hidden == (entry["hidden"],)
        assert name_of(network.initializer, INITIALIZERS).startswith(entry["initializer"])
        assert row.run.network_training.epochs == entry["epochs"]
        for name in ("cnn_test_accuracy", "mlp_test_accuracy"):
            assert row.reported.get(name) == entry[name]
    assert [row.run.mlp_training.patience for row in rows[:4] if isinstance(row.run, PipelineRun)] == [
        10, 10, 10, 5,
    ]  # fmt: skip


def test_the_kernels_differ_in_kernels_alone_and_3x3_is_table_2s():
    rows = {row.name: row for row in experiment("report1_kernels").rows}
    assert [row.name for row in rows.values() if row.reported] == ["3x3"]
    runs = {name: row.run for name, row in rows.items() if isinstance(row.run, PipelineRun)}
    kernels = {
        name: {block.kernel for block in run.model.network.blocks} for name, run in runs.items()
    }
    assert kernels == {"2x2": {2}, "3x3": {3}, "5x5": {5}}
    assert runs["3x3"] in [row.run for row in experiment("report1_table2").rows]
    assert len({(run.network_training, run.mlp_training) for run in runs.values()}) == 1


def test_report_3_has_each_batch_size_with_its_own_and_the_right_loss():
    rows = experiment("report3_lenet").rows
    assert len(rows) == 8
    for row, entry in zip(rows, [*REPORTED["report_3"]] * 2, strict=True):
        assert isinstance(row.run, CNNRun)
        assert row.run.training.batch_size == entry["batch_size"]
        assert row.run.model.loss == (SOFTMAX_TWICE if row.reported else SOFTMAX_CROSS_ENTROPY)
    assert rows[2].reported["test_class_6"] == 75
    assert not any(row.reported for row in rows[4:])


def test_report_4_trains_the_doubled_filters_once_for_two_figures():
    rows = {row.name: row for row in experiment("report4_backbone").rows}
    doubled, kernels = rows["doubled filters, lr 0.1"], rows["3x3 then four 2x2, lr 0.1"]
    assert doubled.run == kernels.run
    assert (doubled.reported["cnn_test_accuracy"], kernels.reported["cnn_test_accuracy"]) == (
        89.4,
        89.2,
    )
    assert doubled.reported["mlp_validation_f1"] == 90.51
    assert len({row.run for row in rows.values()}) == len(rows) - 1
    for row in rows.values():
        assert isinstance(row.run, PipelineRun)
        network = row.run.model.network
        assert row.run.model.mlp.layer_sizes == (network.features, 128, 10)
        assert network.features == (49 if row.name.startswith("same") else 784)


def test_no_result_knows_the_machine_it_was_made_on():
    for path in RESULTS.glob("*.json"):
        assert not re.search(r'"/|\\\\', path.read_text()), path
        json.loads(path.read_text())
