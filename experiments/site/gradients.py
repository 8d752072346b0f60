"""The gradient check of the reports' MLPs, made when the page is built."""

from dataclasses import dataclass

from experiments.reports.report1 import table1 as report1_table1
from experiments.reports.report2 import mlp as report2_mlp
from experiments.reports.report4 import mlp as report4_mlp
from fmnist_jax.gradcheck.check import check
from fmnist_jax.gradcheck.report import DTYPES, Report
from fmnist_jax.scratch.mlp import MLPConfig

REFERENCES = ("jax.grad", "central differences")


@dataclass(frozen=True)
class Checked:
    """The hand-written gradient of one network, its worst leaf in each comparison."""

    network: str
    errors: tuple[str, ...]
    """Largest relative error over all leaves: by dtype, then by reference."""
    kinks: int
    passed: bool


def networks() -> dict[str, MLPConfig]:
    """The scratch MLPs that the reports train on pixels, each once, by what they are."""
    models = [
        row.run.model
        for experiment in (report1_table1, report2_mlp, report4_mlp)
        for row in experiment.EXPERIMENT.rows
        if isinstance(row.run.model, MLPConfig)
    ]
    named: dict[str, MLPConfig] = {}
    for model in models:
        # The initialiser alone makes no other gradient.
        named.setdefault(describe(model), model)
    return named


def describe(model: MLPConfig) -> str:
    """Sizes, activations, dropout and penalty."""
    words = [",".join(map(str, model.layer_sizes))]
    words += dict.fromkeys(activation.name for activation in model.activations)
    words += [f"dropout {model.dropout:g}"] if model.dropout else []
    words += [f"L2 {model.l2:g}"] if model.l2 else []
    return " ".join(words)


def checked(network: str, model: MLPConfig) -> Checked:
    """Check one network's gradient in every leaf."""
    return summarised(network, check(model))


def summarised(network: str, report: Report) -> Checked:
    """A report's largest errors."""
    worst = {
        (dtype, reference): max(
            (
                comparison.relative
                for row in report.rows
                for comparison in row.comparisons
                if (comparison.dtype, comparison.reference) == (dtype, reference)
            ),
            default=float("nan"),
        )
        for dtype in DTYPES
        for reference in REFERENCES
    }
    kinks = max((one.kinks for row in report.rows for one in row.comparisons), default=0)
    return Checked(network, tuple(f"{error:.0e}" for error in worst.values()), kinks, report.passed)
