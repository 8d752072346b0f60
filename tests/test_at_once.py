from dataclasses import replace

import jax
import numpy as np
import pytest

from fmnist_jax import at_once, runs
from fmnist_jax.at_once import train_seeds
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.errors import DivergedError, UserError
from fmnist_jax.networks.config import Block, ConvNetConfig
from fmnist_jax.networks.pooling import GLOBAL
from fmnist_jax.pipeline import PipelineRun, TrainedPipeline, train_pipeline
from fmnist_jax.pipeline_model import PipelineConfig
from fmnist_jax.runs import MLPRun, Trained
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.seeds import fit_seeds

TRAINING = TrainingConfig(epochs=2, batch_size=20, learning_rate=0.05, patience=None)
NETWORK = ConvNetConfig((Block(5, stride=4, pooling=GLOBAL),), hidden=())
PAIR = PipelineRun(PipelineConfig(NETWORK, MLPConfig((5, 10))), TRAINING, TRAINING)


def split(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), np.uint8)
    return Split(images, rng.integers(0, 10, count, np.int32))


DATASET = Dataset(split(60, 0), split(20, 1), split(20, 2), "made", "made")


def check_same(one: Trained, other: Trained) -> None:
    for record, expected in zip(one.history, other.history, strict=True):
        assert record == pytest.approx(expected, rel=1e-4)
    assert one.best_epoch == other.best_epoch
    for found, expected in zip(
        jax.tree.leaves(one.parameters), jax.tree.leaves(other.parameters), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-4)
    for name, values in other.statistics.items():
        np.testing.assert_allclose(one.statistics[name], values, rtol=1e-3, atol=1e-5)


def seeded(run: PipelineRun, seed: int) -> PipelineRun:
    training = replace(TRAINING, seed=seed)
    return replace(run, network_training=training, mlp_training=training)


def test_a_pipeline_whose_network_fails_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(model, config, seeds, *data, own_images):
        for fits in fit_seeds(model, config, seeds, *data, own_images=own_images):
            yield tuple(
                fit._replace(failed=DivergedError("made")) if seed == 4 and not own_images else fit
                for seed, fit in zip(seeds, fits, strict=True)
            )

    monkeypatch.setattr(at_once, "fit_seeds", failing)
    wrong, right = train_seeds(PAIR, (4, 7), DATASET)
    assert isinstance(wrong, DivergedError)
    assert isinstance(right, TrainedPipeline)
    alone = train_pipeline(seeded(PAIR, 7), DATASET)
    check_same(right.network, alone.network)
    check_same(right.mlp, alone.mlp)
    assert [part.images.shape for part in right.features] == [(60, 5), (20, 5), (20, 5)]


def test_where_every_network_fails_there_is_no_mlp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        at_once,
        "train_models",
        lambda _, config, seeds, *others: [DivergedError("made")] * len(seeds),
    )
    assert [str(one) for one in train_seeds(PAIR, (0, 1), DATASET)] == ["made", "made"]


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UserError, match="layer_sizes must begin with the 784 pixels"):
        train_seeds(MLPRun(MLPConfig((5, 10)), TRAINING), (0, 1), DATASET)


def test_each_has_its_share_of_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    run = MLPRun(MLPConfig((784, 10)), TRAINING)
    clock = iter((10.0, 16.0))
    monkeypatch.setattr(at_once.time, "perf_counter", lambda: next(clock))
    outcomes = train_seeds(run, (0, 1, 2), DATASET)
    assert [one.seconds for one in outcomes if isinstance(one, Trained)] == [2.0, 2.0, 2.0]
    monkeypatch.undo()
    alone = runs.train(replace(run, training=replace(TRAINING, seed=1)), DATASET)
    assert isinstance(outcomes[1], Trained)
    check_same(outcomes[1], alone)
