import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.checkpoint.checkpoint import Checkpoint, save_checkpoint
from fmnist_jax.config.model import Model
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.data.scaling import SYMMETRIC, Z_SCORE
from fmnist_jax.errors import UserError
from fmnist_jax.inference.classifier import CHUNK, Classifier
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.stages import FittedStage, logits
from fmnist_jax.scratch.mlp import MLPConfig
from tests.compiling import quick_jit

CONFIG = MLPConfig(layer_sizes=(784, 7, 10))


def images_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28)).astype(np.uint8)


def trained(model: Any = CONFIG) -> Checkpoint:
    stage = FittedStage(
        "mlp",
        model,
        Z_SCORE,
        variables=model.build().init(jax.random.key(3)),
        statistics=Z_SCORE.fit(images_of(30, seed=1)),
    )
    return Checkpoint(
        stages=(stage,),
        class_names=CLASS_NAMES,
        metrics={},
        run={},
        data_checksum="",
    )


def reference(checkpoint: Checkpoint, images: np.ndarray) -> np.ndarray:
    """The same in NumPy, float64."""
    (stage,) = checkpoint.stages
    mean, deviation = (np.float64(stage.statistics[name]) for name in stage.statistics)
    A = ((images / 255 - mean) / (deviation + 1e-8)).reshape(len(images), 784)
    hidden, output = jax.tree.map(np.float64, stage.variables.parameters)
    Z = np.maximum(A @ hidden.W + hidden.b, 0) @ output.W + output.b
    exponentials = np.exp(Z - Z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("count", [0, 1, 3, CHUNK, CHUNK + 1])
def test_probabilities_are_the_softmax_of_the_scaled_images(count: int) -> None:
    checkpoint, images = trained(), images_of(count)
    found = Classifier(checkpoint).probabilities(images)
    assert found.shape == (count, 10)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(checkpoint, images), rtol=2e-4, atol=1e-6)


def test_classify_names_the_likeliest_classes_in_order() -> None:
    classifier, images = Classifier(trained()), images_of(20)
    probabilities = classifier.probabilities(images)
    predictions = classifier.classify(images, top_k=4)
    assert len(predictions) == 20
    for prediction, row in zip(predictions, probabilities, strict=True):
        assert prediction.label == CLASS_NAMES[row.argmax()]
        assert prediction.probability == row.max()
        assert prediction.top[0] == (prediction.label, prediction.probability)
        assert [p for _, p in prediction.top] == sorted(row.tolist(), reverse=True)[:4]
        assert all(row[CLASS_NAMES.index(name)] == p for name, p in prediction.top)
    assert {prediction.label for prediction in predictions} != {predictions[0].label}
    assert len(classifier.classify(images, top_k=10)[0].top) == 10
    assert classifier.classify(images[:0]) == []


def test_a_restored_checkpoint_classifies_alike(tmp_path: Path) -> None:
    checkpoint, images = trained(), images_of(5)
    save_checkpoint(tmp_path / "run" / "checkpoint", checkpoint)
    restored = Classifier.from_checkpoint(tmp_path / "run")
    assert restored.classify(images) == Classifier(checkpoint).classify(images)
    with pytest.raises(UserError, match="not found"):
        Classifier.from_checkpoint(tmp_path / "nowhere")


def test_a_later_stage_classifies_by_the_features_of_the_one_before() -> None:
    network = FiveConv(filters=(1, 1, 2, 2, 3), kernels=(3, 1, 1, 1, 1), hidden=4).network
    mlp = MLPConfig((3, 4, 10))
    first = FittedStage("convnet", network, SYMMETRIC, network.build().init(jax.random.key(0)), {})
    statistics = Z_SCORE.fit(np.random.default_rng(2).random((30, 3), np.float32))
    last = FittedStage("mlp", mlp, Z_SCORE, mlp.build().init(jax.random.key(1)), statistics)
    checkpoint = evolve(trained(), stages=(first, last))
    images = images_of(5)
    features = quick_jit(network.build().features)(first.variables, images / np.float32(127.5) - 1)
    found = mlp.build().apply(last.variables, Z_SCORE.apply(statistics, features))
    np.testing.assert_allclose(logits((first, last), images), found, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(
        Classifier(checkpoint).probabilities(images),
        jax.nn.softmax(found, axis=-1),
        rtol=1e-3,
        atol=1e-6,
    )


def test_many_batch_sizes_take_few_programs() -> None:
    traced: list[int] = []
    network = CONFIG.build()

    def apply(variables, inputs):
        traced.append(inputs.shape[0])
        return network.apply(variables, inputs)

    class Counting:
        """An MLP's configuration whose network notes for how many images it is traced."""

        model = network._replace(apply=apply)

        def build(self) -> Model:
            return self.model

    classifier = Classifier(trained(Counting()))
    for count in (1, 2, 3, 5, 6, 7, 8, 100, 128, 1000, 1024, 1025, 2500, 4000, 1, 77):
        assert classifier.probabilities(images_of(count)).shape == (count, 10)
    assert sorted(traced) == sorted(set(traced))
    assert set(traced) <= {1 << exponent for exponent in range(11)}
    # New weights in the same network need no new program.
    traced.clear()
    Classifier(trained(Counting())).probabilities(images_of(1000))
    assert traced == []


@pytest.mark.parametrize(
    "images",
    [
        images_of(2).astype(np.float32),
        images_of(2).astype(np.int64),
        images_of(1)[0],
        images_of(2).reshape(2, 784),
        images_of(2)[:, :27],
        np.uint8(3),
    ],
)
def test_images_of_another_kind_are_refused(images: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"must be uint8 of shape \(n, 28, 28\), found"):
        Classifier(trained()).probabilities(images)


@pytest.mark.parametrize("images", [[[[1, 2], [3]]], [images_of(1)[0], images_of(1)[0, :27]]])
def test_images_of_different_sizes_are_refused(images: Any) -> None:
    with pytest.raises(UserError, match="found images or rows of different lengths"):
        Classifier(trained()).probabilities(images)


@pytest.mark.parametrize("top_k", [0, -1, 11, "3", 2.0, None, True])
def test_top_k_out_of_range_is_refused(top_k: Any) -> None:
    with pytest.raises(UserError, match=f"from 1 to the 10 classes, found {top_k!r}"):
        Classifier(trained()).classify(images_of(1), top_k=top_k)


def test_importing_the_classifier_leaves_heavy_modules_alone() -> None:
    """They would make `predict` slow to start."""
    heavy = "{'orbax', 'optax', 'flax', 'sklearn', 'matplotlib', 'pyarrow', 'tensorflow_datasets'}"
    program = f"import sys, fmnist_jax.inference.classifier; print({heavy} & set(sys.modules))"
    finished = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parent.parent.parent,
        text=True,
        timeout=300,
    )
    assert finished.stdout.strip() == "set()"
