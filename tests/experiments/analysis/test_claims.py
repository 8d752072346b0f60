"""The claims as data: complete, and about rows that exist."""

import jax
import pytest

from experiments.analysis.claims import CLAIMS
from experiments.analysis.comparisons import Comparison
from experiments.study.catalogue import experiments

ROWS = {one.name: {row.name: row for row in one.rows} for one in experiments()}


def test_every_claim_of_the_reports_is_there():
    """The issue's list, by words of the statements."""
    for report, words in {
        1: "deeper|dropout 0.2|dropout 0.5|gelu|0.001 is best|unstable|slow|max pool|global|doubling|"
           "3x3|random|own head",
        2: "different epochs|closer|no accuracy|cnn beats",
        3: "batch size of 100|softmax",
        4: "decay|dropout|l2|stride|kernels|combined",
    }.items():  # fmt: skip
        statements = [claim.statement.lower() for claim in CLAIMS if claim.report == report]
        for word in words.split("|"):
            assert any(word in statement for statement in statements), word
    assert len({(claim.report, claim.statement, claim.conditions) for claim in CLAIMS}) == len(
        CLAIMS
    )


COMPARISONS = [
    comparison
    for claim in CLAIMS
    for comparison in claim.comparisons
    if isinstance(comparison, Comparison)
]


def shapes(experiment: str, row: str) -> tuple:
    """The shapes of all parameters of the row's stages."""
    stages = ROWS[experiment][row].run.stages
    return tuple(
        tuple(leaf.shape for leaf in jax.tree.leaves(variables.parameters))
        for variables in (
            jax.eval_shape(stage.model.build().init, jax.random.key(0)) for stage in stages
        )
    )


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda one: one.name)
def test_rows_are_paired_where_their_networks_have_the_same_shapes(comparison: Comparison):
    """Also: the rows of every claim exist."""
    for more, less in comparison.pairs:
        same = shapes(more.experiment, more.row) == shapes(less.experiment, less.row)
        assert comparison.paired == same
