"""Report 2's claims about its MLP and its CNN."""

from experiments.analysis.comparisons import Claim, Share, across, greater, no_less, within
from experiments.analysis.quantities import GAP, OF_ACCURACY, OF_LOSS, TEST, epochs_differ
from experiments.analysis.statistics import MLP_TOLERANCE

MLP, ABLATIONS = ("report2/mlp", "784,256,128,10 relu adam"), "report2/ablations"
CNN = ("report2/convnet", "6,16 5x5 avg, 120,84,10 relu adam")
DROPPED = (ABLATIONS, "wider, dropout 0.5")

# Unpaired: wider layers, another kind of network. Paired: two epochs, or two stopping rules, of one run.
REPORT_2 = (
    Claim(
        2, "The lowest validation loss and the highest validation accuracy fall in different epochs",
        "every training of the study, each configuration once; all on one split of the data",
        (Share("runs in which they do, less one half", epochs_differ),),
    ),
    Claim(
        2, "The lowest validation loss and the highest validation accuracy fall in different epochs",
        "report 2's MLP and CNN",
        tuple(
            greater(f"{name}: epochs from the one to the other",
                    within(row, OF_ACCURACY, OF_LOSS))
            for name, row in (("MLP", MLP), ("CNN", CNN))
        ),
    ),
    Claim(
        2, "Stopping on accuracy is worth it (its choice of a rule)", "report 2's MLP",
        (greater("stopped on accuracy over stopped on loss",
                 across(TEST, MLP, (ABLATIONS, "stopped on the loss"))),),
    ),
    Claim(
        2, "Dropout with wider layers brings training and validation loss closer",
        "784,512,256,10 with dropout 0.5 against 784,256,128,10 without",
        (greater("validation less training loss: without over with", across(GAP, MLP, DROPPED),
                 paired=False),),
    ),
    Claim(
        2, "Dropout with wider layers gains no accuracy", "the same runs",
        (no_less("test accuracy: without against with", MLP_TOLERANCE,
                 across(TEST, MLP, DROPPED), paired=False),),
    ),
    Claim(2, "The CNN beats the MLP", "both at the report's protocol",
          (greater("CNN over MLP", across(TEST, CNN, MLP), paired=False),)),
)  # fmt: skip
