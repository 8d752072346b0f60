"""The configuration of a run: as results store it, and with changes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve

from experiments.engine.candidates import CANDIDATES, Z_SCORE_ALL
from fmnist_jax.config.codec import Names, decode, encode
from fmnist_jax.data.scaling import Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.runs import config
from fmnist_jax.runs.config import Run
from fmnist_jax.scratch.initializers import Initializer

NAMES: Names = {
    **config.NAMES,
    Initializer: {**config.NAMES[Initializer], **CANDIDATES},
    Scaling: {**config.NAMES[Scaling], Z_SCORE_ALL.name: Z_SCORE_ALL},
}
"""The library's names, and those of what only experiments use."""


def configuration_of(run: Run) -> dict[str, Any]:
    """The encoded run without what differs from seed to seed or from machine to machine."""
    configuration = encode(run, NAMES)
    for stage in configuration["stages"]:
        del stage["training"]["seed"]
    for name in ("source", "data_dir"):
        del configuration["data"][name]
    return configuration


def is_configuration_of(run: Run, stored: Mapping[str, Any]) -> bool:
    """Whether a stored configuration is the run's; fields that were added since have their defaults."""
    wanted = configuration_of(run)
    if stored == wanted:
        return True
    try:
        return configuration_of(decode(Run, stored, NAMES, "results")) == wanted
    except UserError:  # fields or names that don't exist any more
        return False


def seed_of(run: Run) -> int:
    """The seed that the trainings of all stages share."""
    (seed,) = {stage.training.seed for stage in run.stages}
    return seed


def change(
    run: Run,
    name: str,
    *,
    model: Mapping[str, Any] = MappingProxyType({}),
    training: Mapping[str, Any] = MappingProxyType({}),
    **others: Any,
) -> Run:
    """The run with one stage changed: fields of its model, of its training, and its `others`.

    Raises KeyError if no stage has that name.
    """
    stages = {stage.name: stage for stage in run.stages}
    stages[name] = evolve(
        stages[name],
        model=evolve(stages[name].model, **model),
        training=evolve(stages[name].training, **training),
        **others,
    )
    return evolve(run, stages=tuple(stages.values()))
