"""A study on a Ray cluster, as a process that tests can kill: ADDRESS and the folder of results."""

import sys
from pathlib import Path

from rich.console import Console

from experiments.engine import store
from experiments.engine.command import exit_code
from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.study import processes, study
from experiments.study.study import StudyOptions
from fmnist_jax.cli.interruption import listening
from fmnist_jax.data import checksums, sources
from fmnist_jax.data.loading import DataConfig, load_dataset
from tests import once
from tests.experiments.small_experiment import SMALL

SYNTHETIC = DataConfig(source="synthetic")
LONG = change(SMALL, "mlp", model={"layer_sizes": (784, 12, 10)}, training={"epochs": 100})
ROWS = ("a", "b", "c", "d")
EXPERIMENT = Experiment(
    module="experiments.made.faults",
    title="Made for a test",
    rows=tuple(
        Row(name, change(LONG, "mlp", training={"learning_rate": rate}))
        for name, rate in zip(ROWS, (0.1, 0.05, 0.02, 0.01), strict=True)
    ),
    columns=("test_accuracy",),
    most_seeds=1,
)


def main(address: str | None, results: Path) -> int:
    """Run the study on the synthetic pictures, which count as the real ones."""
    sources.draw_synthetic = once.few
    store.RESULTS = results
    checksums.CHECKSUM = load_dataset(SYNTHETIC, lambda line: None).checksum
    options = StudyOptions(ray=address, jobs=None if address else 1, data=SYNTHETIC)
    console = Console(highlight=False, soft_wrap=True, markup=False)

    def run() -> None:
        with listening(console.print, processes.kill_all) as interruption:
            failed = study.run(options, [EXPERIMENT], console, interruption)
        assert not failed, failed

    return exit_code([], run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] or None, Path(sys.argv[2])))
