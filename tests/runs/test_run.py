from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.architectures import LENET, FiveConv
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.directory import write_checkpoint
from fmnist_jax.runs.run import CNNRun, MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import momentum

RUN = MLPRun(
    model=MLPConfig((784, 32, 10)),
    training=TrainingConfig(epochs=4, optimizer=momentum, learning_rate=0.01, batch_size=50),
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset(DataConfig(source="synthetic"), lambda line: None)


def test_training_learns_and_assessment_covers_every_image(dataset: Dataset):
    seen = []
    trained = runs.train(RUN, dataset, lambda state, record: seen.append(record))
    assert tuple(seen) == trained.history
    test = runs.assess(trained, dataset.test, dataset.class_names)
    assert test.metrics.accuracy > 0.8
    assert test.metrics.confusion.sum() == len(dataset.test.labels)
    np.testing.assert_allclose(test.probabilities.sum(axis=-1), np.ones(1000), rtol=1e-5)
    assert test.metrics.accuracy == (test.predictions == dataset.test.labels).mean()
    validation = runs.assess(trained, dataset.validation, dataset.class_names)
    best = trained.history[trained.best_epoch - 1]
    assert validation.loss == pytest.approx(best.validation_loss, rel=1e-5)
    assert validation.metrics.accuracy == pytest.approx(best.validation_accuracy, rel=1e-6)


def test_the_checkpoint_predicts_what_the_run_did(dataset: Dataset, tmp_path):
    trained = runs.train(replace(RUN, training=replace(RUN.training, epochs=1)), dataset)
    test = runs.assess(trained, dataset.test, dataset.class_names)
    path = write_checkpoint(tmp_path, RUN, trained, {}, dataset)
    restored = Classifier.from_checkpoint(path).probabilities(dataset.test.images)
    np.testing.assert_allclose(restored, test.probabilities, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("sizes", "told"), [((100, 10), "784 pixels"), ((784, 5), "10 classes")])
def test_sizes_that_do_not_fit_the_data_are_refused(
    dataset: Dataset, sizes: tuple[int, ...], told: str
):
    with pytest.raises(UserError, match=told):
        runs.train(replace(RUN, model=MLPConfig(sizes)), dataset)


def test_a_network_has_to_be_described_by_its_blocks():
    with pytest.raises(UserError, match=r"as FiveConv\(\)\.network is, found FiveConv$"):
        CNNRun(FiveConv())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", [MLPRun, CNNRun])
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": None}, "model must be of type .* found None"),
        ({"training": 5}, "training must be of type TrainingConfig, .* found 5"),
        ({"scaling": "unit"}, "scaling must be of type Scaling, .* found 'unit'"),
        ({"data": {"seed": 1}}, "data must be of type DataConfig, .* found dict"),
    ],
)
def test_fields_of_another_type_are_told(kind: Any, fields: dict[str, Any], told: str):
    with pytest.raises(UserError, match=told):
        kind(**fields)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize(
    ("model", "images", "told"),
    [
        (MLPConfig((784, 10)), np.zeros((2, 28, 28)), "must be uint8, .* found float64"),
        (MLPConfig((784, 10)), [[0]], "must be uint8, .* found list"),
        (MLPConfig((784, 10)), np.zeros((0, 9), np.uint8), "begin with the 9 pixels"),
        (LENET, np.zeros((2, 28, 28)), "must be uint8, .* found float64"),
        (LENET, np.zeros((2, 784), np.uint8), r"of shape \(n, 28, 28\).* found \(2, 784\)"),
    ],
)
def test_images_of_every_split_are_looked_at(split: str, model: Any, images: Any, told: str):
    good = Split(np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64))  # pyright: ignore[reportArgumentType]
    dataset = Dataset(good, good, good, "made", "")
    runs.check_sizes(model, dataset)
    with pytest.raises(UserError, match=told) as error:
        runs.check_sizes(model, replace(dataset, **{split: good._replace(images=images)}))
    assert f"the {split} split" in str(error.value)


def test_classes_that_are_not_the_networks_are_refused(dataset: Dataset):
    run = CNNRun(replace(LENET, classes=9))
    with pytest.raises(UserError, match="classes must be the data set's 10, found 9"):
        runs.train(run, dataset)


def test_splits_assessed_together_are_assessed_alike(dataset: Dataset):
    trained = runs.train(replace(RUN, training=replace(RUN.training, epochs=1)), dataset)
    together = runs.assess_all(trained, dataset.splits, dataset.class_names)
    assert list(together) == ["train", "validation", "test"]
    for name, split in dataset.splits.items():
        alone = runs.assess(trained, split, dataset.class_names)
        assert together[name].loss == pytest.approx(alone.loss, rel=1e-5)
        assert together[name].metrics.accuracy == alone.metrics.accuracy
        np.testing.assert_allclose(together[name].probabilities, alone.probabilities, rtol=1e-4)


def test_one_class_and_a_last_batch_of_one_image():
    split = Split(np.zeros((11, 28, 28), np.uint8), np.full(11, 3, np.int32))
    dataset = Dataset(split, split, split, "made", "")
    run = MLPRun(
        model=MLPConfig((784, 10)),
        training=TrainingConfig(epochs=2, batch_size=10, learning_rate=1.0),
    )
    trained = runs.train(run, dataset)
    assert runs.assess(trained, split, dataset.class_names).metrics.accuracy == 1


@pytest.mark.parametrize("seed", [0])
def test_report_1s_mlp_on_the_real_data(real_data_dir, seed: int):
    """Five epochs of table 1's first row: far from trained, and already over 80 %."""
    dataset = load_dataset(DataConfig(data_dir=real_data_dir), lambda line: None)
    run = MLPRun(
        model=MLPConfig(dropout=0.2), training=TrainingConfig(epochs=5, batch_size=16, seed=seed)
    )
    trained = runs.train(run, dataset)
    assert runs.assess(trained, dataset.test, dataset.class_names).metrics.accuracy > 0.8
