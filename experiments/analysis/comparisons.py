"""What a claim rests on: comparisons of rows, and shares of runs, each with its effect."""

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from experiments.analysis.intervals import Estimate, Interval, estimate, interval, p_value
from experiments.analysis.quantities import LOSS, MATTERS, RUNS, Quantity
from experiments.analysis.rule import CONFIDENCE, GREATER, NO_LESS, Assertion, Verdict
from experiments.engine.figures import Measured

Stored = Mapping[str, Mapping[str, Any]]
"""By experiment, its rows as `Store.read` returns them."""

TESTS = {1: "paired t", 2: "Welch t"}
"""By number of samples."""


@frozen
class Figure:
    """A quantity of a row."""

    experiment: str
    row: str
    quantity: Quantity

    def by_seed(self, stored: Stored) -> dict[int, float]:
        """The quantity of every stored run."""
        runs = stored.get(self.experiment, {}).get(self.row, {}).get("runs", {})
        return {seed: self.quantity.read(run) for seed, run in runs.items()}


Pair = tuple[Figure, Figure]
"""What the claim says is more, and what it says is less."""


@frozen
class Effect:
    """What was measured of a comparison or a share."""

    name: str
    unit: str
    matters: float
    """The smallest difference that matters."""
    asserts: Assertion
    estimate: Estimate | None = None
    """None where no run is stored."""

    @property
    def interval(self) -> Interval | None:
        """As the rule has it; None where there is none."""
        return self.estimate and interval(self.estimate, CONFIDENCE)

    @property
    def p(self) -> float | None:
        """One-sided, of the hypothesis that the assertion must reject; None where there is no test."""
        return self.estimate and p_value(self.estimate, self.asserts.null * self.matters)

    @property
    def verdict(self) -> Verdict:
        """As the rule has it."""
        if self.interval is None:
            return "inconclusive" if self.estimate else "not run"
        return self.asserts.decide(self.interval, self.matters)

    @property
    def n(self) -> str:
        """Sizes of the samples, as texts write them."""
        return " and ".join(map(str, self.estimate.sizes)) if self.estimate else "0"

    @property
    def test(self) -> str:
        """Which test, or why there is none."""
        if self.estimate is None:
            return ""
        if self.estimate.has_spread:
            return TESTS[len(self.estimate.sizes)]
        return "none: one seed" if min(self.estimate.sizes) == 1 else "none: all seeds are equal"

    def shown(self) -> str:
        """Mean and interval with their unit, as texts write them; empty where nothing is run."""
        if self.estimate is None:
            return ""
        digits = {LOSS: 4, RUNS: 1}.get(self.unit, 2)
        text = f"{self.estimate.mean:+.{digits}f} {self.unit}"
        if found := self.interval:
            text += f" [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
        return text


@frozen
class Comparison:
    """Rows against rows, each pair by first less second, averaged over the pairs."""

    name: str
    pairs: tuple[Pair, ...]
    matters: float
    asserts: Assertion = GREATER
    paired: bool = True
    """Seed by seed (paired t test): runs of one seed share the order of the images and, where the networks
    have the same shapes, their first weights. Otherwise the sides are independent (Welch's t test): pairing
    would only halve the degrees of freedom."""

    def effect(self, stored: Stored) -> Effect:
        """The effect in the stored runs."""
        more, less = (_mean_by_seed(side, stored) for side in zip(*self.pairs, strict=True))
        samples = [list(more.values()), list(less.values())]
        if self.paired:
            samples = [[more[seed] - less[seed] for seed in sorted(more.keys() & less.keys())]]
        found = estimate(*samples) if all(samples) else None
        unit = self.pairs[0][0].quantity.unit
        return Effect(self.name, unit, self.matters, self.asserts, found)


def _mean_by_seed(figures: Sequence[Figure], stored: Stored) -> dict[int, float]:
    """Mean over the figures, for each seed that all of them have."""
    values = [figure.by_seed(stored) for figure in figures]
    seeds = sorted(set.intersection(*map(set, values)))
    return {seed: statistics.fmean(value[seed] for value in values) for seed in seeds}


@frozen
class Share:
    """Whether something is true of more than half of all trainings: the share less one half, in percent.

    Each configuration counts once, by its mean over seeds: runs that differ in the seed alone are not
    independent.
    """

    name: str
    true_of: Callable[[Measured], bool]

    def effect(self, stored: Stored) -> Effect:
        """The effect in the stored runs."""
        answers: dict[str, dict[int, bool]] = defaultdict(dict)
        for configuration, seed, training in trainings(stored):
            answers[configuration][seed] = self.true_of(training)
        shares = [100 * statistics.fmean(by_seed.values()) - 50 for by_seed in answers.values()]
        found = estimate(shares) if shares else None
        return Effect(self.name, RUNS, MATTERS[RUNS], GREATER, found)


def trainings(stored: Stored) -> Iterator[tuple[str, int, Measured]]:
    """Every stored training of a stage with two epochs to compare: its configuration, seed, and figures.

    The configuration has the stages before it, on which it depends, and not those after it: two pipelines
    with the same convnet trained that convnet once.
    """
    for rows in stored.values():
        for row in rows.values():
            configuration = row.get("configuration", {})
            for seed, run in row.get("runs", {}).items():
                for count, (name, figures) in enumerate(run["stages"].items(), 1):
                    if len(figures["history"].get("validation_loss", ())) > 1:
                        until = {**configuration, "stages": configuration["stages"][:count]}
                        key = json.dumps(until, sort_keys=True)
                        yield key, seed, {"stages": {name: figures}}


def greater(name: str, *pairs: Pair, paired: bool = True) -> Comparison:
    """First more than second."""
    return Comparison(name, pairs, MATTERS[pairs[0][0].quantity.unit], GREATER, paired)


def no_less(name: str, margin: float, *pairs: Pair, paired: bool = True) -> Comparison:
    """First no less than second, with a margin."""
    return Comparison(f"{name}, margin {margin:g}", pairs, margin, NO_LESS, paired)


def pair(quantity: Quantity, experiment: str, more: str, less: str) -> Pair:
    """Two rows of one experiment."""
    return across(quantity, (experiment, more), (experiment, less))


def across(quantity: Quantity, more: tuple[str, str], less: tuple[str, str]) -> Pair:
    """Two rows, each by its experiment and name."""
    return Figure(*more, quantity), Figure(*less, quantity)


def within(row: tuple[str, str], more: Quantity, less: Quantity) -> Pair:
    """Two quantities of one row."""
    return Figure(*row, more), Figure(*row, less)


@frozen
class Claim:
    """What a report says, and the comparisons that test it."""

    report: int
    statement: str
    """As the report has it."""
    conditions: str
    """What was run to test it, and what the comparison cannot separate."""
    comparisons: tuple[Comparison | Share, ...]
    """The claim holds if all of them do."""
