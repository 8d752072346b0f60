"""Seconds an epoch, side by side: the scratch MLP against autodiff, NumPy and eager PyTorch.

Command: `python -m experiments.benchmarks.mlp [--torch-python PATH]` on an idle machine; PATH is another
interpreter that has torch and NumPy, without it this one's torch serves (the extra `benchmark`).
Targets: an epoch at least 3.5 times as fast as PyTorch and 1.3 times as NumPy for 784,128,10, 2.3
and 1.4 times for 784,400,250,100,10, and no slower than 1.05 times autodiff.
Measured (two-core AMD EPYC, median of 11 rounds, JAX 0.12 and in brackets 0.10; every round is in
`results/throughput_mlp.json`): the others' time over ours,

| network            | autodiff    | NumPy       | NumPy, tuned | PyTorch 2.13 |
|--------------------|-------------|-------------|--------------|--------------|
| 784,128,10         | 0.98 (1.05) | 1.23 (1.33) | 1.25 (1.40)  | 2.19 (2.54)  |
| 784,400,250,100,10 | 1.00 (0.99) | 1.12 (1.14) | 1.08 (1.14)  | 1.80 (1.65)  |

By hand is level with autodiff. The targets against NumPy and PyTorch, taken on a machine half as fast,
are missed but for NumPy on the small network with JAX 0.10. Why: an epoch is 19.6 and 96.5 GFLOP of
matrix products and little else. This machine's peak is 208 GFLOP/s (NumPy, 2048x2048 matrices);
OpenBLAS, which NumPy calls, gets 160 to 194 of it at these shapes, XLA's CPU products in a loop of their
own 100 to 150, since the narrow ones (128 columns) run on one core. 2.3 times PyTorch on the deep network
would be three quarters of the peak or more for the whole epoch.

What was tried, once each by changing the epoch's program, seconds an epoch of the small and the deep
network against 0.18 and 0.71 unchanged: the batch in two halves 0.165 to 0.18 and 0.73; the batch
sharded over two host devices 0.31 and 0.97; the hidden units sharded over them 0.20 (small alone);
oneDNN 0.24 and 0.93 (JAX 0.10); XNNPACK 0.175 and 0.72; weights stored transposed: no change.

Without YNNPACK, JAX 0.12's library for products, the small network gains 15 % and the deep one nothing:
`XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type= python -m experiments.benchmarks.mlp` measured 0.169 and
0.781 s, NumPy at 1.44 and 1.10 times that, PyTorch at 2.53 and 1.52. The flag is experimental, and
a program that sets it breaks with a JAX that drops it, so it is left to the user.

All train the same network from the same weights on the same 48,000 images (batch 64, float32, plain
SGD), add up losses and right answers on the way, and shuffle by their own generator. Ours holds uint8
images and scales them in the program; NumPy and PyTorch are given scaled float32.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments.benchmarks import harness as turns
from experiments.benchmarks.harness import Contender
from experiments.engine.runner import RESULTS
from fmnist_jax.cli.arguments import parse
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.errors import UserError
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.storage.files import write_json, writing


@dataclass(frozen=True)
class Row:
    """A network that all contenders train."""

    layer_sizes: tuple[int, ...]
    """ReLU between, no dropout."""
    targets: Mapping[str, float]
    """How many times our seconds each contender's should at least be."""

    @property
    def name(self) -> str:
        """As the reports write networks."""
        return ",".join(map(str, self.layer_sizes))


OURS = "hand-written"

PEERS = {
    OURS: Contender("hand_written"),
    "autodiff": Contender("autodiff"),
    "NumPy": Contender("numpy_plain"),
    "NumPy, tuned": Contender("numpy_tuned"),
    "PyTorch": Contender("pytorch"),
}
"""Contenders, in the order in which they take turns."""

NO_SLOWER = 1 / 1.05
"""Hand-written may take 1.05 times autodiff's seconds."""

ROWS = (
    Row((784, 128, 10), {"autodiff": NO_SLOWER, "NumPy": 1.3, "NumPy, tuned": 1.3, "PyTorch": 3.5}),
    Row(
        (784, 400, 250, 100, 10),
        {"autodiff": NO_SLOWER, "NumPy": 1.4, "NumPy, tuned": 1.4, "PyTorch": 2.3},
    ),
)

BATCH_SIZE, LEARNING_RATE, SEED = 64, 0.001, 0


@dataclass(frozen=True)
class Options:
    """Time an epoch of training side by side with other ways to compute it, on the CPU."""

    rounds: int = 11
    """Timed epochs of each contender; all take turns, one at a time."""
    torch_python: Path | None = None
    """An interpreter with torch and NumPy, where this one has no torch."""
    images: int | None = None
    """Only so many images, in seconds, to see that all is in order; stored under runs/quick."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""

    def __post_init__(self) -> None:
        """Refuse counts that can't be."""
        for name in ("rounds", "images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} must be at least 1, found {value}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all rows and print them as they are done; 2 for what the user can mend."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        options = parse(Options, "python -m experiments.benchmarks.mlp", arguments, {})
        measure_all(options, console.print)
    except UserError as error:
        print(f"experiments.benchmarks.mlp: {error}", file=sys.stderr)
        return 2
    return 0


def measure_all(options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure every row and store them under this version of JAX; returns what was stored."""
    train = turns.training_split(options.data, options.images is None, log)
    train = Split(*(values[: options.images] for values in train))
    measured: dict[str, Any] = turns.circumstances() | {"images": len(train.labels), "rows": {}}
    turns.warn_if_busy(measured["load_before"], log)
    for row in ROWS:
        measured["rows"][row.name] = measure(row, train, options, log)
        for line in describe(row, measured["rows"][row.name]):
            log(line)
    path = (RESULTS if options.images is None else turns.QUICK) / "throughput_mlp.json"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
        write_json(path, stored | {f"jax {version('jax')}": measured})
    log(f"Written to {path}")
    return measured


def measure(row: Row, train: Split, options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Time one row's contenders in turn; by contender its seconds, losses and ratio to ours."""
    with tempfile.TemporaryDirectory() as directory:
        write_job(Path(directory), row, train)
        with turns.workers(PEERS, options.torch_python, Path(directory), log) as workers:
            # From here on one worker runs at a time.
            warm_ups = {name: worker.turn() for name, worker in workers.items()}
            rounds = [
                {name: worker.turn() for name, worker in workers.items()}
                for _ in range(options.rounds)
            ]
            return {
                name: summary([one[OURS] for one in rounds], [one[name] for one in rounds])
                | {
                    "warm_up_seconds": warm_ups[name]["seconds"],
                    "versions": dict(worker.versions),
                }
                for name, worker in workers.items()
            }


def write_job(folder: Path, row: Row, train: Split) -> None:
    """Leave in `folder` what a worker's Job reads; all start from the same weights."""
    parameters = mlp.init(jax.random.key(SEED), MLPConfig(layer_sizes=row.layer_sizes))
    weights: dict[str, Any] = {
        f"{name}{index}": np.asarray(values)
        for index, layer in enumerate(parameters)
        for name, values in layer._asdict().items()
    }
    scaling = Z_SCORE.fit(train.images)
    inputs = Z_SCORE.apply(scaling, train.images).reshape(len(train.images), -1)
    np.save(folder / "images.npy", train.images)
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "labels.npy", train.labels)
    np.savez(folder / "weights.npz", **weights)
    np.savez(folder / "statistics.npz", **scaling)
    job = {
        "network": {"layer_sizes": row.layer_sizes},
        "optimizer": "sgd",
        "scaling": Z_SCORE.name,
        "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE,
        "seed": SEED,
        "counts": {},
    }
    write_json(folder / "job.json", job)


def summary(
    ours: Sequence[Mapping[str, float]], epochs: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """A contender's seconds, and how many times ours they are, round by round."""
    seconds = [epoch["seconds"] for epoch in epochs]
    ratios = [epoch["seconds"] / our["seconds"] for our, epoch in zip(ours, epochs, strict=True)]
    return {
        "seconds": seconds,
        "median_seconds": statistics.median(seconds),
        **turns.spread(ratios),
        "final_loss": epochs[-1]["loss"],
        "final_accuracy": epochs[-1]["accuracy"],
    }


def describe(row: Row, measured: Mapping[str, Any]) -> Iterator[str]:
    """A line a contender: seconds, ratio to ours beside its target, loss."""
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
