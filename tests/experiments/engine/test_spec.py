import pytest

from experiments.engine.spec import Experiment, name_of_module
from tests.experiments.small_experiment import EXPERIMENT


@pytest.mark.parametrize(
    ("module", "name", "group"),
    [
        ("experiments.reports.report1.table1", "report1/table1", "report1"),
        ("experiments.beyond.smallest_network", "beyond/smallest_network", "beyond"),
    ],
)
def test_names_follow_from_modules(module: str, name: str, group: str):
    experiment = Experiment(module, "Made", (), ())
    assert (experiment.name, experiment.group) == (name, group)
    assert name_of_module(module) == name


def test_rows_by_name():
    assert EXPERIMENT.row("fast") is EXPERIMENT.rows[1]
    with pytest.raises(KeyError):
        EXPERIMENT.row("nosuch")
