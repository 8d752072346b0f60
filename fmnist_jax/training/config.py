"""How a model is trained: one configuration, for hand-written and autodiff gradients alike."""

import functools
from typing import Any, Literal

import optax
from attrs import evolve, field, frozen
from attrs.validators import optional

from fmnist_jax.config.fields import (
    as_float,
    as_int,
    as_tuple,
    each,
    function,
    number,
    of_type,
    one_of,
    whole,
)
from fmnist_jax.errors import UserError
from fmnist_jax.training.augmentation import (
    AUGMENTATIONS,
    MIRRORING,
    Augmentation,
    no_augmentation,
)
from fmnist_jax.training.optimizers import (
    Optimizer,
    Plan,
    Rate,
    Schedule,
    Step,
    constant,
    rate_at,
    sgd,
)

MAX_RATE = 1e30
"""With a higher rate float32 overflows before a weight has moved."""


def _augmentations(value: Any) -> Any:
    """A sequence as a tuple, a single augmentation as a tuple of one; `no_augmentation` is left out."""
    values = as_tuple(value)
    values = values if isinstance(values, tuple) else (values,)
    return tuple(one for one in values if one is not no_augmentation)


@frozen
class TrainingConfig:
    """How a model is trained; the defaults are report 1's, with the batch size that suits them.

    Raises:
        UserError: For counts and rates out of range.

    Examples:
        >>> TrainingConfig(epochs=10, batch_size=32).learning_rate
        0.001
    """

    epochs: int = field(default=200, converter=as_int, validator=whole(1))
    """The most passes over the training split."""
    batch_size: int = field(default=16, converter=as_int, validator=whole(1))
    """Images a step."""
    optimizer: Optimizer = field(default=sgd, validator=function("training.optimizers.adam"))
    """The update rule."""
    learning_rate: float = field(default=0.001, converter=as_float, validator=number(0, MAX_RATE))
    """The highest step size."""
    schedule: Schedule = field(default=constant, validator=function("training.optimizers.cosine"))
    """How the learning rate changes from epoch to epoch, or from step to step."""
    decay_rate: float = field(default=0.0, converter=as_float, validator=number(0, MAX_RATE))
    """The decay of the inverse-time schedule: learning_rate / (1 + decay_rate * epoch)."""
    monitor: Literal["loss", "accuracy"] = field(
        default="loss", validator=one_of("loss", "accuracy")
    )
    """The validation figure by which the best epoch is chosen."""
    patience: int | None = field(default=5, converter=as_int, validator=optional(whole(1)))
    """Stop after this many epochs without a new best; without it all epochs are run."""
    seed: int = field(default=0, converter=as_int, validator=whole(0, 2**32 - 1))
    """Draws the first weights, the order of the images, their augmentation and the dropout masks."""
    augmentation: tuple[Augmentation, ...] = field(
        default=(), converter=_augmentations, validator=each(function("training.augmentation.flip"))
    )
    """How training images are changed in every step, in order; validation and test images never are."""
    min_delta: float = field(default=0.0, converter=as_float, validator=number(0, MAX_RATE))
    """The least improvement of the monitored figure that makes a new best epoch."""
    keep: Literal["best", "last"] = field(default="best", validator=one_of("best", "last"))
    """The epoch whose weights are kept; without a validation split it must be the last."""
    label_smoothing: float = field(default=0.0, converter=as_float, validator=number(0, below=1))
    """Targets are (1 - e) of the label's class and e / K of each of the K classes, for this e."""
    mixup: float = field(default=0.0, converter=as_float, validator=number(0, MAX_RATE))
    """The alpha of mixup: inputs and targets of two images are mixed by Beta(alpha, alpha); 0: never."""
    weight_average: float = field(default=0.0, converter=as_float, validator=number(0, below=1))
    """Decay of a moving average of the weights, which is evaluated and kept in their place; 0: none."""
    teacher: str | None = field(default=None, validator=optional(of_type(str, "'runs/teacher'")))
    """A checkpoint or run whose probabilities of the training images are mixed into the targets."""
    teacher_weight: float = field(default=0.5, converter=as_float, validator=number(0, 1))
    """The teacher's share w of the targets: (1 - w) of the label, w of the teacher's probabilities."""
    temperature: float = field(default=1.0, converter=as_float, validator=number(0.01, 1000))
    """The teacher's logits are divided by it; above 1 its probabilities are softer."""
    warmup: float = field(default=0.0, converter=as_float, validator=number(0, below=1))
    """The share of all steps in which the learning rate rises, step by step, to the schedule's."""
    weight_decay: float | None = field(
        default=None, converter=as_float, validator=optional(number(0, MAX_RATE))
    )
    """Each step takes learning rate * weight decay of every weight; by default 1e-4 with adamw, else 0."""
    clip_norm: float | None = field(
        default=None, converter=as_float, validator=optional(number(0, MAX_RATE))
    )
    """Gradients whose norm, over all weights, is larger are scaled to it; by default none are."""

    def __attrs_post_init__(self) -> None:
        """Refuse two augmentations that mirror."""
        names = [name for name, one in AUGMENTATIONS.items() if one in MIRRORING]
        mirroring = [one for one in self.augmentation if one in MIRRORING]
        if len(mirroring) > 1:
            raise UserError(
                f"augmentation must mirror images once, by one of {', '.join(names)}, found "
                f"{len(mirroring)} of them"
            )


def check_without_validation(config: TrainingConfig, where: str = "") -> None:
    """Raise UserError if the training needs a validation split; `where` is put before the message."""
    if (config.keep, config.patience, config.monitor) != ("last", None, "loss"):
        raise UserError(
            f"{where}without a validation split (validation_fraction 0), keep must be 'last', "
            f"patience None and monitor 'loss', found keep {config.keep!r}, patience {config.patience} "
            f"and monitor {config.monitor!r}"
        )


def learning_rate_at(config: TrainingConfig, step: Step, steps_per_epoch: int) -> Rate:
    """Return the learning rate of the step that follows `step` others."""
    plan = Plan(
        config.learning_rate, config.decay_rate, config.epochs, steps_per_epoch, config.warmup
    )
    return rate_at(config.schedule, step, plan)


def build_optimizer(config: TrainingConfig, steps_per_epoch: int) -> optax.GradientTransformation:
    """Build the optax optimizer; the same object for the same settings, as `jit` needs."""
    # Settings that don't enter the update rule are made equal, so that seeds share one compilation.
    shared = evolve(config, seed=0, patience=None, monitor="loss", min_delta=0.0, keep="best")
    return _build_optimizer(shared, steps_per_epoch)


@functools.cache
def _build_optimizer(config: TrainingConfig, steps_per_epoch: int) -> optax.GradientTransformation:
    optimizer = config.optimizer(
        lambda step: learning_rate_at(config, step, steps_per_epoch), config.weight_decay
    )
    if config.clip_norm is None:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), optimizer)
