from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from fmnist_jax.models.base import Model, scratch_mlp
from fmnist_jax.runs.pipeline import PipelineRun

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.augmentation import (
    AUGMENTATIONS,
    MOVED,
    mirrored,
    mirrored_and_moved,
    unchanged,
)
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import fit
from fmnist_jax.training.step import DeviceSplit, TrainState, train_epoch

IMAGES = jnp.asarray(np.random.default_rng(0).integers(1, 256, (200, 6, 7), np.uint8))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_and_type_stay_and_equal_keys_give_equal_images(name: str):
    augment = jax.jit(AUGMENTATIONS[name])
    first = augment(jax.random.key(3), IMAGES)
    assert (first.shape, first.dtype) == (IMAGES.shape, IMAGES.dtype)
    np.testing.assert_array_equal(first, augment(jax.random.key(3), IMAGES))
    other = augment(jax.random.key(4), IMAGES)
    assert bool((first != other).any()) == (name != "none")


def test_about_half_of_the_images_are_mirrored_left_for_right_and_no_other_changes():
    found = np.asarray(mirrored(jax.random.key(0), IMAGES))
    kept = (found == IMAGES).all((1, 2))
    turned = (found == IMAGES[:, :, ::-1]).all((1, 2))
    assert (kept ^ turned).all()
    assert 70 <= turned.sum() <= 130


def test_moved_images_are_windows_of_the_padded_ones_and_every_move_occurs():
    found = np.asarray(mirrored_and_moved(jax.random.key(0), IMAGES))
    height, width = IMAGES.shape[1:]
    moves = set()
    for number, image in enumerate(found):
        places = {
            (turned, row, column)
            for turned in (False, True)
            for row in range(2 * MOVED + 1)
            for column in range(2 * MOVED + 1)
            if (
                np.pad(IMAGES[number, :, ::-1] if turned else IMAGES[number], MOVED)[
                    row : row + height, column : column + width
                ]
                == image
            ).all()
        }
        assert len(places) == 1, number
        moves |= places
    assert {move[1:] for move in moves} == {
        (row, column) for row in range(2 * MOVED + 1) for column in range(2 * MOVED + 1)
    }


def seeing(seen: list) -> Model:
    """A model that keeps what its gradient is asked for."""
    model = scratch_mlp(MLPConfig((16, 10)))

    def value_and_grad(parameters, inputs, labels, key):
        jax.debug.callback(
            lambda *arrays: seen.append(jax.tree.map(np.asarray, arrays)), inputs, labels
        )
        logits = jnp.zeros((len(labels), 10))
        return (jnp.zeros(()), logits), jax.tree.map(jnp.zeros_like, parameters)

    return model._replace(value_and_grad=value_and_grad)


def test_a_step_learns_from_changed_images_whose_labels_are_their_own():
    images = jnp.arange(9 * 16, dtype=jnp.uint8).reshape(9, 4, 4)
    data = DeviceSplit(images, jnp.arange(9, dtype=jnp.int32))
    seen: list = []
    model, optimizer = seeing(seen), optax.sgd(0.1)
    parameters = model.init(jax.random.key(0))
    for epoch in range(2):
        train_epoch(
            TrainState(jax.tree.map(jnp.copy, parameters), optimizer.init(parameters)),
            jax.random.key(epoch),
            data,
            {},
            model=model,
            scaling=UNIT,
            optimizer=optimizer,
            batch_size=4,
            augmentation=mirrored,
        )
    jax.effects_barrier()
    turned = []
    for inputs, labels in seen:
        for image, label in zip(np.rint(inputs * 255).reshape(-1, 4, 4), labels, strict=True):
            own = np.asarray(images[int(label)])
            turned.append((image == own[:, ::-1]).all())
            assert turned[-1] or (image == own).all()
    assert len(turned) == 18
    assert 0 < sum(turned) < 18


def histories(augmentation) -> list:
    rng = np.random.default_rng(0)
    split = DeviceSplit(
        jnp.asarray(rng.integers(0, 256, (20, 4, 4), np.uint8)),
        jnp.asarray(rng.integers(0, 10, 20, np.int32)),
    )
    model = scratch_mlp(MLPConfig((16, 10)))
    config = TrainingConfig(epochs=3, batch_size=8, learning_rate=0.1, augmentation=augmentation)
    return [record for _, record in fit(model, config, split, split, UNIT, {})]


def test_training_takes_its_configurations_augmentation():
    plain = histories(unchanged)
    changed = histories(mirrored)
    assert changed == histories(mirrored)
    assert [record.train_loss for record in changed] != [record.train_loss for record in plain]


def test_features_are_no_images_so_nothing_may_change_them():
    run = PipelineRun()
    with pytest.raises(UserError, match="mlp_training: augmentation must be none"):
        replace(run, mlp_training=replace(run.mlp_training, augmentation=mirrored))


def test_a_name_is_no_augmentation():
    with pytest.raises(UserError, match="augmentation must be a function"):
        TrainingConfig(augmentation="mirror")  # pyright: ignore[reportArgumentType]
