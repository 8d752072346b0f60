"""Seconds an epoch of several seeds: all at once, by `vmap`, against one after the other.

Command: `python -m experiments.seeds_at_once` on an idle machine, with whatever device JAX has.
Measured on a two-core AMD EPYC with little else at work (a load near 2, its own in it), `--rounds 5`: the
time in turn over that at once, medians (and range), and how far losses are apart, JAX 0.12:

| network            | seeds | ratio, JAX 0.12     | ratio, JAX 0.10     | losses apart, epoch 1 | epoch 6 |
|--------------------|-------|---------------------|---------------------|-----------------------|---------|
| 784,128,10         | 5     | 1.22 (1.08 to 1.25) | 1.17 (1.12 to 1.22) | 1e-6                  | 8e-6    |
| 784,400,250,100,10 | 5     | 1.24 (0.61 to 1.94) | 1.09 (0.76 to 1.18) | 5e-9                  | 5e-5    |
| five-conv          | 3     | 0.73 (0.69 to 1.12) | 0.73 (0.69 to 0.78) | 2e-4                  | 6e-3    |
| LeNet              | 3     | 0.43 (0.42 to 0.49) | 0.48 (0.45 to 0.55) | 1e-8                  | 1e-4    |

So the two MLPs gain by it on a CPU, before what early stopping costs at once, where all are trained until
the last one stops: 8 % more epochs in table 1's stored runs. The networks lose: at once the five
convolutions take a third longer, LeNet more than twice as long. The tenth of the MLPs' time that would be
left isn't worth that a run no longer goes on where it was cut short: a CPU trains in turn. No other
device was at hand.

Both ways train the same seeds on the same images, a part of the training split, and end each epoch on
held-back ones as every training does; the first epoch of each, with its compilation, is stored apart.
Rounding alone tells the two apart, but it grows from step to step, and Adam makes whole steps of gradients
that are nothing but rounding: so the differences are stored for every epoch.
"""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments import command, report1_table1, report1_table2, report3_lenet, turns
from experiments.protocol import RESULTS
from experiments.protocol import Row as ExperimentRow
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Scaling
from fmnist_jax.kinds import KINDS, kind_of
from fmnist_jax.models import Model, Parameters
from fmnist_jax.networks.config import ConvNetConfig
from fmnist_jax.pipeline import PipelineRun
from fmnist_jax.runs import on_device
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.fit import fit
from fmnist_jax.training.seeds import fit_seeds

QUICK_IMAGES = 200


@dataclass(frozen=True)
class Row:
    """A network, trained with several seeds as an experiment trains it."""

    name: str
    model: MLPConfig | ConvNetConfig
    training: TrainingConfig
    scaling: Scaling
    seeds: int
    images: int
    """Images of an epoch; a quarter as many others are held back."""

    @classmethod
    def of(cls, name: str, row: ExperimentRow, seeds: int, images: int) -> "Row":
        """The network of an experiment's row, of a pipeline the first."""
        run = row.run.network_run if isinstance(row.run, PipelineRun) else row.run
        return cls(name, run.model, run.training, run.scaling, seeds, images)


def row_named(rows: Sequence[ExperimentRow], name: str) -> ExperimentRow:
    """The row of this name."""
    return next(row for row in rows if row.name == name)


TABLE_1, TABLE_2 = report1_table1.EXPERIMENT.rows, report1_table2.EXPERIMENT.rows

ROWS = (
    Row.of("784,128,10", row_named(TABLE_1, "784,128,10 relu dropout 0.2"), 5, 16_000),
    Row.of(
        "784,400,250,100,10", row_named(TABLE_1, "784,400,250,100,10 relu dropout 0.2"), 5, 8_000
    ),
    Row.of("five-conv", row_named(TABLE_2, "max 16,32,64,128,256 3x3 random"), 3, 1_600),
    Row.of(
        "LeNet",
        row_named(report3_lenet.EXPERIMENT.rows, f"batch 64 {SOFTMAX_CROSS_ENTROPY.name}"),
        3,
        3_200,
    ),
)


def row_names() -> list[str]:
    """In the table's order."""
    return [row.name for row in ROWS]


@dataclass(frozen=True)
class Options:
    """Time the training of several seeds at once and one after the other, side by side."""

    rounds: int = 7
    """Timed epochs of each way; the two take turns."""
    rows: tuple[str, ...] = ()
    """Only rows whose name contains one of these; the others' stored figures stay."""
    quick: bool = False
    """A few images, in seconds, to see that all is in order; stored under runs/quick."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""

    def __post_init__(self) -> None:
        """Refuse what would measure nothing."""
        turns.check_asked(self.rounds, self.rows, row_names())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the rows and print them as they are done; ends as `command.perform` does."""
    command.perform("seeds_at_once", Options, measure_and_print, {}, arguments)


def measure_and_print(options: Options) -> None:
    """Measure the rows asked for on the default device, storing each as it's done."""
    log = Console(highlight=False, soft_wrap=True).print
    images = turns.training_split(options.data, not options.quick, log)
    path = (turns.QUICK if options.quick else RESULTS) / "seeds_at_once.json"
    device = jax.devices()[0]
    this = f"jax {version('jax')}, {device.platform}"
    for row in ROWS:
        if not turns.is_asked(row.name, options.rows):
            continue
        begun = turns.circumstances() | {"device": device.device_kind}
        turns.warn_if_busy(begun["load_before"], log)
        measured = begun | measure(row, images, options.rounds, options.quick)
        for line in describe(row, measured):
            log(line)
        turns.store_row(path, this, row.name, measured, row_names())
    log(f"Written to {path}")


def measure(row: Row, images: Split, rounds: int, quick: bool = False) -> dict[str, Any]:
    """Time epochs of all the row's seeds, both ways taking turns; by way the seconds, and differences."""
    count = QUICK_IMAGES if quick else row.images
    model = KINDS[kind_of(row.model)].build(row.model)
    assert isinstance(model, Model)  # a pipeline's is of another type
    config = replace(row.training, epochs=1 + rounds, patience=None)
    train = on_device(Split(*(values[:count] for values in images)))
    held_back = on_device(Split(*(values[count : count + count // 4] for values in images)))
    found = jax.device_put(row.scaling.fit(np.asarray(train.images)))
    data = train, held_back, row.scaling, found
    seeds = range(row.seeds)
    alone = [fit(model, replace(config, seed=seed), *data) for seed in seeds]
    together = fit_seeds(model, config, seeds, *data)
    seconds: dict[str, list[float]] = {"in_turn": [], "at_once": []}
    differences: dict[str, list[float]] = {"losses": [], "parameters": []}
    for _ in range(1 + rounds):
        begun = rested()
        ones = [next(one) for one in alone]
        seconds["in_turn"].append(time.perf_counter() - begun)
        begun = rested()
        others = next(together)
        seconds["at_once"].append(time.perf_counter() - begun)
        differences["losses"].append(
            max(
                abs(one.train_loss - other.history[-1].train_loss)
                for (_, one), other in zip(ones, others, strict=True)
            )
        )
        differences["parameters"].append(
            max(
                largest_difference(one.train.parameters, other.state.train.parameters)
                for (one, _), other in zip(ones, others, strict=True)
            )
        )
    # The first epoch of each way is compiled in.
    timed = {way: values[1:] for way, values in seconds.items()}
    return {
        "seeds": row.seeds,
        "images": count,
        "batch_size": config.batch_size,
        "first_epoch_seconds": {way: values[0] for way, values in seconds.items()},
        "seconds": timed,
        "median_seconds": {way: statistics.median(values) for way, values in timed.items()},
        "largest_differences": differences,
        **turns.spread([a / b for a, b in zip(timed["in_turn"], timed["at_once"], strict=True)]),
    }


def rested() -> float:
    """The time, once what ran before has come to rest."""
    time.sleep(turns.PAUSE)
    return time.perf_counter()


def largest_difference(one: Parameters, other: Parameters) -> float:
    """Between two networks' parameters."""
    both = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(np.abs(np.asarray(a) - np.asarray(b)).max().item() for a, b in both)


def describe(row: Row, measured: Mapping[str, Any]) -> Iterator[str]:
    """What was measured, in words."""
    medians, firsts = measured["median_seconds"], measured["first_epoch_seconds"]
    yield (
        f"{row.name}, batch {measured['batch_size']}, {measured['seeds']} seeds, "
        f"{measured['images']} images, {measured['device']}:"
    )
    for way in ("in_turn", "at_once"):
        yield (
            f"  {way.replace('_', ' ')} {medians[way]:.3f} s an epoch "
            f"(the first, compiled in it, {firsts[way]:.1f} s)"
        )
    yield (
        f"  in turn takes {measured['ratio']:.2f} times as long as at once "
        f"({measured['ratio_min']:.2f} to {measured['ratio_max']:.2f})"
    )
    for what, values in measured["largest_differences"].items():
        yield f"  {what} differ by {values[0]:.1e} after 1 epoch, {values[-1]:.1e} after {len(values)}"


if __name__ == "__main__":
    main()
