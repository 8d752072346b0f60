"""What paired runs say of an effect: its mean over seeds, its interval, tests, and a verdict.

Runs of one seed share the order of the images, the split and, where sizes agree, the first weights; so
rows are compared seed by seed. An effect of a seed is a mean of differences between rows.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from experiments.analysis.statistics import CONFIDENCE, Interval

Runs = Mapping[str, Any]
"""A stored run's figures, by the names of `measure`."""
Stored = Mapping[str, Mapping[str, Any]]
"""By experiment, its rows as they are stored."""


POINTS, LOSS, EPOCHS, RUNS = "points", "loss", "epochs", "% of runs"
"""Units: percentage points of accuracy, nats of loss."""


class Quantity(NamedTuple):
    """A figure of a run."""

    name: str
    unit: str
    read: Callable[[Runs], float]


class Figure(NamedTuple):
    """A quantity of a row."""

    experiment: str
    row: str
    quantity: Quantity

    def by_seed(self, stored: Stored) -> dict[int, float]:
        """Of every run that is stored."""
        runs = stored.get(self.experiment, {}).get(self.row, {}).get("runs", {})
        return {int(seed): self.quantity.read(run) for seed, run in runs.items()}


Pair = tuple[Figure, Figure]
"""What is said to be more, and what less."""


@dataclass(frozen=True)
class Effect:
    """What was measured of a comparison or a proportion."""

    name: str
    unit: str
    n: int
    """Seeds, or runs of a proportion."""
    mean: float | None
    interval: Interval | None
    """95 %; None where there is none."""
    p: float | None
    """Two-sided, of `test`."""
    exact_p: float | None
    """Two-sided, of the exact sign-flip test, which n seeds can't bring below 2^(1 - n)."""
    test: str
    verdict: str
    """"holds", "does not hold", "can't be told with n seeds" or "not run"."""

    def shown(self) -> str:
        """Mean and interval with their unit, as every text writes them; empty where nothing is run."""
        if self.mean is None:
            return ""
        sign, digits = ("", 1) if self.unit == RUNS else ("+", 4 if self.unit == LOSS else 2)
        texts = [f"{self.mean:{sign}.{digits}f} {self.unit}"]
        if self.interval is not None:
            low, high = self.interval.low, self.interval.high
            texts.append(f"[{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]")
        return " ".join(texts)


@dataclass(frozen=True)
class Comparison:
    """Rows against rows, over the seeds that all of them have.

    The effect of a seed is the mean over `pairs` of first less second. Its interval is Student's t over
    seeds, the test a paired t test (scipy.stats.ttest_1samp of the differences) of `beyond`; beside it
    the exact sign-flip test (scipy.stats.permutation_test), which takes no distribution for granted. It
    holds where the whole interval is above `beyond`, and does not where the whole interval is below
    `fails_below`.
    """

    name: str
    pairs: tuple[Pair, ...]
    beyond: float
    fails_below: float

    @property
    def figures(self) -> Iterator[Figure]:
        """All that it looks at."""
        return (figure for pair in self.pairs for figure in pair)

    def effect(self, stored: Stored) -> Effect:
        """What the stored runs say."""
        unit = self.pairs[0][0].quantity.unit
        by_seed = {figure: figure.by_seed(stored) for figure in self.figures}
        seeds = sorted(set.intersection(*map(set, by_seed.values())))
        effects = [
            statistics.fmean(by_seed[more][seed] - by_seed[less][seed] for more, less in self.pairs)
            for seed in seeds
        ]
        n = len(effects)
        if not n:
            return Effect(self.name, unit, 0, None, None, None, None, "", "not run")
        mean = statistics.fmean(effects)
        deviation = statistics.stdev(effects) if n > 1 else 0.0
        if not deviation:
            why = "none: one seed" if n == 1 else "none: all seeds give the same"
            return Effect(self.name, unit, n, mean, None, None, None, why, untold(n, "seed"))
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation / math.sqrt(n)
        interval = Interval(mean - reach, mean + reach)
        return Effect(
            self.name,
            unit,
            n,
            mean,
            interval,
            float(stats.ttest_1samp(effects, self.beyond).pvalue),  # pyright: ignore
            sign_flip_p([effect - self.beyond for effect in effects]),
            "paired t",
            _verdict(interval, self.beyond, self.fails_below, untold(n, "seed")),
        )


@dataclass(frozen=True)
class Proportion:
    """The share of runs of which something is true, in percent, over every different run stored.

    Interval and test are exact, of the binomial distribution (scipy.stats.binomtest, against one half):
    it holds where the whole interval is above one half, and does not where all of it is below.
    """

    name: str
    true_of: Callable[[Runs], bool]

    figures: tuple[Figure, ...] = ()
    """None of its own: it looks at all runs."""

    def effect(self, stored: Stored) -> Effect:
        """What the stored runs say."""
        answers = [self.true_of(run) for run in different_runs(stored)]
        n = len(answers)
        if not n:
            return Effect(self.name, RUNS, 0, None, None, None, None, "", "not run")
        test = stats.binomtest(sum(answers), n)
        share = test.proportion_ci(CONFIDENCE)
        interval = Interval(100 * float(share.low), 100 * float(share.high))
        return Effect(
            self.name,
            RUNS,
            n,
            100 * sum(answers) / n,
            interval,
            float(test.pvalue),
            float(test.pvalue),
            "binomial, exact",
            _verdict(interval, 50, 50, untold(n, "run")),
        )


@dataclass(frozen=True)
class Claim:
    """What a report says, and the comparisons that tell whether it is so."""

    report: int
    statement: str
    """As the report has it."""
    conditions: str
    """What was run to test it, and what the comparison can't keep apart."""
    parts: tuple[Comparison | Proportion, ...]
    """It holds if all of them do."""


def _verdict(interval: Interval, beyond: float, fails_below: float, untold: str) -> str:
    if interval.low > beyond:
        return "holds"
    return "does not hold" if interval.high < fails_below else untold


def untold(n: int, what: str) -> str:
    """The verdict of too few."""
    return f"can't be told with {n} {what}{'' if n == 1 else 's'}"


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p that these differences' signs are chance, over all 2^n signs: exact."""
    result = stats.permutation_test(
        (np.asarray(differences),),
        np.mean,
        permutation_type="samples",
        n_resamples=2 ** len(differences),
    )
    return float(result.pvalue)


def different_runs(stored: Stored) -> Iterator[Runs]:
    """Every training once: some are rows of two experiments. A pipeline's two networks count as two."""
    seen = set()
    for rows in stored.values():
        for row in rows.values():
            for seed, run in row.get("runs", {}).items():
                for prefix in ("", "cnn_", "mlp_"):
                    history = run.get(f"{prefix}history")
                    if history is None:
                        continue
                    key = (seed, str(history))
                    if key not in seen:
                        seen.add(key)
                        yield {"history": history}
