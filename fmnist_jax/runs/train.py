"""Training a run stage by stage, and assessing its models."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from attrs import field, frozen
from jaxtyping import Float, Int

from fmnist_jax.checkpoint.checkpoint import check_features
from fmnist_jax.config.fields import check_type
from fmnist_jax.config.model import Variables
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.devices.mesh import put, put_local
from fmnist_jax.errors import UserError
from fmnist_jax.evaluation.metrics import Metrics, classification_metrics
from fmnist_jax.models.stages import FittedStage, fingerprint_stages
from fmnist_jax.runs.config import Run, Stage, check_dataset, check_shared_batches
from fmnist_jax.runs.distillation import distil, restore_teachers
from fmnist_jax.scratch.losses import one_hot
from fmnist_jax.storage.arrays import array_types, check_layout, flatten_paths
from fmnist_jax.training.checkpointing import TrainingCheckpoints, share_state
from fmnist_jax.training.loop import EpochRecord, fit, is_finished, kept_epoch, make_task, start
from fmnist_jax.training.step import (
    DeviceSplit,
    TrainingData,
    predict_features,
    predict_logits,
    put_on_device,
)

Splits = Mapping[str, DeviceSplit]
"""By name: "train", "validation" (unless it is empty), "test"."""


class TrainedStage(NamedTuple):
    """What the training of a stage leaves."""

    stage: Stage
    fitted: FittedStage
    """The variables of the epoch that is kept."""
    splits: Splits
    """What the stage was trained, validated and is tested on: images, or features of the stage before."""
    history: tuple[EpochRecord, ...] = ()
    """Empty if the stage was restored from a checkpoint."""
    best_epoch: int = 0
    """The epoch whose variables are kept, counted from 1; 0 if the stage was restored."""
    seconds: float = 0.0
    """Wall time of the training loop, compilation included; of all processes that worked on it."""
    extraction_seconds: float | None = None
    """Wall time of computing the features that the stage was trained on; None for the first stage."""


class TrainedRun(NamedTuple):
    """What the training of a run leaves, stage by stage; the last one classifies."""

    run: Run
    stages: tuple[TrainedStage, ...]

    @property
    def fitted(self) -> tuple[FittedStage, ...]:
        """The stages as a checkpoint holds them."""
        return tuple(stage.fitted for stage in self.stages)


class Assessment(NamedTuple):
    """A trained stage on one split, every image of it."""

    loss: float
    """Mean over the images, without any penalty."""
    metrics: Metrics
    probabilities: Float[np.ndarray, "n classes"]
    predictions: Int[np.ndarray, " n"]


def _ignore(*_: object) -> None:
    """Do nothing."""


@frozen
class Hooks:
    """What a training calls, and where it saves its state."""

    on_features: Callable[[Stage, Splits], None] = _ignore
    """Called with a later stage and the features that it will be trained on."""
    on_epoch: Callable[[Stage, EpochRecord], None] = _ignore
    """Called after each epoch."""
    on_stage: Callable[[TrainedStage], None] = _ignore
    """Called after each stage that was trained."""
    checkpoints: Mapping[str, TrainingCheckpoints] = field(factory=dict)
    """By stage: where training resumes from and saves its state."""


def train(
    run: Run, dataset: Dataset, hooks: Hooks | None = None, fitted: Sequence[FittedStage] = ()
) -> TrainedRun:
    """Train every stage of `run`, choosing each one's best epoch on the validation split.

    The first stage is trained on the images, each later one on the features of the stage before. Inside
    `devices.mesh.use_devices` many devices share each batch; the results are those of one device, to
    rounding.

    Args:
        run: What is trained, how, and on which split.
        dataset: uint8 images of shape (n, 28, 28) with labels, in three splits.
        hooks: What is called on the way; with checkpoints an interrupted training resumes, to the bit.
        fitted: The first stages, if they were trained before: they are used as they are.

    Returns:
        Each stage's variables of the best epoch, its history and its inputs.

    Raises:
        UserError: If a model doesn't fit the images, a fitted stage isn't the configured one, or a batch
            can't be shared equally among the devices.
        DivergedError: If a loss or a weight stops being finite.

    Examples:
        >>> from fmnist_jax import DataConfig, MLPConfig, Stage, TrainingConfig, load_dataset
        >>> from fmnist_jax.data.scaling import Z_SCORE
        >>> dataset = load_dataset(DataConfig(source="synthetic"), lambda line: None)
        >>> training = TrainingConfig(epochs=1, batch_size=100, learning_rate=0.1)
        >>> trained = train(Run((Stage("mlp", MLPConfig((784, 10)), training, Z_SCORE),)), dataset)
        >>> len(trained.stages[0].history)
        1
    """
    hooks = hooks or Hooks()
    check_dataset(run, dataset)
    check_fitted(run, fitted)
    teachers = restore_teachers(run, dataset)
    check_shared_batches(run.stages[len(fitted) :])
    splits: Splits = {
        name: put_on_device(*split, len(dataset.class_names))
        for name, split in dataset.splits.items()
    }
    stages: list[TrainedStage] = []
    for number, stage in enumerate(run.stages):
        extraction_seconds = None
        if stages:
            started = time.perf_counter()
            splits = jax.block_until_ready(extract_features(stages[-1].fitted, splits))
            extraction_seconds = time.perf_counter() - started
            hooks.on_features(stage, splits)
        if number < len(fitted):
            trained = TrainedStage(stage, fitted[number], splits)
        else:
            features_of = fingerprint_stages([before.fitted for before in stages])
            learned = dict(splits)
            if stage.name in teachers:
                teacher = teachers[stage.name]
                learned["train"] = distil(splits["train"], teacher, dataset, stage.training)
            trained = _train_stage(stage, learned, features_of, hooks)
            hooks.on_stage(trained)
        stages.append(trained._replace(extraction_seconds=extraction_seconds))
    return TrainedRun(run, tuple(stages))


def check_fitted(run: Run, fitted: Sequence[object]) -> None:
    """Raise UserError unless the fitted stages are the run's first ones, each on the features before it."""
    if len(fitted) > len(run.stages):
        raise UserError(
            f"fitted must be at most the run's {len(run.stages)} stages, found {len(fitted)}"
        )
    stages = [
        check_type(f"fitted[{number}]", stage, FittedStage, "a stage of a checkpoint")
        for number, stage in enumerate(fitted)
    ]
    for found, stage in zip(stages, run.stages, strict=False):
        expected = (stage.name, stage.model, stage.scaling)
        if (found.name, found.model, found.scaling) != expected:
            raise UserError(
                f"stage {stage.name}: the fitted stage has another name, model or scaling than the "
                "run's; use those of the fitted stage"
            )
    check_features(stages, "fitted")
    for stage in stages:
        shapes = jax.eval_shape(stage.model.build().init, jax.random.key(0))
        found, expected = (array_types(flatten_paths(tree)) for tree in (stage.variables, shapes))
        check_layout(found, expected, f"fitted stage {stage.name}")


def _train_stage(
    stage: Stage, splits: Splits, features_of: str | None, hooks: Hooks
) -> TrainedStage:
    started = time.perf_counter()
    statistics = put(stage.scaling.fit(np.asarray(splits["train"].images)))
    data = TrainingData(splits["train"], splits.get("validation"), statistics)
    count = len(data.train.labels)
    task = make_task(stage.model.build(), stage.scaling, stage.training, count, stage.views)
    checkpoints = hooks.checkpoints.get(stage.name)
    history: list[EpochRecord] = []
    first = state = None
    if checkpoints is not None:
        checkpoints.check()
        newest = checkpoints.newest
        if newest is not None:
            first = state = checkpoints.restore(jax.eval_shape(lambda: start(task, stage.training)))
            history.extend(newest.history)
            started -= newest.seconds
        first = state = share_state(first, lambda: start(task, stage.training))
    for state, record in fit(task, stage.training, data, first):
        history.append(record)
        hooks.on_epoch(stage, record)
        if checkpoints is not None:
            seconds = time.perf_counter() - started
            checkpoints.after_epoch(
                state, history, seconds, last=is_finished(state, stage.training)
            )
    assert state is not None  # epochs is at least 1
    variables, statistics = put_local((Variables(*state.best), statistics))
    return TrainedStage(
        stage,
        FittedStage(
            stage.name,
            stage.model,
            stage.scaling,
            variables,
            statistics,
            features_of,
            stage.views,
        ),
        splits,
        tuple(history),
        kept_epoch(state, stage.training),
        time.perf_counter() - started,
    )


def extract_features(fitted: FittedStage, splits: Splits) -> dict[str, DeviceSplit]:
    """Compute the features of every image of every split, all in one program; labels and targets stay."""
    features = predict_features(
        *put((fitted.variables, _concatenated(splits), fitted.statistics)),
        fitted.model.build(),
        fitted.scaling,
    )
    parts = jnp.split(features, _ends(splits))
    return {
        name: split._replace(images=part)
        for (name, split), part in zip(splits.items(), parts, strict=True)
    }


def assess(
    fitted: FittedStage, splits: Mapping[str, Split | DeviceSplit], class_names: tuple[str, ...]
) -> dict[str, Assessment]:
    """Compute loss, metrics and probabilities of a stage on every input of every split.

    Args:
        fitted: A trained stage.
        splits: By name, the stage's own inputs (images for a first stage, else features) with labels.
        class_names: In the order of the labels.

    Returns:
        An assessment for each split, by the same names.

    Examples:
        >>> from fmnist_jax import Classifier, DataConfig, load_dataset
        >>> dataset = load_dataset(DataConfig(source="synthetic"), lambda line: None)
        >>> (stage,) = Classifier.from_checkpoint("report1-mlp").checkpoint.stages
        >>> assess(stage, {"test": dataset.test}, dataset.class_names)["test"].probabilities.shape
        (1000, 10)
    """
    model = fitted.model.build()
    labels = np.concatenate([np.asarray(split.labels) for split in splits.values()])
    arrays = put((fitted.variables, _concatenated(splits), fitted.statistics))
    logits = predict_logits(*arrays, model, fitted.scaling, fitted.views)
    targets = put(one_hot(labels, len(class_names)))
    losses = np.asarray(model.losses(logits, targets), np.float64)
    probabilities = np.asarray(jax.nn.softmax(logits, axis=-1))
    by_split = zip(
        splits,
        *(np.split(values, _ends(splits)) for values in (losses, probabilities, labels)),
        strict=True,
    )
    return {name: _assessment(arrays, class_names) for name, *arrays in by_split}


def _assessment(arrays: Sequence[np.ndarray], class_names: tuple[str, ...]) -> Assessment:
    losses, probabilities, labels = arrays
    predictions = probabilities.argmax(axis=-1)
    metrics = classification_metrics(labels, predictions, class_names)
    return Assessment(losses.mean().item(), metrics, probabilities, predictions)


def _concatenated(splits: Mapping[str, Split | DeviceSplit]) -> np.ndarray:
    return np.concatenate([np.asarray(split.images) for split in splits.values()])


def _ends(splits: Mapping[str, Split | DeviceSplit]) -> np.ndarray:
    return np.cumsum([len(split.labels) for split in splits.values()])[:-1]
