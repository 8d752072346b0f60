from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.data.dataset import CLASS_NAMES, Dataset, Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, UNIT
from fmnist_jax.data.synthetic import draw_synthetic
from fmnist_jax.errors import UserError
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models import functional
from fmnist_jax.models.architectures import AVERAGE, FiveConv
from fmnist_jax.models.pipeline_model import fingerprint
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.directory import write_checkpoint
from fmnist_jax.runs.pipeline import (
    PipelineRun,
    TrainedPipeline,
    assess_pipeline,
    extract_features,
    pipeline_of,
    restore_network,
    train_pipeline,
)
from fmnist_jax.runs.run import Trained
from fmnist_jax.scratch.initializers import he_normal, random
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import momentum
from tests.compiling import quick_jit

NETWORK = FiveConv(filters=(4, 4, 6, 6, 12), hidden=16, initializer=he_normal)
TRAINING = TrainingConfig(
    epochs=3, batch_size=40, optimizer=momentum, learning_rate=0.03, patience=None
)
by_functional = quick_jit(functional.features, static_argnames="config")
RUN = PipelineRun.of(NETWORK, network_training=TRAINING, mlp_training=replace(TRAINING, epochs=6))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    raw = draw_synthetic(train=2500, test=300)
    first, second = (
        Split(*(values[part] for values in raw.train)) for part in (np.s_[:2050], np.s_[2050:])
    )
    return Dataset(first, second, raw.test, raw.source, raw.checksum)


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> tuple[TrainedPipeline, list[str]]:
    seen = []
    return (
        train_pipeline(
            RUN,
            dataset,
            lambda state, record: seen.append(f"network {record.epoch}"),
            lambda state, record: seen.append(f"mlp {record.epoch}"),
            lambda network, features: seen.append(f"features after {len(network.history)}"),
        ),
        seen,
    )


def test_the_network_then_its_features_then_the_mlp(
    trained: tuple[TrainedPipeline, list[str]], dataset: Dataset
) -> None:
    outcome, seen = trained
    networks, mlps = ([f"{part} {n}" for n in range(1, last + 1)] for part, last in (
        ("network", 3), ("mlp", 6)
    ))  # fmt: skip
    assert seen == [*networks, "features after 3", *mlps]
    shapes = [split.images.shape for split in outcome.features]
    assert shapes == [(2050, 12), (450, 12), (300, 12)]
    for split, features in zip(dataset.splits.values(), outcome.features, strict=True):
        np.testing.assert_array_equal(split.labels, features.labels)
    assert outcome.extractor == fingerprint(outcome.network.parameters)
    assert [layer.W.shape for layer in outcome.mlp.parameters] == [(12, 16), (16, 10)]


def test_every_image_gets_its_own_features(
    trained: tuple[TrainedPipeline, list[str]], dataset: Dataset
) -> None:
    """Those of the first and last of each split, where padding and cutting could slip."""
    network, features = trained[0].network, trained[0].features
    for split, found in zip(dataset.splits.values(), features, strict=True):
        ends = np.array([0, len(split.labels) - 1])
        inputs = jax.numpy.asarray(SYMMETRIC.apply({}, split.images[ends]))
        expected = by_functional(network.parameters, inputs, RUN.model.network)
        np.testing.assert_allclose(found.images[ends], expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(np.asarray(features.test.images), axis=0).max() > 0.1


def test_features_of_any_number_of_images() -> None:
    config = FiveConv(filters=(1, 1, 1, 1, 2), kernels=(1,), hidden=2).network
    parameters = functional.init(jax.random.key(0), config)
    images = draw_synthetic(train=1001, test=1).train.images
    inputs = jax.numpy.asarray(UNIT.apply({}, images))
    expected = by_functional(parameters, inputs, config)
    for count in (1, 999, 1001):
        found = extract_features(parameters, images[:count], {}, config=config, scaling=UNIT)
        np.testing.assert_allclose(found, expected[:count], rtol=1e-4, atol=1e-6)


def test_no_images_have_no_features_and_other_images_are_refused() -> None:
    config = FiveConv(filters=(1, 1, 1, 1, 2), kernels=(1,), hidden=2).network
    parameters = functional.init(jax.random.key(0), config)

    def features(images: Any) -> jax.Array:
        return extract_features(parameters, images, {}, config=config, scaling=UNIT)

    images = np.zeros((1, 28, 28), np.uint8)
    assert features(images[:0]).shape == (0, 2)
    for other, told in (
        (images.astype(np.float32), r"found float32 of shape \(1, 28, 28\)"),
        (images[0], r"found uint8 of shape \(28, 28\)"),
        (images.tolist(), "found list"),
        (None, "found NoneType"),
    ):
        with pytest.raises(UserError, match=f"images must be an array of uint8.*{told}"):
            features(other)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"model": NETWORK},
            r"PipelineConfig, as PipelineRun.of\(FiveConv\(\)\).* found FiveConv$",
        ),
        ({"network_training": None}, "network_training must be of type TrainingConfig"),
        ({"mlp_training": 3}, "mlp_training must be of type TrainingConfig, .* found 3"),
        ({"scaling": "unit"}, "scaling must be of type Scaling, .* found 'unit'"),
        ({"data": "synthetic"}, "data must be of type DataConfig, .* found 'synthetic'"),
    ],
)
def test_fields_of_another_type_are_told(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        PipelineRun(**fields)


def test_reports_pair_is_of_a_five_conv() -> None:
    with pytest.raises(
        UserError, match=r"network must be of type FiveConv, .* found ConvNetConfig$"
    ):
        PipelineRun.of(NETWORK.network)  # pyright: ignore[reportArgumentType]


def test_a_network_with_other_parameters_is_refused() -> None:
    split = Split(np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int32))
    dataset = Dataset(split, split, split, "made", "")
    other = replace(NETWORK, filters=(4, 4, 6, 6, 13)).network
    parameters = functional.init(jax.random.key(0), other)
    network = Trained(functional.conv_net(RUN.model.network), parameters, SYMMETRIC, {}, (), 0, 0.0)
    with pytest.raises(UserError, match=r"is float32\[13\], not float32\[12\]"):
        train_pipeline(RUN, dataset, network=network)
    missing = network._replace(parameters={})
    with pytest.raises(UserError, match=r"is missing"):
        train_pipeline(RUN, dataset, network=missing)
    with pytest.raises(UserError, match=r"network must be of type Trained, .* found tuple"):
        train_pipeline(RUN, dataset, network=(RUN.network_run, network))  # pyright: ignore[reportArgumentType]


def test_both_learn_and_both_are_assessed_on_every_split(
    trained: tuple[TrainedPipeline, list[str]], dataset: Dataset
) -> None:
    assessed = assess_pipeline(trained[0], dataset)
    assert list(assessed) == ["train", "validation", "test"]
    for name, split in dataset.splits.items():
        for part in assessed[name]:
            assert part.metrics.confusion.sum() == len(split.labels)
    assert assessed["test"].network.metrics.accuracy > 0.5
    assert assessed["test"].mlp.metrics.accuracy > 0.5
    alone = runs.assess(trained[0].mlp, trained[0].features.test, CLASS_NAMES)
    np.testing.assert_allclose(alone.probabilities, assessed["test"].mlp.probabilities, rtol=1e-5)


def test_a_trained_network_is_taken_as_it_is(
    trained: tuple[TrainedPipeline, list[str]], dataset: Dataset
) -> None:
    again = train_pipeline(RUN, dataset, network=trained[0].network)
    assert again.network is trained[0].network
    assert again.mlp.history == trained[0].mlp.history


def test_another_network_than_the_configured_one_is_refused(
    trained: tuple[TrainedPipeline, list[str]], dataset: Dataset
) -> None:
    others = (
        replace(RUN, scaling=UNIT),
        PipelineRun.of(replace(NETWORK, pooling=AVERAGE), network_training=TRAINING),
    )
    for other in others:
        with pytest.raises(UserError, match="another configuration or scaling"):
            train_pipeline(other, dataset, network=trained[0].network)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda images: images.astype(np.float32), "images must be uint8, .* found float32"),
        (lambda images: images[:, :14, :14], r"of shape \(n, 28, 28\).*found \(2050, 14, 14\)"),
    ],
)
def test_images_of_another_kind_are_refused_before_training(dataset: Dataset, change, told) -> None:
    train = dataset.train._replace(images=change(dataset.train.images))
    with pytest.raises(UserError, match=told):
        train_pipeline(RUN, replace(dataset, train=train))
    with pytest.raises(UserError, match=told):
        runs.train(RUN.network_run, replace(dataset, train=train))


def test_the_checkpoint_classifies_with_the_pair(
    trained: tuple[TrainedPipeline, list[str]], dataset: Dataset, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path, RUN, trained[0], {}, dataset)
    assert restore_checkpoint(path).extractor == trained[0].extractor
    found = Classifier.from_checkpoint(path).probabilities(dataset.test.images)
    expected = runs.assess(trained[0].mlp, trained[0].features.test, CLASS_NAMES).probabilities
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_a_stored_network_trains_the_same_mlp(
    trained: tuple[TrainedPipeline, list[str]], dataset: Dataset, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path, RUN.network_run, trained[0].network, {}, dataset)
    stored, network, learned = restore_network(path, DataConfig())
    assert learned == dataset.checksum
    assert stored == RUN.network_run
    assert fingerprint(network.parameters) == trained[0].extractor
    again = train_pipeline(RUN, dataset, network=network)
    assert again.mlp.history == trained[0].mlp.history


def test_reports_pair_has_the_heads_widths() -> None:
    config = pipeline_of(FiveConv(hidden=1024))
    assert config.mlp == MLPConfig((512, 1024, 10), initializer=random)
    assert PipelineRun.of(FiveConv(hidden=1024)).model == config
