"""The main job's pipeline beyond report 1's protocol: what its rate and its MLP gain by, on validation.

Command: `python -m experiments.report1_tuned_choices --seeds 1`

The network of table 2's fourth row, ten epochs as the report has them. The first row is table 2's own, the
second the main job (`fmnist-jax train`); each of the others differs from the second in what it names. The
test images play no part.
"""

from dataclasses import replace

from experiments import report1_table2
from experiments.protocol import Experiment, Row, main
from fmnist_jax.pipeline import PipelineRun

(PROTOCOL,) = (
    row.run
    for row in report1_table2.EXPERIMENT.rows
    if row.name == "max 16,32,64,128,256 3x3 random" and isinstance(row.run, PipelineRun)
)
MAIN_JOB = PipelineRun()

FASTER = replace(MAIN_JOB.network_training, learning_rate=0.002)


def with_dropout(rate: float) -> PipelineRun:
    """The main job, its MLP trained with dropout."""
    mlp = replace(MAIN_JOB.model.mlp, dropout=rate)
    return replace(MAIN_JOB, model=replace(MAIN_JOB.model, mlp=mlp))


EXPERIMENT = Experiment(
    name="report1_tuned_choices",
    title="Report 1's pipeline, tuned on the validation split",
    rows=(
        Row("table 2's training", PROTOCOL),
        Row("cosine", MAIN_JOB),
        Row(
            "cosine, epoch by accuracy",
            replace(
                MAIN_JOB, network_training=replace(MAIN_JOB.network_training, monitor="accuracy")
            ),
        ),
        Row("cosine from 0.002", replace(MAIN_JOB, network_training=FASTER)),
        Row(
            "cosine from 0.002, batch 64",
            replace(MAIN_JOB, network_training=replace(FASTER, batch_size=64)),
        ),
        Row("cosine, MLP dropout 0.2", with_dropout(0.2)),
        Row("cosine, MLP dropout 0.5", with_dropout(0.5)),
    ),
    columns=(
        "cnn_validation_accuracy", "cnn_best_validation_loss", "mlp_validation_accuracy",
        "mlp_best_validation_loss", "cnn_best_epoch", "mlp_best_epoch",
    ),
    splits=("train", "validation"),
)  # fmt: skip

if __name__ == "__main__":
    main(EXPERIMENT)
