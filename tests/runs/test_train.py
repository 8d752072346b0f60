"""Training runs of one and two stages, and assessing them."""

import inspect
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.data.scaling import SYMMETRIC, UNIT, Z_SCORE
from fmnist_jax.errors import UserError
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.stages import FittedStage, fingerprint_stages
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.directory import write_checkpoint
from fmnist_jax.runs.train import Hooks, TrainedRun, assess, extract_features, train
from fmnist_jax.scratch.initializers import he_normal
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import momentum
from fmnist_jax.training.step import DeviceSplit
from tests.once import few
from tests.patterns import noisy_patterns

TRAINING = TrainingConfig(
    epochs=3, batch_size=40, optimizer=momentum, learning_rate=0.03, patience=None
)


CONVNET = Stage(
    "convnet",
    ConvNetConfig((Block(4, 3, 2), Block(6, 1)), hidden=(16,), initializer=he_normal),
    evolve(TRAINING, epochs=8, learning_rate=0.05),
    SYMMETRIC,
)


MLP = Stage("mlp", MLPConfig((54, 8, 10)), evolve(TRAINING, epochs=6), Z_SCORE)


RUN = Run((CONVNET, MLP))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """800 training, 400 validation, 400 test images."""
    raw = few()
    first, second = (
        Split(*(values[part] for values in raw.train)) for part in (np.s_[:800], np.s_[800:])
    )
    return Dataset(first, second, raw.test, raw.source, raw.checksum)


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> tuple[TrainedRun, list[str]]:
    seen = []
    hooks = Hooks(
        on_features=lambda stage, splits: seen.append(f"features for {stage.name}"),
        on_epoch=lambda stage, record: seen.append(f"{stage.name} {record.epoch}"),
        on_stage=lambda stage: seen.append(f"{stage.stage.name} done"),
    )
    return train(RUN, dataset, hooks), seen


def test_the_network_then_its_features_then_the_mlp(
    trained: tuple[TrainedRun, list[str]], dataset: Dataset
):
    outcome, seen = trained
    convnet, mlp = outcome.stages
    assert seen == [
        *(f"convnet {epoch}" for epoch in range(1, 9)), "convnet done", "features for mlp",
        *(f"mlp {epoch}" for epoch in range(1, 7)), "mlp done",
    ]  # fmt: skip
    assert [len(stage.history) for stage in outcome.stages] == [8, 6]
    assert outcome.run is RUN
    shapes = [split.images.shape for split in mlp.splits.values()]
    assert shapes == [(800, 54), (400, 54), (400, 54)]
    for name, split in dataset.splits.items():
        np.testing.assert_array_equal(split.labels, mlp.splits[name].labels)
        np.testing.assert_array_equal(split.images, convnet.splits[name].images)
    assert convnet.fitted.features_of is None
    assert mlp.fitted.features_of == fingerprint_stages([convnet.fitted])
    shapes = [layer.W.shape for layer in mlp.fitted.variables.parameters]
    assert shapes == [(54, 8), (8, 10)]
    assert convnet.extraction_seconds is None
    assert mlp.extraction_seconds is not None
    assert mlp.extraction_seconds > 0
    assert convnet.seconds > 0
    assert [stage.name for stage in outcome.fitted] == ["convnet", "mlp"]


def test_every_image_gets_its_own_features(trained: tuple[TrainedRun, list[str]], dataset: Dataset):
    """Those of the first and last of each split, where padding and cutting could slip."""
    convnet, mlp = trained[0].stages
    model = convnet.fitted.model.build()
    for name, split in dataset.splits.items():
        ends = np.array([0, len(split.labels) - 1])
        inputs = jnp.asarray(SYMMETRIC.apply({}, split.images[ends]))
        expected = model.features(convnet.fitted.variables, inputs)
        found = np.asarray(mlp.splits[name].images)[ends]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(np.asarray(mlp.splits["test"].images), axis=0).max() > 0.1


def test_features_of_splits_of_any_size():
    config = MLPConfig((16, 3, 10))
    fitted = FittedStage("mlp", config, UNIT, config.build().init(jax.random.key(0)), {})
    images = noisy_patterns(163, 0)
    parts = {"a": np.s_[:1], "b": np.s_[1:82], "none": np.s_[82:82], "c": np.s_[82:]}
    splits = {
        name: DeviceSplit(*(values[part] for values in images)) for name, part in parts.items()
    }
    found = extract_features(fitted, splits)
    rows = UNIT.apply({}, images.images)
    expected = np.asarray(config.build().features(fitted.variables, rows))
    assert list(found) == list(parts)
    for name, part in parts.items():
        np.testing.assert_allclose(found[name].images, expected[part], rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(found[name].labels, splits[name].labels)


def test_both_learn_and_both_are_assessed_on_every_split(
    trained: tuple[TrainedRun, list[str]], dataset: Dataset
):
    for stage in trained[0].stages:
        assessed = assess(stage.fitted, stage.splits, dataset.class_names)
        assert list(assessed) == ["train", "validation", "test"]
        for name, split in dataset.splits.items():
            one = assessed[name]
            assert one.metrics.confusion.sum() == len(split.labels)
            np.testing.assert_allclose(one.probabilities.sum(axis=-1), 1, rtol=1e-5)
            assert one.metrics.accuracy == (one.predictions == split.labels).mean()
        assert assessed["test"].metrics.accuracy > 0.5
        best = stage.history[stage.best_epoch - 1]
        assert assessed["validation"].loss == pytest.approx(best.validation_loss, rel=1e-4)
        assert assessed["validation"].metrics.accuracy == pytest.approx(
            best.validation_accuracy, rel=1e-6
        )


def test_splits_assessed_together_are_assessed_as_each_alone(
    trained: tuple[TrainedRun, list[str]], dataset: Dataset
):
    mlp = trained[0].stages[1]
    together = assess(mlp.fitted, mlp.splits, dataset.class_names)
    for name, split in mlp.splits.items():
        alone = assess(mlp.fitted, {name: split}, dataset.class_names)[name]
        assert together[name].loss == pytest.approx(alone.loss, rel=1e-5)
        assert together[name].metrics.accuracy == alone.metrics.accuracy
        np.testing.assert_allclose(together[name].probabilities, alone.probabilities, rtol=1e-4)


def test_the_checkpoint_classifies_as_the_last_stage_did(
    trained: tuple[TrainedRun, list[str]], dataset: Dataset, tmp_path: Path
):
    path = write_checkpoint(tmp_path, trained[0], {}, dataset)
    found = Classifier.from_checkpoint(path)
    assert [stage.features_of for stage in found.checkpoint.stages] == [
        stage.features_of for stage in trained[0].fitted
    ]
    mlp = trained[0].stages[1]
    expected = assess(mlp.fitted, {"test": mlp.splits["test"]}, dataset.class_names)["test"]
    np.testing.assert_allclose(
        found.probabilities(dataset.test.images), expected.probabilities, rtol=1e-3, atol=1e-5
    )


def test_a_fitted_stage_is_used_as_it_is(trained: tuple[TrainedRun, list[str]], dataset: Dataset):
    convnet, mlp = trained[0].stages
    again = train(RUN, dataset, fitted=[convnet.fitted])
    assert again.stages[0].fitted is convnet.fitted
    assert (again.stages[0].history, again.stages[0].best_epoch) == ((), 0)
    assert again.stages[1].history == mlp.history
    chex.assert_trees_all_equal(again.stages[1].fitted.variables, mlp.fitted.variables)
    both = train(RUN, dataset, fitted=trained[0].fitted)
    assert [stage.history for stage in both.stages] == [(), ()]


def test_fitted_stages_that_are_not_the_runs_are_refused(
    trained: tuple[TrainedRun, list[str]], dataset: Dataset
):
    convnet, mlp = trained[0].fitted
    wider = evolve(CONVNET.model, blocks=(Block(4, 3, 2), Block(7, 1)))
    parameters = convnet.variables.parameters
    kernel = {**parameters["dense"][1], "kernel": jnp.zeros((17, 10))}
    reshaped = {**parameters, "dense": {**parameters["dense"], 1: kernel}}
    for fitted, message in (
        ([evolve(convnet, scaling=UNIT)], "stage convnet: .* another name, model or scaling"),
        ([evolve(convnet, name="other")], "stage convnet: .* another name, model or scaling"),
        ([evolve(convnet, model=wider)], "stage convnet: .* another name, model or scaling"),
        (
            [evolve(convnet, variables=convnet.variables._replace(parameters={}))],
            r"fitted stage convnet: the arrays don't fit the model's .*: parameters\.\S+ is missing",
        ),
        (
            [evolve(convnet, variables=convnet.variables._replace(parameters=reshaped))],
            r"parameters\.dense\.1\.kernel is float32\[17, 10\], not float32\[16, 10\]",
        ),
        (
            [convnet, evolve(mlp, features_of="of others")],
            "stage mlp was trained on the features of other stages",
        ),
        ([convnet, mlp, mlp], "fitted must be at most the run's 2 stages, found 3"),
        ([(convnet, mlp)], r"fitted\[0\] must be of type FittedStage, .* found tuple"),
    ):
        with pytest.raises(UserError, match=message) as error:
            inspect.unwrap(train)(RUN, dataset, fitted=fitted)  # without the checks of annotations
        assert "\n" not in str(error.value)


def test_images_are_checked_before_training(dataset: Dataset):
    train_split = dataset.train._replace(images=dataset.train.images.astype(np.float32))
    wrong = Dataset(train_split, dataset.validation, dataset.test, "made", "")
    hooks = Hooks(on_epoch=lambda *_: pytest.fail("an epoch was trained"))
    with pytest.raises(UserError, match=r"images must be uint8, .* found float32"):
        train(RUN, wrong, hooks)


def test_one_class_and_a_last_batch_of_one_image():
    split = Split(np.zeros((11, 4, 4), np.uint8), np.full(11, 3, np.int32))
    dataset = Dataset(split, split, split, "made", "")
    training = TrainingConfig(epochs=2, batch_size=10, learning_rate=1.0)
    run = Run((Stage("mlp", MLPConfig((16, 10)), training, Z_SCORE),))
    (stage,) = train(run, dataset).stages
    assert assess(stage.fitted, {"a": split}, dataset.class_names)["a"].metrics.accuracy == 1


@pytest.mark.compiled_for_users
def test_report_1s_mlp_on_the_real_data(real_data_dir: Path):
    """Five epochs of table 1's first row: far from trained, and already over 80 %."""
    dataset = load_dataset(DataConfig(data_dir=real_data_dir), lambda line: None)
    training = TrainingConfig(epochs=5, batch_size=16)
    run = Run((Stage("mlp", MLPConfig(dropout=0.2), training, Z_SCORE),))
    (stage,) = train(run, dataset).stages
    test = assess(stage.fitted, {"test": dataset.test}, dataset.class_names)["test"]
    assert test.metrics.accuracy > 0.8
