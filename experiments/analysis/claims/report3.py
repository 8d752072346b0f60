"""Report 3's claims about the batch size of its LeNet."""

from experiments.analysis.comparisons import Claim, Comparison, greater, pair
from experiments.analysis.quantities import TEST

LENET, BATCHES = "report3/lenet", (32, 64, 100, 256)
TWICE, ONCE = "softmax-twice", "softmax-cross-entropy"


def batch_parts(loss: str) -> tuple[Comparison, ...]:
    """A batch size of 100 over each of the others."""
    return tuple(
        greater(f"100 over {size}", pair(TEST, LENET, f"batch 100 {loss}", f"batch {size} {loss}"))
        for size in BATCHES
        if size != 100
    )


# All paired: one network, so the same first weights.
REPORT_3 = (
    Claim(3, "A batch size of 100 is the best of 32, 64, 100 and 256",
          "table 3, its own loss: softmax twice", batch_parts(TWICE)),
    Claim(3, "A batch size of 100 is the best of 32, 64, 100 and 256", "the right loss", batch_parts(ONCE)),
    Claim(
        3, "Softmax applied twice costs accuracy (its mistake, not its claim)", "table 3",
        tuple(
            greater(f"batch {size}: right loss over softmax twice",
                    pair(TEST, LENET, f"batch {size} {ONCE}", f"batch {size} {TWICE}"))
            for size in BATCHES
        ),
    ),
)  # fmt: skip
