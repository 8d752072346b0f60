"""How a model is trained: one frozen dataclass, for scratch and Flax models alike."""

import functools
from dataclasses import dataclass, replace
from typing import Literal

import optax

from fmnist_jax.config.checks import is_number, real, shown, whole
from fmnist_jax.errors import UserError, unknown_name
from fmnist_jax.training.augmentation import Augmentation, unchanged
from fmnist_jax.training.optimizers import (
    Epoch,
    Optimizer,
    Rate,
    Schedule,
    constant,
    sgd,
)

MAX_RATE = 1e30
"""Any more and float32 overflows before a weight has moved."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained; the defaults are report 1's, with the batch size that suits them.

    Raises UserError for counts and rates that can't be.
    """

    epochs: int = 200
    """At most so many passes over the training split."""
    batch_size: int = 16
    """Images a step."""
    optimizer: Optimizer = sgd
    """The update rule."""
    learning_rate: float = 0.001
    """Step size of the first epoch."""
    schedule: Schedule = constant
    """How the learning rate changes from epoch to epoch."""
    decay_rate: float = 0.0
    """The decay of the inverse-time schedule: learning_rate / (1 + decay_rate * epoch)."""
    monitor: Literal["loss", "accuracy"] = "loss"
    """The validation figure that says which epoch is best."""
    patience: int | None = 5
    """Stop after so many epochs without a new best; without it all epochs are run."""
    seed: int = 0
    """Draws the first weights, the order of the images, their changes and the dropout masks."""
    augmentation: Augmentation = unchanged
    """How training images are changed, anew in every step; validation and test images never are."""

    def __post_init__(self) -> None:
        """Refuse what can't be trained with; any library's numbers become ints and floats."""
        if self.monitor not in ("loss", "accuracy"):
            raise unknown_name("monitor", self.monitor, ("loss", "accuracy"))
        for name, module in (
            ("optimizer", "optimizers"),
            ("schedule", "optimizers"),
            ("augmentation", "augmentation"),
        ):
            value = getattr(self, name)
            if not callable(value):
                raise UserError(
                    f"{name} must be a function, as training.{module} has them, found "
                    f"{shown(value)}"
                )
        for name in ("epochs", "batch_size", "patience"):
            value = whole(getattr(self, name))
            if name == "patience" and value is None:
                continue
            if type(value) is not int or value < 1:
                raise UserError(f"{name} must be a count of at least 1, found {shown(value)}")
            object.__setattr__(self, name, value)
        for name in ("learning_rate", "decay_rate"):
            value = real(getattr(self, name))
            if not is_number(value) or not 0 <= value <= MAX_RATE:
                raise UserError(
                    f"{name} must be a number from 0 to {MAX_RATE:g}, found {shown(value)}"
                )
            object.__setattr__(self, name, value)
        seed = whole(self.seed)
        if type(seed) is not int or not 0 <= seed < 2**32:
            raise UserError(f"seed must be a whole number from 0 to 2**32 - 1, found {shown(seed)}")
        object.__setattr__(self, "seed", seed)


def learning_rate_of(config: TrainingConfig, epoch: Epoch) -> Rate:
    """The schedule's learning rate in `epoch`, counted from 0."""
    return config.schedule(
        epoch,
        learning_rate=config.learning_rate,
        epochs=config.epochs,
        decay_rate=config.decay_rate,
    )


def optimizer_of(config: TrainingConfig, steps_per_epoch: int) -> optax.GradientTransformation:
    """The configured optax optimizer; the same object for the same settings, as `jit` needs."""
    # What the update rule doesn't depend on is made equal, so that seeds share one compilation.
    return _optimizer_of(replace(config, seed=0, patience=None, monitor="loss"), steps_per_epoch)


@functools.cache
def _optimizer_of(config: TrainingConfig, steps_per_epoch: int) -> optax.GradientTransformation:
    return config.optimizer(lambda step: learning_rate_of(config, step // steps_per_epoch))
