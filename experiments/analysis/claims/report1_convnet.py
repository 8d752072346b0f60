"""Report 1's claims about its five convolutions, and about the scratch MLP on their features."""

from experiments.analysis.comparisons import Claim, Comparison, greater, no_less, pair, within
from experiments.analysis.quantities import CONVNET_TEST, MLP_TEST
from experiments.analysis.statistics import CONVNET_TOLERANCE

TABLE_2, SMALL, KERNELS = "report1/table2", "report1/ablations_convnet", "report1/kernels"
SAME, DOUBLED = "16,16,16,16,16 3x3", "16,32,64,128,256 3x3"
POOLINGS, INITIALIZERS = ("max", "avg", "global"), ("random", "he", "xavier")
SMALL_FIRST, SMALL_CONDITIONS = "max, doubled, 3x3, random", "half the filters, five epochs"
NETWORKS = ((CONVNET_TEST, "own head"), (MLP_TEST, "MLP on features"))


def over(name: str, *rows: tuple[str, str, str], paired: bool = True) -> tuple[Comparison, ...]:
    """Rows over others (experiment, more, less), by the own head and by the MLP on the features."""
    return tuple(
        greater(f"{network}{name}", *(pair(quantity, *these) for these in rows), paired=paired)
        for quantity, network in NETWORKS
    )


def pooling_over(more: str, less: str) -> tuple[Comparison, ...]:
    """One pooling over another, in table 2: of the sixteen filters, and of the doubled ones."""
    doubled = [f"{DOUBLED} {first}" for first in INITIALIZERS]
    return tuple(
        comparison
        for name, rows in (("sixteen filters", [f"{SAME} random"]), ("doubled filters", doubled))
        for comparison in over(
            f", {name}: {more} over {less}",
            *((TABLE_2, f"{more} {of}", f"{less} {of}") for of in rows),
        )
    )


# Poolings and initialisers are paired: kernels of the same shapes, so first weights from the same draws.
# Other filters or kernels are unpaired. The MLP and the head it is compared with are parts of one run.
REPORT_1_CONVNETS = (
    Claim(1, "Max pooling is better than average pooling", "table 2", pooling_over("max", "avg")),
    Claim(1, "Max pooling is better than average pooling", SMALL_CONDITIONS,
          over(": max over avg", (SMALL, SMALL_FIRST, "avg"))),
    Claim(1, "Average pooling is better than global", "table 2", pooling_over("avg", "global")),
    Claim(1, "Average pooling is better than global", SMALL_CONDITIONS,
          over(": avg over global", (SMALL, "avg", "global"))),
    Claim(
        1, "Doubling the filters is better than the same in all layers",
        "table 2, over its three poolings; the dense layer grows too, from 32 to 512",
        over(": doubled over same", *((TABLE_2, f"{pool} {DOUBLED} random", f"{pool} {SAME} random")
                                      for pool in POOLINGS), paired=False),
    ),
    Claim(1, "Doubling the filters is better than the same in all layers",
          f"{SMALL_CONDITIONS}, hidden 256 for both",
          over(": doubled over same", (SMALL, SMALL_FIRST, "same filters"), paired=False)),
    *(
        Claim(1, "3x3 is the best kernel of 2x2, 3x3 and 5x5", conditions,
              (*over(": 3x3 over 2x2", (experiment, row, "2x2"), paired=False),
               *over(": 3x3 over 5x5", (experiment, row, "5x5"), paired=False)))
        for conditions, experiment, row in (
            ("table 2's fourth row", KERNELS, "3x3"), (SMALL_CONDITIONS, SMALL, SMALL_FIRST))
    ),
    Claim(
        1, "Random initialisation is no worse than He's or Xavier's", "table 2, doubled filters",
        tuple(
            no_less(f"own head, {pool}: random against {other}", CONVNET_TOLERANCE,
                    pair(CONVNET_TEST, TABLE_2, f"{pool} {DOUBLED} random", f"{pool} {DOUBLED} {other}"))
            for pool in POOLINGS
            for other in INITIALIZERS[1:]
        ),
    ),
    Claim(
        1, "Random initialisation is no worse than He's or Xavier's", f"max pooling, {SMALL_CONDITIONS}",
        tuple(
            no_less(f"{network}: random against {other}", CONVNET_TOLERANCE,
                    pair(quantity, SMALL, SMALL_FIRST, other))
            for quantity, network in NETWORKS
            for other in INITIALIZERS[1:]
        ),
    ),
    Claim(
        1, "The scratch MLP on the features beats the convnet's own head", "table 2",
        tuple(
            greater(f"{pool}: MLP over own head",
                    *(within((TABLE_2, row), MLP_TEST, CONVNET_TEST) for row in (
                        f"{pool} {SAME} random", *(f"{pool} {DOUBLED} {first}" for first in INITIALIZERS))))
            for pool in POOLINGS
        ),
    ),
    Claim(
        1, "The scratch MLP on the features beats the convnet's own head", SMALL_CONDITIONS,
        tuple(
            greater(f"{row}: MLP over own head", within((SMALL, row), MLP_TEST, CONVNET_TEST))
            for row in (SMALL_FIRST, "avg", "global")
        ),
    ),
)  # fmt: skip
