"""The gradient check of the reports' MLPs, made when the page is built."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from experiments.analysis.release import takes_flattened_images
from experiments.engine.spec import Experiment
from fmnist_jax.gradcheck.check import check
from fmnist_jax.gradcheck.report import DTYPES

REFERENCES = ("jax.grad", "central differences")


class Check(NamedTuple):
    """The check of one network's hand-written gradient: the largest error in each comparison."""

    network: str
    errors: list[str]
    """Largest relative error over all parameters: by dtype, then by reference."""
    kinks: int
    passed: bool


def networks(experiments: Iterable[Experiment]) -> dict[str, Any]:
    """The reports' scratch MLPs on pixels, each once, by their description."""
    named: dict[str, Any] = {}
    for model in (row.run.stages[0].model for one in experiments for row in one.rows):
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
    """Check every parameter's gradient of one network; keep the largest errors."""
    report = check(model.hand_written())
    worst = {(dtype, reference): [math.nan] for dtype in DTYPES for reference in REFERENCES}
    kinks = [0]
    for one in (one for row in report.rows for one in row.comparisons):
        worst[one.dtype, one.reference].append(one.relative)
        kinks.append(one.kinks)
    errors = [f"{max(found[1:], default=math.nan):.0e}" for found in worst.values()]
    return Check(network, errors, max(kinks), report.passed)
