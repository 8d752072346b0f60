"""Mean effects with Student's t intervals: of one sample, or of two independent samples (Welch)."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
"""Of intervals, where nothing else is given."""


class Interval(NamedTuple):
    """All values from `low` to `high`."""

    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Whether the value lies in the interval, its ends included."""
        return self.low <= value <= self.high


class Estimate(NamedTuple):
    """A mean effect, and what is needed for its interval and its test."""

    mean: float
    sizes: tuple[int, ...]
    """Of one sample (of paired differences, for example), or of two."""
    deviations: tuple[float, ...]
    """Sample standard deviations (n - 1); empty where a sample has one value."""

    @property
    def has_spread(self) -> bool:
        """Whether there is an interval: not of one value, nor where all values are the same."""
        return any(self.deviations)

    def with_size(self, n: int) -> "Estimate":
        """The same mean and spread from `n` values in each sample, or as many as there are already."""
        return self._replace(sizes=tuple(max(n, size) for size in self.sizes))


def estimate(*samples: Sequence[float]) -> Estimate:
    """Estimate the mean of a sample, or the first sample's mean less the second's."""
    first, *second = map(statistics.fmean, samples)
    sizes = tuple(map(len, samples))
    deviations = tuple(map(statistics.stdev, samples)) if min(sizes) > 1 else ()
    return Estimate(first - sum(second), sizes, deviations)


def interval(estimate: Estimate, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the interval of the mean; None where there is no spread."""
    if not estimate.has_spread:
        return None
    error, freedom = _error(estimate)
    return Interval(*map(float, stats.t.interval(confidence, freedom, estimate.mean, error)))


def p_value(estimate: Estimate, null: float) -> float | None:
    """One-sided p of the hypothesis that the mean is `null` or less; None where there is no spread."""
    if not estimate.has_spread:
        return None
    error, freedom = _error(estimate)
    return float(stats.t.sf((estimate.mean - null) / error, freedom))


def standard_error(estimate: Estimate) -> float:
    """Standard error of the mean; 0 where there is no spread."""
    return _error(estimate)[0] if estimate.has_spread else 0.0


def _error(estimate: Estimate) -> tuple[float, float]:
    """Standard error of the mean, and its degrees of freedom after Welch and Satterthwaite.

    se^2 = sum v_i with v_i = s_i^2 / n_i, df = (sum v_i)^2 / sum(v_i^2 / (n_i - 1)); n - 1 for one sample.
    """
    sizes = np.asarray(estimate.sizes, float)
    variances = np.square(estimate.deviations) / sizes
    total = float(variances.sum())
    return math.sqrt(total), total**2 / float((variances**2 / (sizes - 1)).sum())
