import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fmnist_jax.config.model import Model
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.augmentation import (
    AUGMENTATIONS,
    MAX_SHIFT,
    Augmentation,
    flip,
    flip_and_shift,
    no_augmentation,
)
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord, fit, make_task
from fmnist_jax.training.step import Task, TrainingData, TrainState, put_on_device, train_epoch

IMAGES = jnp.asarray(np.random.default_rng(0).integers(1, 256, (200, 6, 7), np.uint8))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_and_type_stay_and_equal_keys_give_equal_images(name: str):
    augment = jax.jit(AUGMENTATIONS[name])
    first = augment(jax.random.key(3), IMAGES)
    chex.assert_trees_all_equal_shapes_and_dtypes(first, IMAGES)
    np.testing.assert_array_equal(first, augment(jax.random.key(3), IMAGES))
    other = augment(jax.random.key(4), IMAGES)
    assert bool((first != other).any()) == (name != "none")


def test_about_half_of_the_images_are_flipped_left_to_right_and_no_other_changes():
    found = np.asarray(flip(jax.random.key(0), IMAGES))
    kept = (found == IMAGES).all((1, 2))
    flipped = (found == IMAGES[:, :, ::-1]).all((1, 2))
    assert (kept ^ flipped).all()
    assert 70 <= flipped.sum() <= 130


def test_shifted_images_are_windows_of_the_padded_ones_and_every_shift_occurs():
    found = np.asarray(flip_and_shift(jax.random.key(0), IMAGES))
    height, width = IMAGES.shape[1:]
    shifts = set()
    for number, image in enumerate(found):
        places = {
            (flipped, row, column)
            for flipped in (False, True)
            for row in range(2 * MAX_SHIFT + 1)
            for column in range(2 * MAX_SHIFT + 1)
            if (
                np.pad(IMAGES[number, :, ::-1] if flipped else IMAGES[number], MAX_SHIFT)[
                    row : row + height, column : column + width
                ]
                == image
            ).all()
        }
        assert len(places) == 1, number
        shifts |= places
    assert {shift[1:] for shift in shifts} == {
        (row, column) for row in range(2 * MAX_SHIFT + 1) for column in range(2 * MAX_SHIFT + 1)
    }


def recording_model(seen: list) -> Model:
    """A model that records the batches of which its gradient is computed."""
    model = MLPConfig((16, 10)).build()

    def value_and_grad(variables, inputs, targets, key):
        jax.debug.callback(
            lambda *arrays: seen.append(jax.tree.map(np.asarray, arrays)),
            inputs,
            targets.argmax(axis=-1),
        )
        logits = jnp.zeros_like(targets)
        zeros = jax.tree.map(jnp.zeros_like, variables.parameters)
        return (jnp.zeros(()), (logits, variables.state)), zeros

    return model._replace(value_and_grad=value_and_grad)


def test_a_step_learns_from_changed_images_with_their_own_labels():
    images = jnp.arange(9 * 16, dtype=jnp.uint8).reshape(9, 4, 4)
    data = put_on_device(images, np.arange(9), 10)
    seen: list = []
    task = Task(recording_model(seen), UNIT, optax.sgd(0.1), batch_size=4, augmentation=flip)
    variables = task.model.init(jax.random.key(0))
    for epoch in range(2):
        state = TrainState(
            jax.tree.map(jnp.copy, variables), task.optimizer.init(variables.parameters)
        )
        train_epoch(state, jax.random.key(epoch), data, {}, task)
    jax.effects_barrier()
    flipped = []
    for inputs, labels in seen:
        for image, label in zip(np.rint(inputs * 255).reshape(-1, 4, 4), labels, strict=True):
            own = np.asarray(images[int(label)])
            flipped.append((image == own[:, ::-1]).all())
            assert flipped[-1] or (image == own).all()
    assert len(flipped) == 18
    assert 0 < sum(flipped) < 18


def history_with(augmentation: Augmentation) -> list[EpochRecord]:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (20, 4, 4), np.uint8), rng.integers(0, 10, 20, np.int32)
    split = put_on_device(images, labels, 10)
    config = TrainingConfig(epochs=3, batch_size=8, learning_rate=0.1, augmentation=augmentation)
    task = make_task(MLPConfig((16, 10)).build(), UNIT, config, 20)
    return [record for _, record in fit(task, config, TrainingData(split, split, {}))]


def test_training_uses_the_configured_augmentation():
    plain = history_with(no_augmentation)
    changed = history_with(flip)
    assert changed == history_with(flip)
    assert [record.train_loss for record in changed] != [record.train_loss for record in plain]


def test_names_are_those_of_command_lines_and_stored_runs():
    expected = {"none": no_augmentation, "mirror": flip, "mirror-move": flip_and_shift}
    assert expected == AUGMENTATIONS
