"""The configuration of a run as results keep it, and runs with changed trainings."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from fmnist_jax.config.codec import encode
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.parts import Run, trainings
from fmnist_jax.training.config import TrainingConfig

RunT = TypeVar("RunT", bound=Run)


def configuration_of(run: Run) -> dict[str, Any]:
    """The encoded run without what differs from seed to seed or from machine to machine."""
    encoded = staged(encode(run, runs.NAMES))
    for stage in encoded["stages"]:
        stage["training"].pop("seed", None)
    for name in ("source", "data_dir"):
        encoded["data"].pop(name, None)
    return encoded


def is_configuration_of(run: Run, stored: Mapping[str, Any]) -> bool:
    """Whether a stored configuration is the run's; a field that was added since has its default."""
    return stored == configuration_of(run)


def staged(old: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of before stages as stages."""

    def stage(model: dict[str, Any], training: Any, scaling: Any) -> dict[str, Any]:
        kind = "convnet" if "blocks" in model else "mlp"
        return {
            "name": kind, "model": {"type": kind, **model}, "training": dict(training), "scaling": scaling,
        }  # fmt: skip

    model = old["model"]
    if "network" in model:
        stages = [
            stage(model["network"], old["network_training"], old["scaling"]),
            stage(model["mlp"], old["mlp_training"], model["feature_scaling"]),
        ]
    else:
        stages = [stage(model, old["training"], old["scaling"])]
    return {"stages": stages, "data": dict(old["data"])}


def with_training(run: RunT, **changes: Any) -> RunT:
    """The run with these fields of every stage's training changed."""
    names = [field.name for field in dataclasses.fields(run)]
    changed = {
        name: dataclasses.replace(getattr(run, name), **changes)
        for name in names
        if isinstance(getattr(run, name), TrainingConfig)
    }
    return dataclasses.replace(run, **changed)


def with_data(run: RunT, data: DataConfig) -> RunT:
    """The run on other images."""
    return dataclasses.replace(run, data=data)


def seed_of(run: Run) -> int:
    """The seed that the trainings of all stages share."""
    (seed,) = {training.seed for training in trainings(run).values()}
    return seed
