from dataclasses import replace

import numpy as np
import pytest

from fmnist_jax import runs
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.networks.architectures import LENET, FiveConv
from fmnist_jax.run_directory import write_checkpoint
from fmnist_jax.runs import CNNRun, MLPRun
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
    with pytest.raises(UserError, match=r"as FiveConv\(\)\.network is, found FiveConv"):
        CNNRun(FiveConv())  # pyright: ignore[reportArgumentType]


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
