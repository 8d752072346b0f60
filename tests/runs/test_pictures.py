from typing import Any

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure

from fmnist_jax.data.dataset import CLASS_NAMES, Dataset
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.data.synthetic import draw_synthetic
from fmnist_jax.evaluation import layer_plots, plots
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.runs import pictures
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.train import TrainedRun, TrainedStage
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from tests.runs.small import RECORD

CONVNET = ConvNetConfig((Block(2, 3, 2), Block(3, 1)), hidden=(4,))


def untrained(config: Any, name: str = "convnet") -> FittedStage:
    return FittedStage(name, config, UNIT, config.build().init(jax.random.key(0)), {})


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    raw = draw_synthetic(train=5, test=20)
    return Dataset(raw.train, raw.train, raw.test, raw.source, raw.checksum)


def test_curves_are_drawn_of_the_stages_that_were_trained(monkeypatch: pytest.MonkeyPatch):
    drawn = []

    def draw(history: list, best_epoch: int) -> Figure:
        drawn.append((history, best_epoch))
        return Figure()

    monkeypatch.setattr(plots, "learning_curves", draw)
    stages = {"convnet": CONVNET, "mlp": MLPConfig((27, 10))}
    run = Run(tuple(Stage(name, model, TrainingConfig(), UNIT) for name, model in stages.items()))
    first, second = (
        TrainedStage(stage, untrained(stage.model, stage.name), {}) for stage in run.stages
    )
    second = second._replace(history=(RECORD, RECORD._replace(epoch=2)), best_epoch=2)
    assert list(pictures.learning_curves(TrainedRun(run, (first, second)))) == [
        "learning_curves_mlp"
    ]
    assert drawn == [([RECORD._asdict(), RECORD._replace(epoch=2)._asdict()], 2)]


def test_maps_are_those_of_the_images_beside_them(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
):
    seen = []

    def draw(*arguments: Any) -> Figure:
        seen.append(arguments)
        return Figure()

    monkeypatch.setattr(layer_plots, "feature_maps", draw)
    fitted = untrained(CONVNET)
    assert list(pictures.layers(fitted, dataset)) == [
        "first_layer", "feature_maps_1", "feature_maps_2", "feature_maps_3",
    ]  # fmt: skip
    assert len({name for _, _, name in seen}) == 3
    test = dataset.test
    for image, maps, name in seen:
        (index,) = [i for i, other in enumerate(test.images) if np.array_equal(other, image)]
        assert name == CLASS_NAMES[test.labels[index]]
        inputs = jax.numpy.asarray(UNIT.apply({}, image[None]))
        expected = CONVNET.feature_maps(fitted.variables, inputs)
        for found, block in zip(maps, expected, strict=True):
            np.testing.assert_allclose(found, block[..., 0], rtol=1e-4, atol=1e-6)


def test_an_mlp_shows_its_first_layers_weights(dataset: Dataset):
    fitted = untrained(MLPConfig((784, 3, 10)), "mlp")
    assert list(pictures.layers(fitted, dataset)) == ["first_layer"]
