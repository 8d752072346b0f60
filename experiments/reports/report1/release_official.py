"""The official test file beside report1/release: the same networks, five validation splits.

Command: `python -m experiments report1/release_official --seeds 1`
"""

from attrs import evolve

from experiments.engine.spec import Experiment, Row
from experiments.reports.report1.release import NETWORKS, SPLITS, row_name
from fmnist_jax.data.loading import DataConfig

EXPERIMENT = Experiment(
    module=__name__,
    title="The release: the official files, five validation splits",
    rows=tuple(
        Row(row_name(network, "split seed", seed), evolve(run, data=DataConfig(split_seed=seed)))
        for network, run in NETWORKS.items()
        for seed in SPLITS
    ),
    columns=("test_accuracy", "validation_accuracy"),
    reproduces="report 1: which images it was measured on (official files)",
    seconds=120,
    most_seeds=1,
    notes=(),
)
