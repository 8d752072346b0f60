"""Several seeds of one training at once: the programs of `epoch.py` under `vmap`, `fit`'s loop for each.

Whether that pays is `where_it_gains`'s to say; the numbers are those of one seed after the other, up to
the order in which a program adds up.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, Num

from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.errors import DivergedError
from fmnist_jax.models import Model, Parameters
from fmnist_jax.training.augmentation import Augmentation
from fmnist_jax.training.config import TrainingConfig, optimizer_of
from fmnist_jax.training.epoch import DeviceSplit, StepMetrics, TrainState, evaluate, train_epoch
from fmnist_jax.training.fit import (
    EpochOutcome,
    EpochRecord,
    FitState,
    advanced,
    diverged,
    finished,
    key_of,
    not_finite,
    start,
    steps_per_epoch,
)

Tree = TypeVar("Tree")

Images = Num[Array, "n *shape"]


Policy = Callable[[str, str], bool]
"""(the kind of model, by its name in `kinds.KINDS`; the platform, as "cpu") to whether several seeds
of it are trained at once."""


def where_it_gains(kind: str, platform: str) -> bool:
    """MLPs at once on any device but a CPU; all else one seed after the other.

    On two cores MLPs gain a tenth at once and convolutional networks lose (`experiments/seeds_at_once.py`
    has the figures), and a run goes on where it was cut short in turn alone. GPU and TPU are NOT
    MEASURED, for want of one: a step of one MLP is too little work to fill such a device, while
    convolutions of several kernels become grouped ones there, which may be slow. The same command tells,
    on the device.
    """
    return kind == "mlp" and platform != "cpu"


class SeedFit(NamedTuple):
    """How far one of several seeds has come."""

    state: FitState
    """After its last epoch, as `fit` would have left it."""
    history: tuple[EpochRecord, ...] = ()
    failed: DivergedError | None = None
    """What `fit` would have raised in the epoch after that."""


def fit_seeds(
    model: Model,
    config: TrainingConfig,
    seeds: Sequence[int],
    train: DeviceSplit,
    validation: DeviceSplit,
    scaling: Scaling,
    statistics: Statistics,
    *,
    own_images: bool = False,
) -> Iterator[tuple[SeedFit, ...]]:
    """`fit` for each of `seeds`, one program an epoch; yields all of them, in order, after each epoch.

    A seed has the keys that it would have alone, and where it would have stopped, or failed, it stays as
    it is. Images and statistics are shared by all seeds; with `own_images` they have a leading axis of
    seeds, as features have that each seed's own network made (labels are shared all the same).
    """
    configs = [replace(config, seed=seed) for seed in seeds]
    steps = steps_per_epoch(train, config)
    fits = [SeedFit(start(model, one, steps)) for one in configs]
    for epoch in range(1, config.epochs + 1):
        running = [fit.failed is None and not finished(fit.state, config) for fit in fits]
        if not any(running):
            return
        # All are trained, so that it stays one program; what becomes of those that ended is dropped.
        trained, metrics = train_epoch_of_seeds(
            stacked([fit.state.train for fit in fits]),
            jnp.stack([key_of(one, epoch) for one in configs]),
            train,
            statistics,
            model=model,
            scaling=scaling,
            optimizer=optimizer_of(config, steps),
            batch_size=config.batch_size,
            augmentation=config.augmentation,
            own_images=own_images,
        )
        losses, correct = evaluate_seeds(
            trained.parameters,
            validation,
            statistics,
            model=model,
            scaling=scaling,
            own_images=own_images,
        )
        outcomes = apart(EpochOutcome(trained, metrics, losses, correct), len(fits))
        for place, outcome in enumerate(outcomes):
            if not running[place]:
                continue
            state, history, _ = fits[place]
            wrong = not_finite(outcome)
            if wrong is None:
                state, record = advanced(
                    state, outcome, config, len(train.labels), len(validation.labels)
                )
                fits[place] = SeedFit(state, (*history, record))
            else:
                images, held_back, found = train.images, validation.images, statistics
                if own_images:
                    images, held_back, found = jax.tree.map(
                        itemgetter(place), (images, held_back, found)
                    )
                failed = diverged(
                    wrong,
                    state,
                    outcome,
                    model,
                    configs[place],
                    DeviceSplit(images, train.labels),
                    DeviceSplit(held_back, validation.labels),
                    scaling,
                    found,
                )
                fits[place] = SeedFit(state, history, failed)
        yield tuple(fits)


@partial(
    jax.jit,
    static_argnames=("model", "scaling", "optimizer", "batch_size", "augmentation", "own_images"),
    donate_argnames=("states",),
)
def train_epoch_of_seeds(
    states: TrainState,
    keys: Key[Array, " seeds"],
    data: DeviceSplit,
    statistics: Statistics,
    *,
    model: Model,
    scaling: Scaling,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    augmentation: Augmentation,
    own_images: bool,
) -> tuple[TrainState, StepMetrics]:
    """`train_epoch` of each seed; states and metrics have a leading axis of seeds, `states` is donated."""

    def one(
        state: TrainState, key: Key[Array, ""], images: Images, statistics: Statistics
    ) -> tuple[TrainState, StepMetrics]:
        return train_epoch(
            state,
            key,
            DeviceSplit(images, data.labels),
            statistics,
            model=model,
            scaling=scaling,
            optimizer=optimizer,
            batch_size=batch_size,
            augmentation=augmentation,
        )

    own = 0 if own_images else None
    return jax.vmap(one, (0, 0, own, own))(states, keys, data.images, statistics)


@partial(jax.jit, static_argnames=("model", "scaling", "own_images"))
def evaluate_seeds(
    parameters: Parameters,
    data: DeviceSplit,
    statistics: Statistics,
    *,
    model: Model,
    scaling: Scaling,
    own_images: bool,
) -> tuple[Float[Array, " seeds"], Int[Array, " seeds"]]:
    """`evaluate` of each seed."""

    def one(
        parameters: Parameters, images: Images, statistics: Statistics
    ) -> tuple[Float[Array, ""], Int[Array, ""]]:
        data_of_one = DeviceSplit(images, data.labels)
        return evaluate(parameters, data_of_one, statistics, model=model, scaling=scaling)

    own = 0 if own_images else None
    return jax.vmap(one, (0, own, own))(parameters, data.images, statistics)


@jax.jit
def stacked(trees: Sequence[Tree]) -> Tree:
    """Trees of one shape as one, with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@partial(jax.jit, static_argnames=("count",))
def apart(tree: Tree, count: int) -> tuple[Tree, ...]:
    """What was stacked, one by one."""
    return tuple(jax.tree.map(itemgetter(place), tree) for place in range(count))
