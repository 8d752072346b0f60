"""The claims themselves, as data: what is held against what."""

from experiments.analysis.effects import Claim, Comparison, Figure, Proportion
from experiments.analysis.quantities import (
    EPOCH,
    FEATURES,
    GAP,
    HEAD,
    OF_ACCURACY,
    OF_LOSS,
    RISE,
    TEST,
    TRAIN,
    across,
    epochs_differ,
    greater,
    no_less,
    pair,
)
from experiments.analysis.statistics import MLP_TOLERANCE, NETWORK_TOLERANCE

TABLE_1, MLP_RUNS = "report1_table1", "report1_claims_mlp"
SHALLOW, DEEP = "784,128,10", "784,400,250,100,10"
FIRST_ROW = (TABLE_1, f"{SHALLOW} relu dropout 0.2")

RATES = {rate: (MLP_RUNS, f"learning rate {rate:g}") for rate in (0.0001, 0.01, 0.1)}


def in_table_1(name: str, more: str, less: str) -> Comparison:
    """One row of table 1 over another, by test accuracy."""
    return greater(name, pair(TEST, TABLE_1, more, less))


REPORT_1_MLP = (
    Claim(
        1, "Deeper is better", "table 1; the deeper networks are wider too",
        (
            in_table_1(f"relu, dropout 0.2: {DEEP} over {SHALLOW}",
                       f"{DEEP} relu dropout 0.2", FIRST_ROW[1]),
            in_table_1(f"gelu, dropout 0.2: 784,256,128,10 over {SHALLOW}",
                       "784,256,128,10 gelu dropout 0.2", f"{SHALLOW} gelu dropout 0.2"),
            in_table_1(f"gelu, dropout 0.2: {DEEP} over {SHALLOW}",
                       f"{DEEP} gelu dropout 0.2", f"{SHALLOW} gelu dropout 0.2"),
        ),
    ),
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
                    across(TRAIN, FIRST_ROW, (MLP_RUNS, "dropout 0.5"))),
            greater("test accuracy: dropout 0.2 over 0.5",
                    across(TEST, FIRST_ROW, (MLP_RUNS, "dropout 0.5"))),
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

TABLE_2, SMALL, KERNELS = "report1_table2", "report1_claims_network", "report1_kernels"
SAME, DOUBLED = "16,16,16,16,16 3x3", "16,32,64,128,256 3x3"
POOLINGS, INITIALIZERS = ("max", "avg", "global"), ("random", "he", "xavier")
SMALL_FIRST, SMALL_CONDITIONS = "max, doubled, 3x3, random", "half the filters, five epochs"
NETWORKS = ((HEAD, "own head"), (FEATURES, "MLP on features"))


def pooling_parts(more: str, less: str) -> tuple[Comparison, ...]:
    """One pooling over another, in table 2: of the sixteen filters, and of the doubled ones."""
    return tuple(
        greater(
            f"{network}, {name}: {more} over {less}",
            *(pair(quantity, TABLE_2, f"{more} {of}", f"{less} {of}") for of in rows),
        )
        for quantity, network in NETWORKS
        for name, rows in (
            ("sixteen filters", [f"{SAME} random"]),
            ("doubled filters", [f"{DOUBLED} {first}" for first in INITIALIZERS]),
        )
    )


def small_parts(more: str, less: str, name: str) -> tuple[Comparison, ...]:
    """One of the small networks over another, by its own head and by the MLP on its features."""
    return tuple(
        greater(f"{network}: {name}", pair(quantity, SMALL, more, less))
        for quantity, network in NETWORKS
    )


REPORT_1_NETWORKS = (
    Claim(1, "Max pooling is better than average pooling", "table 2", pooling_parts("max", "avg")),
    Claim(1, "Max pooling is better than average pooling", SMALL_CONDITIONS,
          small_parts(SMALL_FIRST, "avg", "max over avg")),
    Claim(1, "Average pooling is better than global", "table 2", pooling_parts("avg", "global")),
    Claim(1, "Average pooling is better than global", SMALL_CONDITIONS,
          small_parts("avg", "global", "avg over global")),
    Claim(
        1, "Doubling the filters is better than the same in all layers",
        "table 2, over its three poolings; the dense layer grows too, from 32 to 512",
        tuple(
            greater(f"{network}: doubled over same",
                    *(pair(quantity, TABLE_2, f"{pool} {DOUBLED} random", f"{pool} {SAME} random")
                      for pool in POOLINGS))
            for quantity, network in NETWORKS
        ),
    ),
    Claim(1, "Doubling the filters is better than the same in all layers",
          f"{SMALL_CONDITIONS}, hidden 256 for both",
          small_parts(SMALL_FIRST, "same filters", "doubled over same")),
    Claim(
        1, "3x3 is the best kernel of 2x2, 3x3 and 5x5", "table 2's fourth row",
        tuple(
            greater(f"{network}: 3x3 over {other}", pair(quantity, KERNELS, "3x3", other))
            for quantity, network in NETWORKS
            for other in ("2x2", "5x5")
        ),
    ),
    Claim(1, "3x3 is the best kernel of 2x2, 3x3 and 5x5", SMALL_CONDITIONS,
          (*small_parts(SMALL_FIRST, "2x2", "3x3 over 2x2"),
           *small_parts(SMALL_FIRST, "5x5", "3x3 over 5x5"))),
    Claim(
        1, "Random initialisation is no worse than He's or Xavier's", "table 2, doubled filters",
        tuple(
            no_less(f"own head, {pool}: random against {other}", NETWORK_TOLERANCE,
                    pair(HEAD, TABLE_2, f"{pool} {DOUBLED} random", f"{pool} {DOUBLED} {other}"))
            for pool in POOLINGS
            for other in INITIALIZERS[1:]
        ),
    ),
    Claim(
        1, "Random initialisation is no worse than He's or Xavier's", f"max pooling, {SMALL_CONDITIONS}",
        tuple(
            no_less(f"{network}: random against {other}", NETWORK_TOLERANCE,
                    pair(quantity, SMALL, SMALL_FIRST, other))
            for quantity, network in NETWORKS
            for other in INITIALIZERS[1:]
        ),
    ),
    Claim(
        1, "The scratch MLP on the features beats the network's own head", "table 2",
        tuple(
            greater(f"{pool}: MLP over own head",
                    *((Figure(TABLE_2, row, FEATURES), Figure(TABLE_2, row, HEAD)) for row in (
                        f"{pool} {SAME} random", *(f"{pool} {DOUBLED} {first}" for first in INITIALIZERS))))
            for pool in POOLINGS
        ),
    ),
    Claim(
        1, "The scratch MLP on the features beats the network's own head", SMALL_CONDITIONS,
        tuple(
            greater(f"{row}: MLP over own head", (Figure(SMALL, row, FEATURES), Figure(SMALL, row, HEAD)))
            for row in (SMALL_FIRST, "avg", "global")
        ),
    ),
)  # fmt: skip

REPORT_2_MLP, REPORT_2_RUNS = ("report2_mlp", "784,256,128,10 relu adam"), "report2_claims"
REPORT_2_CNN = ("report2_cnn", "6,16 5x5 avg, 120,84,10 relu adam")
DROPPED = (REPORT_2_RUNS, "wider, dropout 0.5")

REPORT_2 = (
    Claim(
        2, "The lowest validation loss and the highest validation accuracy fall in different epochs",
        "every training of the study",
        (Proportion("runs in which they do", epochs_differ),),
    ),
    Claim(
        2, "The lowest validation loss and the highest validation accuracy fall in different epochs",
        "report 2's MLP and CNN",
        tuple(
            greater(f"{name}: epochs from the one to the other",
                    (Figure(*row, OF_ACCURACY), Figure(*row, OF_LOSS)))
            for name, row in (("MLP", REPORT_2_MLP), ("CNN", REPORT_2_CNN))
        ),
    ),
    Claim(
        2, "Stopping on accuracy is worth it (its choice of a rule)", "report 2's MLP",
        (greater("stopped on accuracy over stopped on loss",
                 across(TEST, REPORT_2_MLP, (REPORT_2_RUNS, "stopped on the loss"))),),
    ),
    Claim(
        2, "Dropout with wider layers brings training and validation loss closer",
        "784,512,256,10 with dropout 0.5 against 784,256,128,10 without",
        (greater("validation less training loss: without over with", across(GAP, REPORT_2_MLP, DROPPED)),),
    ),
    Claim(
        2, "Dropout with wider layers gains no accuracy", "the same runs",
        (no_less("test accuracy: without against with", MLP_TOLERANCE,
                 across(TEST, REPORT_2_MLP, DROPPED)),),
    ),
    Claim(2, "The CNN beats the MLP", "both at the report's protocol",
          (greater("CNN over MLP", across(TEST, REPORT_2_CNN, REPORT_2_MLP)),)),
)  # fmt: skip

LENET, BATCHES = "report3_lenet", (32, 64, 100, 256)
TWICE, ONCE = "softmax-twice", "softmax-cross-entropy"


def batch_parts(loss: str) -> tuple[Comparison, ...]:
    """A batch size of 100 over each of the others."""
    return tuple(
        greater(f"100 over {size}", pair(TEST, LENET, f"batch 100 {loss}", f"batch {size} {loss}"))
        for size in BATCHES
        if size != 100
    )


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

MLP_4, BACKBONE, SMALL_BACKBONE = "report4_mlp", "report4_backbone", "report4_claims_backbone"
DECAY = "100 epochs, decay 0.02"
CURVES = "784,128,10, 100 epochs; the report shows curves alone"
SCALES = (
    (BACKBONE, "the report's protocol"),
    (SMALL_BACKBONE, "a seventh of the filters, five epochs"),
)
AT = "lr 0.1"


def backbone_claims(statement: str, name: str, more: str, less: str) -> tuple[Claim, ...]:
    """One backbone over another by its own head, at both scales."""
    return tuple(
        Claim(4, statement, conditions, (greater(name, pair(HEAD, experiment, more, less)),))
        for experiment, conditions in SCALES
    )


REPORT_4 = (
    Claim(4, "Decay of the learning rate (0.02) improves the MLP", CURVES,
          (greater("decay over none",
                   across(TEST, (MLP_4, DECAY), ("report4_claims_mlp", "100 epochs"))),)),
    Claim(
        4, "Dropout 0.2 regularises the MLP", CURVES,
        (
            greater("validation less training loss: without over with",
                    pair(GAP, MLP_4, DECAY, f"{DECAY}, dropout 0.2")),
            greater("test accuracy: with over without", pair(TEST, MLP_4, f"{DECAY}, dropout 0.2", DECAY)),
        ),
    ),
    Claim(
        4, "L2 regularises the MLP", f"{CURVES} and no coefficient, here 0.0001",
        (
            greater("validation less training loss: without over with",
                    pair(GAP, MLP_4, DECAY, f"{DECAY}, L2 0.0001")),
            greater("test accuracy: with over without", pair(TEST, MLP_4, f"{DECAY}, L2 0.0001", DECAY)),
        ),
    ),
    *backbone_claims("Stride 1 in the first layer is better than stride 2", "stride 1 over 2",
                     f"doubled filters, {AT}", f"stride 2 in the first layer, {AT}"),
    *backbone_claims("Three 3x3 then two 2x2 kernels are better than one 3x3 then four 2x2",
                     "three 3x3 over one", f"three 3x3 then two 2x2, {AT}", f"doubled filters, {AT}"),
    *backbone_claims("The same filters in all layers are better than doubled ones (its table)",
                     "same over doubled", f"same filters, {AT}", f"doubled filters, {AT}"),
    *(
        Claim(
            4, "The combined network beats the standalone one", conditions,
            (greater("MLP on features over own head, doubled filters",
                     (Figure(experiment, f"doubled filters, {AT}", FEATURES),
                      Figure(experiment, f"doubled filters, {AT}", HEAD))),),
        )
        for experiment, conditions in SCALES
    ),
)  # fmt: skip

CLAIMS = (*REPORT_1_MLP, *REPORT_1_NETWORKS, *REPORT_2, *REPORT_3, *REPORT_4)
"""In the order of the reports."""
