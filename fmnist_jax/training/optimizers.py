"""Optimizers and learning-rate schedules by name; every update rule is optax's."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

Epoch = Int[Array, ""]
Rate = Float[Array, ""]


@runtime_checkable
class Schedule(Protocol):
    """A learning rate for each epoch, epochs counted from 0."""

    def __call__(
        self, epoch: Epoch, *, learning_rate: float, epochs: int, decay_rate: float
    ) -> Rate:
        """The learning rate of all steps of `epoch`."""
        ...


def constant(epoch: Epoch, *, learning_rate: float, epochs: int, decay_rate: float) -> Rate:
    """learning_rate, in every epoch."""
    return jnp.full((), learning_rate, jnp.float32)


def inverse_time(epoch: Epoch, *, learning_rate: float, epochs: int, decay_rate: float) -> Rate:
    """learning_rate / (1 + decay_rate * epoch): our reading of report 4, which doesn't define its decay."""
    return jnp.float32(learning_rate) / (1 + decay_rate * epoch.astype(jnp.float32))


def cosine(epoch: Epoch, *, learning_rate: float, epochs: int, decay_rate: float) -> Rate:
    """learning_rate * (1 + cos(pi * epoch / epochs)) / 2 (Loshchilov and Hutter 2017)."""
    progress = epoch.astype(jnp.float32) / epochs
    return jnp.float32(learning_rate) * 0.5 * (1 + jnp.cos(jnp.pi * progress))


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "inverse-time": inverse_time,
    "cosine": cosine,
}


@runtime_checkable
class Optimizer(Protocol):
    """A maker of an optax optimizer."""

    def __call__(self, learning_rate: Callable) -> optax.GradientTransformation:
        """The optimizer, its learning rate a function of the step."""
        ...


def sgd(learning_rate: Callable) -> optax.GradientTransformation:
    """Plain gradient descent, W -= lr dW."""
    return optax.sgd(learning_rate)


def momentum(learning_rate: Callable) -> optax.GradientTransformation:
    """Gradient descent with momentum 0.9 (Polyak 1964)."""
    return optax.sgd(learning_rate, momentum=0.9)


def adam(learning_rate: Callable) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015), its own constants."""
    return optax.adam(learning_rate)


def adamw(learning_rate: Callable) -> optax.GradientTransformation:
    """Adam with decoupled weight decay 1e-4 (Loshchilov and Hutter 2019)."""
    return optax.adamw(learning_rate, weight_decay=1e-4)


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": sgd,
    "momentum": momentum,
    "adam": adam,
    "adamw": adamw,
}
