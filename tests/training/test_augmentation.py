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
    Augmentation,
    Draw,
    Shift,
    erase,
    flip,
    flip_alternately,
    flip_and_shift,
    no_augmentation,
)
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord, fit, make_task
from fmnist_jax.training.step import Task, TrainingData, first_state, put_on_device, train_epoch


def draw(seed: int, count: int = 200, epoch: int = 0) -> Draw:
    return Draw(jax.random.key(seed), jnp.arange(count), jnp.int32(epoch))


IMAGES = jnp.asarray(np.random.default_rng(0).integers(1, 256, (200, 6, 7), np.uint8))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_and_type_stay_and_equal_keys_give_equal_images(name: str):
    augment = jax.jit(AUGMENTATIONS[name])
    first = augment(draw(3), IMAGES)
    chex.assert_trees_all_equal_shapes_and_dtypes(first, IMAGES)
    np.testing.assert_array_equal(first, augment(draw(3), IMAGES))
    other = augment(draw(4), IMAGES)
    assert bool((first != other).any()) == (name not in ("none", "mirror-alternate"))


def test_about_half_of_the_images_are_flipped_left_to_right_and_no_other_changes():
    found = np.asarray(flip(draw(0), IMAGES))
    kept = (found == IMAGES).all((1, 2))
    flipped = (found == IMAGES[:, :, ::-1]).all((1, 2))
    assert (kept ^ flipped).all()
    assert 70 <= flipped.sum() <= 130


def test_images_are_mirrored_in_every_second_epoch_half_of_them_in_each():
    indices = jnp.asarray([5, 2, 9, 4])
    flipped = []
    for epoch in range(4):
        found = flip_alternately(
            Draw(jax.random.key(epoch), indices, jnp.int32(epoch)), IMAGES[indices]
        )
        own = IMAGES[indices]
        flipped.append((found == own[:, :, ::-1]).all((1, 2)).tolist())
        np.testing.assert_array_equal(found[~np.array(flipped[-1])], own[~np.array(flipped[-1])])
    assert flipped == 2 * [[True, False, True, False], [False, True, False, True]]


@pytest.mark.parametrize("pixels", [1, 2, 4])
def test_a_shift_reaches_every_place_up_to_its_pixels(pixels: int):
    """One white pixel in the middle of an image."""
    images = jnp.zeros((2000, 9, 9), jnp.uint8).at[:, 4, 4].set(255)
    shifted = np.asarray(Shift(pixels)(draw(0, 2000), images))
    places = {tuple(place) for place in np.argwhere(shifted)[:, 1:]}
    near = range(4 - pixels, 4 + pixels + 1)
    assert places == {(row, column) for row in near for column in near}
    assert (shifted.reshape(2000, -1).sum(1, dtype=int) == 255).all()


def test_erasing_fills_a_rectangle_of_half_of_the_images_with_random_grey_levels():
    images = jnp.zeros((1000, 28, 28), jnp.uint8)
    found = np.asarray(erase(draw(0, 1000), images)) > 0
    changed = found.any((1, 2))
    assert 430 < changed.sum() < 570
    areas = []
    for image in found[changed]:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert image.sum() >= 0.5 * area  # hardly a random level is 0
        areas.append(area / 784)
    assert 0.005 < min(areas) < 0.06
    assert 0.35 < max(areas) < 0.45


def test_augmentations_are_applied_in_order_each_with_its_own_key():
    """Shifting twice reaches twice as far, which two shifts of one key would do only by even steps."""
    images = np.zeros((400, 9, 9), np.uint8)
    images[:, 4, 4] = 255
    data = put_on_device(images, np.zeros(400, int), 10)
    seen: list = []
    shifts = (Shift(1), Shift(1))
    model = recording_model(seen, (81, 10))
    task = Task(model, UNIT, optax.sgd(0.1), batch_size=400, augmentation=shifts)
    state = first_state(task, model.init(jax.random.key(0)))
    train_epoch(state, jax.random.key(1), data, {}, task)
    jax.effects_barrier()
    places = np.argwhere(np.asarray(seen[0][0]).reshape(400, 9, 9))[:, 1:] - 4
    assert (np.abs(places).max(), set(np.unique(places))) == (2, {-2, -1, 0, 1, 2})


def test_shifted_images_are_windows_of_the_padded_ones_and_every_shift_occurs():
    found = np.asarray(flip_and_shift(draw(0), IMAGES))
    height, width = IMAGES.shape[1:]
    shifts = set()
    for number, image in enumerate(found):
        places = {
            (flipped, row, column)
            for flipped in (False, True)
            for row in range(3)
            for column in range(3)
            if (
                np.pad(IMAGES[number, :, ::-1] if flipped else IMAGES[number], 1)[
                    row : row + height, column : column + width
                ]
                == image
            ).all()
        }
        assert len(places) == 1, number
        shifts |= places
    assert {shift[1:] for shift in shifts} == {
        (row, column) for row in range(3) for column in range(3)
    }


def recording_model(seen: list, sizes: tuple[int, ...] = (16, 10)) -> Model:
    """A model that records the batches of which its gradient is computed."""
    model = MLPConfig(sizes).build()

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
    task = Task(recording_model(seen), UNIT, optax.sgd(0.1), batch_size=4, augmentation=(flip,))
    variables = task.model.init(jax.random.key(0))
    for epoch in range(2):
        state = first_state(task, jax.tree.map(jnp.copy, variables))
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
    expected = {
        "none": no_augmentation,
        "mirror": flip,
        "mirror-alternate": flip_alternately,
        "mirror-move": flip_and_shift,
        **{f"shift-{pixels}": Shift(pixels) for pixels in (1, 2, 3, 4)},
        "erase": erase,
    }
    assert expected == AUGMENTATIONS
