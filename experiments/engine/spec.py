"""What an experiment is: a table, whose rows are configurations, and a report's own program."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from fmnist_jax.config.codec import Names
from fmnist_jax.data.dataset import ReleaseName
from fmnist_jax.runs.config import Run

SPLITS = ("train", "validation", "test")


@frozen
class Row:
    """A line of a table: one configuration, run with several seeds."""

    name: str
    run: Run
    reported: Mapping[str, float] = field(factory=dict)
    """The report's figures by column, see `figures.figure`; accuracies in percent."""


@frozen
class Experiment:
    """A table: its rows, and the columns that are measured of each."""

    module: str
    """`__name__` of the module that defines it."""
    title: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    """Figures that the table shows, named as `figures.figure` takes them."""
    splits: tuple[str, ...] = SPLITS
    """Splits that the trained network is measured on; without "test" where choices are made."""
    reproduces: str = ""
    """One line: which part of which report, or what the table is for."""
    seconds: float = 60.0
    """Estimate of a run's time on two cores, for rows without a stored run."""
    most_seeds: int = 5
    """No row gets more seeds; 1 for choices on validation, and where rows vary the split."""
    notes: tuple[str, ...] = ()
    """Paragraphs: what the report leaves open, and what is known of differences."""
    reported_on: ReleaseName = "official"
    """Release of the images that the reported figures were measured on."""

    @property
    def name(self) -> str:
        """The module's path below `experiments.reports` or `experiments`, such as report1/table1."""
        return name_of_module(self.module)

    def row(self, name: str) -> Row:
        """The row of that name. Raises KeyError if there is none."""
        return {row.name: row for row in self.rows}[name]

    @property
    def group(self) -> str:
        """The package: report1 to report4, or beyond."""
        return self.name.partition("/")[0]


@frozen
class Program:
    """A report's own main program, which writes files instead of a table."""

    module: str
    """`__name__` of the module that defines it."""
    does: str
    """One line: what it writes."""
    options: type
    """Configuration class that the command line fills in."""
    act: Callable[[Any], None]
    """Does the work; takes the options."""
    names: Names = field(factory=dict)
    """Values by name for options that are behaviours."""

    @property
    def name(self) -> str:
        """As `Experiment.name`, such as report2/program."""
        return name_of_module(self.module)


def name_of_module(module: str) -> str:
    """The name of the experiment or program that `module` defines."""
    return module.removeprefix("experiments.").removeprefix("reports.").replace(".", "/")
