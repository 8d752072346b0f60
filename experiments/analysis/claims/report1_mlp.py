"""Report 1's claims about its scratch MLP."""

from experiments.analysis.comparisons import Claim, Comparison, across, greater, pair
from experiments.analysis.quantities import EPOCH, RISE, TEST, TRAIN

TABLE_1, ABLATIONS = "report1/table1", "report1/ablations_mlp"
SHALLOW, DEEP = "784,128,10", "784,400,250,100,10"
FIRST_ROW = (TABLE_1, f"{SHALLOW} relu dropout 0.2")

RATES = {rate: (ABLATIONS, f"learning rate {rate:g}") for rate in (0.0001, 0.01, 0.1)}


def in_table_1(name: str, more: str, less: str, paired: bool = True) -> Comparison:
    """One row of table 1 over another, by test accuracy."""
    return greater(name, pair(TEST, TABLE_1, more, less), paired=paired)


REPORT_1_MLP = (
    Claim(
        1, "Deeper is better", "table 1; the deeper networks are wider too",
        tuple(  # Unpaired: networks of other layer sizes, so no weights in common.
            in_table_1(f"{g}, dropout 0.2: {deeper} over {SHALLOW}",
                       f"{deeper} {g} dropout 0.2", f"{SHALLOW} {g} dropout 0.2", paired=False)
            for g, deeper in (("relu", DEEP), ("gelu", "784,256,128,10"), ("gelu", DEEP))
        ),
    ),
    # All others paired: the same layer sizes, so the same first weights and order of images.
    Claim(
        1, "Dropout 0.2 generalises better than none", f"table 1, {SHALLOW}",
        tuple(
            in_table_1(f"{g}: dropout 0.2 over 0", f"{SHALLOW} {g} dropout 0.2", f"{SHALLOW} {g} dropout 0")
            for g in ("relu", "gelu")
        ),
    ),
    Claim(
        1, "Dropout 0.5 underfits", f"table 1's protocol, {SHALLOW} relu",
        (
            greater("training accuracy: dropout 0.2 over 0.5",
                    across(TRAIN, FIRST_ROW, (ABLATIONS, "dropout 0.5"))),
            greater("test accuracy: dropout 0.2 over 0.5",
                    across(TEST, FIRST_ROW, (ABLATIONS, "dropout 0.5"))),
        ),
    ),
    Claim(
        1, "GELU is slightly better than ReLU in deep networks", f"table 1, {DEEP}, dropout 0.2",
        (in_table_1("gelu over relu", f"{DEEP} gelu dropout 0.2", f"{DEEP} relu dropout 0.2"),),
    ),
    Claim(
        1, "GELU is better than ReLU (its table, shallow networks)", f"table 1, {SHALLOW}",
        tuple(
            in_table_1(f"dropout {rate}: gelu over relu",
                       f"{SHALLOW} gelu dropout {rate}", f"{SHALLOW} relu dropout {rate}")
            for rate in ("0.2", "0")
        ),
    ),
    Claim(
        1, "The learning rate 0.001 is best", f"table 1's protocol, {SHALLOW} relu, dropout 0.2",
        tuple(greater(f"0.001 over {rate:g}", across(TEST, FIRST_ROW, row)) for rate, row in RATES.items()),
    ),
    Claim(
        1, "Higher learning rates are unstable", "the same runs",
        tuple(
            greater(f"mean rise of the validation loss: {rate:g} over 0.001",
                    across(RISE, RATES[rate], FIRST_ROW))
            for rate in (0.01, 0.1)
        ),
    ),
    Claim(
        1, "A lower learning rate is slow", "the same runs, at most 200 epochs",
        (greater("best epoch: 0.0001 over 0.001", across(EPOCH, RATES[0.0001], FIRST_ROW)),),
    ),
)  # fmt: skip
