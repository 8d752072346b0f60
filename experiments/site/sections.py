"""The order of the page: a section for each report, in it a part for each experiment."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from attrs import frozen

from experiments.analysis.statistics import ExperimentStatistics, experiment_statistics
from experiments.engine.spec import Experiment
from experiments.engine.store import Store
from experiments.site import report_charts, tables
from experiments.site.charts import Chart, Charts, identifier


@frozen
class Part:
    """An experiment on the page."""

    experiment: Experiment
    measured: ExperimentStatistics
    lines: list[tables.Line]
    runs: list[tables.RunLine]
    charts: tuple[Charts, ...]

    @property
    def id(self) -> str:
        """The HTML id."""
        return identifier(self.experiment.name)


class Section(NamedTuple):
    """A report, or the experiments beyond the reports."""

    anchor: str
    title: str
    lead: str
    tables: list[Part]
    """The section's own tables, in its order."""
    further: list[Part]
    """Its other experiments: ablations and selections."""


BEYOND = "beyond"

LEADS = {
    "report1": "A multilayer perceptron from scratch (table 1), and a network of five convolutions with "
    "the MLP on its features (table 2).",
    "report2": "An MLP and a small convnet, both trained with Adam. The weights of the highest validation "
    "accuracy are kept.",
    "report3": "A LeNet with four batch sizes. The report applies softmax in the network and again in its "
    "loss (softmax-twice). Here the correct loss is measured as well.",
    "report4": "A scratch MLP with decay, dropout and L2; a backbone of five blocks; and the MLP on the "
    "backbone's features.",
    BEYOND: "Small networks of one family. The one with the fewest parameters over 90 % ships with the "
    "package.",
}
"""One or two sentences, by package of experiments."""

TABLES = (
    "report1/table1", "report1/table2", "report1/kernels",
    "report2/mlp", "report2/convnet",
    "report3/lenet",
    "report4/mlp", "report4/backbone",
    "beyond/smallest_network",
)  # fmt: skip
"""The reports' own tables, in their order; all other experiments follow them."""


def sections(parts: Sequence[Part]) -> list[Section]:
    """The sections: reports by number, then everything else."""
    by_number: dict[float, list[Part]] = {}
    for part in parts:
        report = re.fullmatch(r"report(\d+)", part.experiment.group)
        by_number.setdefault(int(report[1]) if report else math.inf, []).append(part)
    return [_section(number, its) for number, its in sorted(by_number.items())]


def _section(number: float, its: Sequence[Part]) -> Section:
    group, title = f"report{number}", f"Report {number}"
    if number == math.inf:
        group, title = BEYOND, "Beyond the reports"
    own = {part.experiment.name: part for part in its}
    return Section(
        f"section-{group}",
        title,
        LEADS.get(group, ""),
        [own[name] for name in TABLES if name in own],
        [part for name, part in own.items() if name not in TABLES],
    )


def part(experiment: Experiment, results: Path) -> Part:
    """Everything that the page shows of an experiment."""
    stored = Store(experiment, results, "").read()
    measured = experiment_statistics(experiment, results)
    return Part(
        experiment,
        measured,
        tables.lines(measured),
        list(tables.runs(stored, tables.main_columns(measured))),
        report_charts.of_experiment(measured, stored),
    )


def all_charts(parts: Iterable[Part]) -> Iterator[Chart]:
    """Every chart of the parts."""
    for part in parts:
        for group in part.charts:
            yield from group.charts
