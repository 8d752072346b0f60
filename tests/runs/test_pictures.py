import jax
import numpy as np
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.models.base import scratch_mlp
from fmnist_jax.models.kinds import conv_net
from fmnist_jax.runs.run import Trained

from fmnist_jax.data.dataset import CLASS_NAMES, Dataset
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.data.synthetic import draw_synthetic
from fmnist_jax.evaluation import layer_plots as layer_figures
from fmnist_jax.models import functional
from fmnist_jax.runs import pictures
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.loop import EpochRecord
from tests.compiling import quick_jit

RECORD = EpochRecord(1, 0.5, 0.8, 0.6, 0.75, 0.001, 0)
NETWORK = FiveConv(filters=(2, 1, 2, 1, 3), kernels=(3, 1, 1, 1, 1), hidden=4).network


def untrained(history: tuple[EpochRecord, ...] = ()) -> Trained:
    model = conv_net(NETWORK)
    return Trained(model, model.init(jax.random.key(0)), UNIT, {}, history, 1, 1.0)


def test_curves_are_drawn_of_what_was_trained():
    parts = {"network": untrained(), "mlp": untrained((RECORD,))}
    assert list(pictures.of_trainings(parts)) == ["learning_curves_mlp"]
    assert list(pictures.of_trainings({"": untrained((RECORD,))})) == ["learning_curves"]


def test_maps_are_those_of_the_images_beside_them(monkeypatch):
    raw = draw_synthetic(train=5, test=20)
    dataset = Dataset(raw.train, raw.train, raw.test, raw.source, raw.checksum)
    seen = []
    monkeypatch.setattr(layer_figures, "feature_maps", lambda *arguments: seen.append(arguments))
    trained = untrained()
    drawn = pictures.of_layers(NETWORK, trained, dataset)
    assert list(drawn) == [
        "first_layer_filters", "feature_maps_1", "feature_maps_2", "feature_maps_3",
    ]  # fmt: skip
    assert len({name for _, _, name in seen}) == 3
    by_functional = quick_jit(functional.maps, static_argnames="config")
    for image, maps, name in seen:
        (index,) = [i for i, other in enumerate(raw.test.images) if np.array_equal(other, image)]
        assert name == CLASS_NAMES[raw.test.labels[index]]
        inputs = jax.numpy.asarray(UNIT.apply({}, image[None]))
        expected = by_functional(trained.parameters, inputs, NETWORK)
        for found, block in zip(maps, expected, strict=True):
            np.testing.assert_allclose(found, block[..., 0], rtol=1e-4, atol=1e-6)


def test_an_mlp_shows_its_first_layers_weights():
    model = scratch_mlp(MLPConfig((784, 3, 10)))
    trained = Trained(model, model.init(jax.random.key(0)), UNIT, {}, (), 1, 1.0)
    raw = draw_synthetic(train=5, test=5)
    dataset = Dataset(raw.train, raw.train, raw.test, raw.source, raw.checksum)
    drawn = pictures.of_layers(MLPConfig((784, 3, 10)), trained, dataset)
    assert list(drawn) == ["first_layer_weights"]
