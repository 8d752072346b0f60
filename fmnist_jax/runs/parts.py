"""A run as its parts: a pipeline's are `network` and `mlp`, any other run's the one named ""."""

from fmnist_jax.data.dataset import Dataset
from fmnist_jax.runs.pipeline import PipelineRun, TrainedPipeline, assess_pipeline
from fmnist_jax.runs.run import Assessment, CNNRun, MLPRun, Trained, assess_all
from fmnist_jax.training.config import TrainingConfig

Run = MLPRun | CNNRun | PipelineRun
Outcome = Trained | TrainedPipeline
Assessments = dict[str, dict[str, Assessment]]
"""By part and split; the last part is the one that classifies."""


def trainings(run: Run) -> dict[str, TrainingConfig]:
    """How each part is trained, in the order in which they are."""
    if isinstance(run, PipelineRun):
        return {"network": run.network_training, "mlp": run.mlp_training}
    return {"": run.training}


def parts(outcome: Outcome) -> dict[str, Trained]:
    """What each part's training left, in the same order."""
    if isinstance(outcome, TrainedPipeline):
        return {"network": outcome.network, "mlp": outcome.mlp}
    return {"": outcome}


def assess_parts(outcome: Outcome, dataset: Dataset) -> Assessments:
    """Loss, metrics and probabilities of each part on every split."""
    if not isinstance(outcome, TrainedPipeline):
        return {"": assess_all(outcome, dataset.splits, dataset.class_names)}
    by_split = assess_pipeline(outcome, dataset)
    return {
        part: {split: getattr(both, part) for split, both in by_split.items()}
        for part in parts(outcome)
    }


def titled(name: str, part: str) -> str:
    """`name` for a run of one part, `name_part` for a pipeline's."""
    return f"{name}_{part}" if part else name
