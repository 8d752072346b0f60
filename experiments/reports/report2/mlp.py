"""Report 2's MLP: two hidden ReLU layers, Adam, the weights of the best validation accuracy.

Command: `python -m experiments report2/mlp --seeds 3`
"""

from experiments.engine.spec import Experiment, Row
from experiments.reports.reported import REPORTED
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.scratch.initializers import uniform_fan_in
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam

ENTRY = REPORTED["report_2"][0]

MODEL = MLPConfig((784, 256, 128, 10), initializer=uniform_fan_in)
TRAINING = TrainingConfig(
    epochs=ENTRY["epochs"],
    batch_size=ENTRY["batch_size"],
    optimizer=adam,
    learning_rate=ENTRY["learning_rate"],
    monitor="accuracy",
    patience=None,
)
RUN = Run((Stage("mlp", MODEL, TRAINING, UNIT),))

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 2: an MLP trained by Adam, stopped on validation accuracy",
    rows=(Row("784,256,128,10 relu adam", RUN, {"test_accuracy": ENTRY["test_accuracy"]}),),
    columns=("test_accuracy", "validation_accuracy", "best_epoch"),
    reproduces="report 2: the MLP",
    seconds=50,
    notes=(
        "The report gives neither widths nor an initialiser. Here the hidden layers have 256 "
        'and 128 units, and the initialiser is "random", as for report 1.',
    ),
)
