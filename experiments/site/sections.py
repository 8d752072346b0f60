"""What stands where on the page: a section a report, in it a part an experiment with tables and charts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.analysis.statistics import ExperimentStatistics
from experiments.site import report_charts, tables
from experiments.site.parts import Chart, Part
from experiments.site.report_charts import Stored


@dataclass(frozen=True)
class Section:
    """A report, or what else the study has."""

    anchor: str
    title: str
    lead: str
    prefix: str
    """Of the names of its experiments."""
    tables: tuple[str, ...] = ()
    """Experiments that are the report's own tables, in its order; those of claims and choices follow."""


SECTIONS = (
    Section(
        "report-1",
        "Report 1",
        "A multilayer perceptron from scratch (table 1), and five convolutions whose features it "
        "classifies (table 2).",
        "report1",
        ("report1_table1", "report1_table2", "report1_kernels"),
    ),
    Section(
        "report-2",
        "Report 2",
        "An MLP and a small convolutional network, both trained by Adam and stopped on validation "
        "accuracy.",
        "report2",
        ("report2_mlp", "report2_cnn"),
    ),
    Section(
        "report-3",
        "Report 3",
        "A LeNet by batch size. The report applies softmax in the network and again in its loss "
        "(softmax-twice); beside it stands the right loss.",
        "report3",
        ("report3_lenet",),
    ),
    Section(
        "report-4",
        "Report 4",
        "A scratch MLP with decay, dropout and L2; a backbone of five blocks; and the MLP on the "
        "backbone's features.",
        "report4",
        ("report4_mlp", "report4_backbone"),
    ),
    Section(
        "beyond",
        "Beyond the reports",
        "A family of small networks, of which the one of fewest parameters over 90 % ships.",
        "",
        ("smallest_network",),
    ),
)


def section_of(name: str) -> Section:
    """The section that an experiment belongs to."""
    return next(section for section in SECTIONS if name.startswith(section.prefix))


def in_order(section: Section, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """The section's own tables, and its further runs."""
    its = {part.name: part for part in parts if section_of(part.name) == section}
    own = [its[name] for name in section.tables if name in its]
    return own, [part for name, part in its.items() if name not in section.tables]


def part(experiment: ExperimentStatistics, reproduces: str, header: str, stored: Stored) -> Part:
    """All that the page shows of an experiment; `header` is its module's."""
    columns = tables.main_columns(experiment)
    shown = tables.lines(experiment)
    names, figures = tables.all_figures(experiment)
    special, choices = report_charts.of(experiment.name)
    by_row = report_charts.row_chooser(experiment.name, stored)
    return Part(
        experiment.name,
        experiment.title,
        tables.first_up(reproduces),
        tables.notes(header),
        shown,
        any(line.reported for line in shown),
        names,
        figures,
        tuple(report_charts.beside_charts(experiment)),
        tuple(special(experiment, stored)),
        (*choices(experiment, stored), *([by_row] if by_row else [])),
        ", ".join(map(tables.label, columns)),
        list(tables.runs(stored, columns)),
    )


def all_charts(parts: Sequence[Part]) -> Iterator[Chart]:
    """Every chart of the parts."""
    for one in parts:
        yield from (*one.charts, *one.comparisons)
        for chooser in one.choosers:
            yield from chooser.charts
