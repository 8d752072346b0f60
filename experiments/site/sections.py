"""The order of the page: a section for each report, in it a part for each experiment."""

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from experiments.analysis.statistics import ExperimentStatistics
from experiments.engine.spec import Experiment
from experiments.site import report_charts, tables
from experiments.site.parts import Chart, Part, identifier
from experiments.site.report_charts import Stored


@frozen
class Section:
    """A report, or the experiments beyond the reports."""

    anchor: str
    title: str
    lead: str
    tables: tuple[Part, ...]
    """The section's own tables, in its order."""
    further: tuple[Part, ...]
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


def sections(parts: Sequence[Part]) -> tuple[Section, ...]:
    """The sections: reports by number, then everything else."""
    groups = sorted({section_of(part.group) for part in parts}, key=_order)
    return tuple(_section(group, parts) for group in groups)


def section_of(group: str) -> str:
    """The package whose section an experiment belongs to: its report's, or `BEYOND`."""
    number = group.removeprefix("report")
    return group if number != group and number.isdigit() else BEYOND


def _order(group: str) -> tuple[bool, int]:
    return (group == BEYOND, 0 if group == BEYOND else int(group.removeprefix("report")))


def _section(group: str, parts: Sequence[Part]) -> Section:
    its = [part for part in parts if section_of(part.group) == group]
    own = sorted(
        (part for part in its if part.name in TABLES), key=lambda part: TABLES.index(part.name)
    )
    title = "Beyond the reports" if group == BEYOND else f"Report {group.removeprefix('report')}"
    return Section(
        f"section-{group}",
        title,
        LEADS.get(group, ""),
        tuple(own),
        tuple(part for part in its if part.name not in TABLES),
    )


def part(experiment: Experiment, measured: ExperimentStatistics, stored: Stored) -> Part:
    """Everything that the page shows of an experiment."""
    columns = tables.main_columns(measured)
    lines = tables.lines(measured)
    names, figures = tables.all_figures(measured)
    special, choosers = report_charts.special_charts(experiment.name)
    by_row = report_charts.row_chooser(experiment.name, stored)
    return Part(
        identifier(experiment.name),
        experiment.name,
        experiment.group,
        experiment.title,
        tables.capitalised(experiment.reproduces),
        experiment.notes,
        lines,
        any(line.reported for line in lines),
        names,
        figures,
        tuple(report_charts.measured_and_reported(measured)),
        tuple(special(measured, stored)),
        (*choosers(measured, stored), *([by_row] if by_row else [])),
        ", ".join(map(tables.label, columns)),
        tuple(tables.runs(stored, columns)),
    )


def all_charts(parts: Iterable[Part]) -> Iterator[Chart]:
    """Every chart of the parts."""
    for one in parts:
        yield from (*one.charts, *one.comparisons)
        for chooser in one.choosers:
            yield from chooser.charts
