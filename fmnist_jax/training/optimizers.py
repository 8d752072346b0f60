"""Optimizers and learning-rate schedules by name; every update rule is optax's."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from jaxtyping import Array, Float, Int

Step = Int[Array, ""]
"""Steps taken so far."""
Rate = Float[Array, ""]


class Plan(NamedTuple):
    """What a schedule spreads over a training."""

    learning_rate: float
    """The highest one."""
    decay_rate: float
    epochs: int
    steps_per_epoch: int
    warmup: float = 0.0
    """The share of all steps in which the rate rises."""

    @property
    def steps(self) -> int:
        """All steps."""
        return self.epochs * self.steps_per_epoch

    @property
    def warmup_steps(self) -> int:
        """The steps in which the rate rises."""
        return round(self.warmup * self.steps)

    def epoch(self, step: Step) -> Float[Array, ""]:
        """Whole epochs done after `step` steps."""
        return (step // self.steps_per_epoch).astype(jnp.float32)


@runtime_checkable
class Schedule(Protocol):
    """A learning rate for each step, without the warm-up."""

    def __call__(self, step: Step, plan: Plan) -> Rate:
        """The learning rate after `step` steps."""
        ...


def constant(step: Step, plan: Plan) -> Rate:
    """learning_rate, in every step."""
    return jnp.full((), plan.learning_rate, jnp.float32)


def inverse_time(step: Step, plan: Plan) -> Rate:
    """learning_rate / (1 + decay_rate * epoch): our reading of report 4, which doesn't define its decay."""
    return jnp.float32(plan.learning_rate) / (1 + plan.decay_rate * plan.epoch(step))


def cosine(step: Step, plan: Plan) -> Rate:
    """learning_rate * (1 + cos(pi * epoch / epochs)) / 2 (Loshchilov and Hutter 2017)."""
    progress = plan.epoch(step) / plan.epochs
    return jnp.float32(plan.learning_rate) * 0.5 * (1 + jnp.cos(jnp.pi * progress))


def cosine_by_step(step: Step, plan: Plan) -> Rate:
    """The cosine of the steps after the warm-up, from learning_rate to 0."""
    decay = optax.cosine_decay_schedule(plan.learning_rate, plan.steps - plan.warmup_steps)
    return jnp.asarray(decay(_after_warmup(step, plan)), jnp.float32)


def linear_by_step(step: Step, plan: Plan) -> Rate:
    """A line over the steps after the warm-up, from learning_rate to 0."""
    decay = optax.linear_schedule(plan.learning_rate, 0.0, plan.steps - plan.warmup_steps)
    return jnp.asarray(decay(_after_warmup(step, plan)), jnp.float32)


def _after_warmup(step: Step, plan: Plan) -> Float[Array, ""]:
    return jnp.maximum(step - plan.warmup_steps, 0).astype(jnp.float32)


def rate_at(schedule: Schedule, step: Step, plan: Plan) -> Rate:
    """The rate of `schedule`, times (step + 1) / warm-up steps while that is below 1."""
    rate = schedule(step, plan)
    if not plan.warmup_steps:
        return rate
    return rate * jnp.minimum((step + 1).astype(jnp.float32) / plan.warmup_steps, 1)


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "inverse-time": inverse_time,
    "cosine": cosine,
    "cosine-by-step": cosine_by_step,
    "linear-by-step": linear_by_step,
}


@runtime_checkable
class Optimizer(Protocol):
    """A maker of an optax optimizer."""

    def __call__(
        self, learning_rate: Callable, weight_decay: float | None = None
    ) -> optax.GradientTransformation:
        """The optimizer, its learning rate a function of the step.

        Every step also takes learning_rate * weight_decay * W from all weights and biases W; None means
        the optimizer's own weight decay.
        """
        ...


def sgd(learning_rate: Callable, weight_decay: float | None = None) -> optax.GradientTransformation:
    """Plain gradient descent, W -= lr dW."""
    return _with_decay(optax.identity(), learning_rate, weight_decay or 0.0)


def momentum(
    learning_rate: Callable, weight_decay: float | None = None
) -> optax.GradientTransformation:
    """Gradient descent with momentum 0.9 (Polyak 1964)."""
    return _with_decay(optax.trace(0.9), learning_rate, weight_decay or 0.0)


def nesterov(
    learning_rate: Callable, weight_decay: float | None = None
) -> optax.GradientTransformation:
    """Gradient descent with Nesterov's momentum 0.9 (Sutskever et al. 2013)."""
    return _with_decay(optax.trace(0.9, nesterov=True), learning_rate, weight_decay or 0.0)


def adam(
    learning_rate: Callable, weight_decay: float | None = None
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015), its own constants."""
    return _with_decay(optax.scale_by_adam(), learning_rate, weight_decay or 0.0)


def adamw(
    learning_rate: Callable, weight_decay: float | None = None
) -> optax.GradientTransformation:
    """Adam with decoupled weight decay, 1e-4 unless configured (Loshchilov and Hutter 2019)."""
    decay = 1e-4 if weight_decay is None else weight_decay
    return _with_decay(optax.scale_by_adam(), learning_rate, decay)


def lion(
    learning_rate: Callable, weight_decay: float | None = None
) -> optax.GradientTransformation:
    """Lion, which steps by the sign of its momentum (Chen et al. 2023)."""
    return _with_decay(optax.scale_by_lion(), learning_rate, weight_decay or 0.0)


def muon(
    learning_rate: Callable, weight_decay: float | None = None
) -> optax.GradientTransformation:
    """Muon for matrices and kernels, of which each output is a column; NAdam for the rest (Jordan 2024)."""
    decay = weight_decay or 0.0
    return optax.contrib.muon(
        learning_rate,
        weight_decay=decay,
        adam_weight_decay=decay,
        muon_weight_dimension_numbers=lambda parameters: jax.tree.map(_as_matrix, parameters),
    )


def _as_matrix(W: Float[Array, "..."]) -> optax.contrib.MuonDimensionNumbers | None:
    """How Muon reshapes W to a matrix: the last axis counts the outputs; None for biases and scales."""
    if W.ndim < 2:
        return None
    return optax.contrib.MuonDimensionNumbers(tuple(range(W.ndim - 1)), W.ndim - 1)


def _with_decay(
    direction: optax.GradientTransformation, learning_rate: Callable, weight_decay: float
) -> optax.GradientTransformation:
    decay = (optax.add_decayed_weights(weight_decay),) if weight_decay else ()
    return optax.chain(direction, *decay, optax.scale_by_learning_rate(learning_rate))


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adam": adam,
    "adamw": adamw,
    "lion": lion,
    "muon": muon,
}
