"""The gradient check of the reports' MLPs, made when the page is built."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from experiments.analysis.shift import takes_flattened_images
from experiments.engine.spec import Experiment
from fmnist_jax.gradcheck.check import check
from fmnist_jax.gradcheck.report import DTYPES, Report

REFERENCES = ("jax.grad", "central differences")


@frozen
class Check:
    """The check of one network's hand-written gradient: the largest error in each comparison."""

    network: str
    errors: tuple[str, ...]
    """Largest relative error over all parameters: by dtype, then by reference."""
    kinks: int
    passed: bool


def networks(experiments: Iterable[Experiment]) -> dict[str, Any]:
    """The reports' scratch MLPs on pixels, each once, by their description."""
    named: dict[str, Any] = {}
    for experiment in experiments:
        for model in (row.run.stages[0].model for row in experiment.rows):
            if takes_flattened_images(model):
                # Models that differ in the initialiser alone have the same gradient.
                named.setdefault(describe(model), model)
    return named


def describe(model: Any) -> str:
    """An MLP's sizes, activations, dropout and penalty."""
    words = [",".join(map(str, model.layer_sizes))]
    words += dict.fromkeys(activation.name for activation in model.activations)
    words += [f"dropout {model.dropout:g}"] if model.dropout else []
    words += [f"L2 {model.l2:g}"] if model.l2 else []
    return " ".join(words)


def run_check(network: str, model: Any) -> Check:
    """Check every parameter's gradient of one network."""
    return summary(network, check(model.hand_written()))


def summary(network: str, report: Report) -> Check:
    """The largest errors of a report."""
    comparisons = [one for row in report.rows for one in row.comparisons]
    worst = [
        max(
            (
                one.relative
                for one in comparisons
                if (one.dtype, one.reference) == (dtype, reference)
            ),
            default=float("nan"),
        )
        for dtype in DTYPES
        for reference in REFERENCES
    ]
    kinks = max((one.kinks for one in comparisons), default=0)
    return Check(network, tuple(f"{error:.0e}" for error in worst), kinks, report.passed)
