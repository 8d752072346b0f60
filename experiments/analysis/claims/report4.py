"""Report 4's claims about its MLP and its backbone."""

from experiments.analysis.comparisons import Claim, across, greater, pair, within
from experiments.analysis.quantities import CONVNET_TEST, GAP, MLP_TEST, TEST

MLP, BACKBONE, SMALL_BACKBONE = "report4/mlp", "report4/backbone", "report4/ablations_backbone"
DECAY = "100 epochs, decay 0.02"
CURVES = "784,128,10, 100 epochs; the report shows curves alone"
SCALES = (
    (BACKBONE, "the report's protocol"),
    (SMALL_BACKBONE, "a seventh of the filters, five epochs"),
)
AT = "lr 0.1"


def backbone_claims(
    statement: str, name: str, more: str, less: str, paired: bool = False
) -> tuple[Claim, ...]:
    """One backbone over another by its own head, at both scales."""
    return tuple(
        Claim(
            4,
            statement,
            conditions,
            (greater(name, pair(CONVNET_TEST, experiment, more, less), paired=paired),),
        )
        for experiment, conditions in SCALES
    )


# The MLPs and the strides are paired: weights of the same shapes. Other kernels or filters are unpaired.
REPORT_4 = (
    Claim(4, "Decay of the learning rate (0.02) improves the MLP", CURVES,
          (greater("decay over none",
                   across(TEST, (MLP, DECAY), ("report4/ablations_mlp", "100 epochs"))),)),
    Claim(
        4, "Dropout 0.2 regularises the MLP", CURVES,
        (
            greater("validation less training loss: without over with",
                    pair(GAP, MLP, DECAY, f"{DECAY}, dropout 0.2")),
            greater("test accuracy: with over without", pair(TEST, MLP, f"{DECAY}, dropout 0.2", DECAY)),
        ),
    ),
    Claim(
        4, "L2 regularises the MLP", f"{CURVES} and no coefficient, here 0.0001",
        (
            greater("validation less training loss: without over with",
                    pair(GAP, MLP, DECAY, f"{DECAY}, L2 0.0001")),
            greater("test accuracy: with over without", pair(TEST, MLP, f"{DECAY}, L2 0.0001", DECAY)),
        ),
    ),
    *backbone_claims("Stride 1 in the first layer is better than stride 2", "stride 1 over 2",
                     f"doubled filters, {AT}", f"stride 2 in the first layer, {AT}", paired=True),
    *backbone_claims("Three 3x3 then two 2x2 kernels are better than one 3x3 then four 2x2",
                     "three 3x3 over one", f"three 3x3 then two 2x2, {AT}", f"doubled filters, {AT}"),
    *backbone_claims("The same filters in all layers are better than doubled ones (its table)",
                     "same over doubled", f"same filters, {AT}", f"doubled filters, {AT}"),
    *(
        Claim(
            4, "The combined network beats the standalone one", conditions,
            (greater("MLP on features over own head, doubled filters",
                     within((experiment, f"doubled filters, {AT}"), MLP_TEST, CONVNET_TEST)),),
        )
        for experiment, conditions in SCALES
    ),
)  # fmt: skip
