"""Seconds an epoch of the scratch MLP, compared with autodiff, NumPy and PyTorch.

Command: `python -m experiments.benchmarks.mlp [--torch-python PATH]`

Needs an idle machine. PATH is another interpreter that has torch and NumPy; without it, this one's torch is
used (the extra `benchmark`). Results, targets and protocol are in `docs/benchmarks.md`.
"""

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import field, frozen

from experiments.benchmarks import harness
from experiments.benchmarks.harness import Candidate
from experiments.benchmarks.results import results_path, store_row
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import Stage
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig


@frozen
class Row:
    """A network that all candidates train."""

    layer_sizes: tuple[int, ...]
    """ReLU between, no dropout."""
    targets: Mapping[str, float]
    """Least ratio of each candidate's seconds to ours."""

    @property
    def name(self) -> str:
        """The layer sizes, as the reports write them."""
        return ",".join(map(str, self.layer_sizes))

    @property
    def stage(self) -> Stage:
        """Plain gradient descent."""
        training = TrainingConfig(batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE)
        return Stage("mlp", MLPConfig(self.layer_sizes), training, Z_SCORE)


OURS = "hand-written"

CANDIDATES = {
    OURS: Candidate("ours", "train"),
    "autodiff": Candidate("ours", "autodiff"),
    "NumPy": Candidate("numpy_plain", "start"),
    "NumPy, tuned": Candidate("numpy_tuned", "start"),
    "PyTorch": Candidate("pytorch", "train_mlp"),
}
"""In the order in which a round runs them."""

NO_SLOWER = 1 / 1.05
"""The hand-written gradient may take 1.05 times autodiff's seconds."""

ROWS = (
    Row((784, 128, 10), {"autodiff": NO_SLOWER, "NumPy": 1.3, "NumPy, tuned": 1.3, "PyTorch": 3.5}),
    Row(
        (784, 400, 250, 100, 10),
        {"autodiff": NO_SLOWER, "NumPy": 1.4, "NumPy, tuned": 1.4, "PyTorch": 2.3},
    ),
)

BATCH_SIZE, LEARNING_RATE = 64, 0.001


@frozen
class Options:
    """Time an epoch of training, ours and others', on the CPU."""

    rounds: int = 11
    """Timed epochs of each candidate; in a round each candidate runs once, one at a time."""
    torch_python: Path | None = None
    """An interpreter with torch and NumPy, where this one has no torch."""
    images: int | None = None
    """Only so many images, in seconds, to check that everything works; stored under runs/quick."""
    data: DataConfig = field(factory=DataConfig)
    """Which images."""

    def __attrs_post_init__(self) -> None:
        """Refuse counts below 1."""
        for name in ("rounds", "images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} must be at least 1, found {value}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows and print each when it is done; returns 2 for invalid input."""
    return harness.command("mlp", Options, measure_all, arguments)


def measure_all(options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure every row and store it when it is done; returns this JAX's stored rows."""
    quick = options.images is not None
    train = harness.training_split(options.data, not quick, log)
    train = Split(*(values[: options.images] for values in train))
    path = results_path("mlp", quick)
    rows: dict[str, Any] = {}
    machine = harness.machine_info()
    harness.warn_if_busy(machine["load_before"], log)
    for row in ROWS:
        measured = measure(row, train, options, log)
        for line in describe_row(row, measured):
            log(line)
        stored = machine | {"images": len(train.labels), "candidates": measured}
        rows = store_row(path, row.name, stored, [row.name for row in ROWS])
    log(f"Written to {path}")
    return rows


def measure(row: Row, train: Split, options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Time one row's candidates; returns the figures of each."""
    write = partial(harness.write_job, stage=row.stage, train=train, counts=counts_of(train))
    versions, warm_up, rounds = harness.time_candidates(CANDIDATES, options, write, log)
    return {
        name: summarize([one[OURS] for one in rounds], [one[name] for one in rounds])
        | {
            "warm_up_seconds": warm_up[name]["seconds"] + warm_up[name].get("compile_seconds", 0.0),
            "versions": versions[name],
        }
        for name in versions
    }


def counts_of(train: Split) -> dict[str, int]:
    """An epoch uses all images."""
    return dict.fromkeys(("train", "features"), len(train.labels))


def summarize(
    ours: Sequence[Mapping[str, float]], epochs: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """Return a candidate's seconds and their ratios to ours, round by round."""
    seconds = [epoch["seconds"] for epoch in epochs]
    ratios = [epoch["seconds"] / our["seconds"] for our, epoch in zip(ours, epochs, strict=True)]
    return {
        "seconds": seconds,
        "median_seconds": statistics.median(seconds),
        **harness.spread(ratios),
        "final_loss": epochs[-1]["loss"],
        "final_accuracy": epochs[-1]["accuracy"],
    }


def describe_row(row: Row, measured: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line a candidate: seconds, loss, and the ratio to ours with its target."""
    yield f"{row.name}, batch {BATCH_SIZE}, float32:"
    for name, figures in measured.items():
        line = (
            f"  {name:<12} {figures['median_seconds']:7.3f} s an epoch "
            f"(warm-up {figures['warm_up_seconds']:.1f} s), "
            f"training loss {figures['final_loss']:.4f}"
        )
        if name != OURS:
            target = row.targets[name]
            line += (
                f", {figures['ratio']:.2f} times ours "
                f"({figures['ratio_min']:.2f} to {figures['ratio_max']:.2f}), "
                f"target {target:.2f}: {'' if figures['ratio'] >= target else 'not '}reached"
            )
        yield line


if __name__ == "__main__":
    sys.exit(main())
