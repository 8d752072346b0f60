"""Images a second, side by side: the convolutional networks against eager PyTorch and plain Flax.

Command: `python -m experiments.benchmarks.convnets [--torch-python PATH]` on an idle machine; PATH is
another interpreter that has torch and NumPy, without it this one's torch serves (the extra `benchmark`).
Targets, batch 64: training at least 1.0 times PyTorch's in every row and 1.25 in the median, at least 12
times that of Flax's own convolutions in the same `lax.scan`; features at least 1.5 times PyTorch's
inference; the program of an epoch compiled in 10 seconds; a process that trains in 3 GiB.

Measured (two-core AMD EPYC; JAX 0.12, median of 5 rounds, and in brackets, where it was tried, 0.10, of
3; every round is in `results/throughput_networks.json`): images a second, and how many times the others'
ours are,

| network                            | ours, images/s  | over PyTorch | over Flax   | our features/s    | over PyTorch's | compiled in   |
|------------------------------------|-----------------|--------------|-------------|-------------------|----------------|---------------|
| max 16,16,16,16,16 3x3 random      | 13,256 (14,782) | 2.25 (2.14)  | 13.3 (14.4) | 96,207 (74,248)   | 6.86 (4.41)    | 5.5 s (4.7 s) |
| avg 16,16,16,16,16 3x3 random      | 15,443 (19,111) | 3.04 (2.82)  | 15.6 (15.1) | 75,683 (87,194)   | 5.89 (5.21)    | 3.5 s (4.1 s) |
| global 16,16,16,16,16 3x3 random   | 42,803 (49,606) | 5.17 (5.75)  | 8.5 (11.6)  | 193,697 (217,526) | 8.88 (8.18)    | 1.7 s (2.0 s) |
| max 16,32,64,128,256 3x3 random    | 8,099 (6,623)   | 1.55 (1.36)  | 24.5 (17.8) | 50,656 (36,285)   | 1.95 (1.43)    | 4.2 s (5.6 s) |
| avg 16,32,64,128,256 3x3 random    | 8,363           | 1.56         | 25.6        | 51,773            | 2.12           | 3.8 s         |
| global 16,32,64,128,256 3x3 random | 20,681          | 3.20         | 5.8         | 127,300           | 1.89           | 2.0 s         |
| max 16,32,64,128,256 3x3 he        | 6,367           | 1.55         | 20.7        | 37,836            | 1.99           | 4.1 s         |
| avg 16,32,64,128,256 3x3 he        | 6,946           | 1.76         | 22.0        | 42,704            | 1.99           | 4.3 s         |
| global 16,32,64,128,256 3x3 he     | 19,952          | 4.27         | 5.6         | 148,011           | 2.70           | 2.2 s         |
| max 16,32,64,128,256 3x3 xavier    | 7,257           | 1.54         | 23.2        | 50,670            | 2.25           | 5.1 s         |
| avg 16,32,64,128,256 3x3 xavier    | 9,025           | 1.86         | 26.7        | 54,930            | 1.93           | 4.0 s         |
| global 16,32,64,128,256 3x3 xavier | 22,463          | 5.11         | 6.2         | 150,690           | 3.09           | 2.5 s         |
| max 32,64,128,256,512 3x3 random   | 1,949 (2,146)   | 1.20 (1.23)  | 25.7 (21.1) | 10,846 (11,212)   | 1.65 (1.42)    | 4.5 s (5.5 s) |
| max 32,64,128,256,512 5x5 xavier   | 1,314 (935)     | 1.39 (0.99)  | 39.0 (19.3) | 7,199 (4,835)     | 1.83 (1.19)    | 6.3 s (9.2 s) |
| LeNet                              | 18,528 (20,115) | 1.68 (1.68)  | 8.3 (8.4)   | 133,487 (118,065) | 1.97 (2.38)    | 3.1 s (4.2 s) |
| backbone                           | 1,430 (1,428)   | 1.52 (1.50)  | 32.2 (19.8) | 6,062 (6,490)     | 2.15 (2.59)    | 3.3 s (5.4 s) |

Training reaches its targets against PyTorch: 1.72 times in the median, 1.20 at the least. So do features,
in all rows: 2.06 times PyTorch's inference in the median, 1.65 at the least. Flax's own convolutions take
13 to 39 times as long, but for LeNet (8) and the literal "global" (6 to 9), in which convolutions are
little of the work. With JAX 0.10 the eight rows tried are at 0.99 to 5.75 in training (5x5 the least, level
with the code before when beside it, 1,064 and 1,062 images a second) and 1.19 to 8.18 for features, five of
them at 1.5 or better: its smaller batches of products keep little more than one core busy where those of
0.12 keep both. Compilation takes 7 seconds at most (0.10: 9), and a process that trains 0.8 GiB (0.10:
0.9). Three rows of 0.12, LeNet, the first "avg" 16..256 and 32..512 3x3, were measured in 7 rounds in runs
of their own after the rest: LeNet had been disturbed (0.97 to 2.65 times PyTorch), and features of the
first "avg" too (0.99 to 1.86, median 1.58); 32..512 was at 1.97 for features before, 1.65 now. So was 5x5
with 0.10, in 5 rounds, at 0.95 before in training.

What was tried, once each by changing the program or one layer of it, so that only large differences mean
much (JAX 0.12, images a second of 16,32,64,128,256 3x3 in training, where no layer is named):

- patches by concatenation and autodiff: batch first and channels last 4,600; batch last, as it is, 4,700;
- outputs that the pooling drops left out: 5,000; kernel taps that see padding alone left out with the
  backward by hand, which adds up what each tap saw in one fused sum: 6,500;
- patches kept from the forward pass for the backward one, rather than built again: 8,700;
- copies times a 1 that the compiler can't see through, so that both cores copy: part of both steps above;
  on patches alone (16 channels, 14x14) 460 instead of 1,000 microseconds;
- patches along one axis and three products: forward 1,480 microseconds instead of 1,150 (16 to 32
  filters, 14x14); nine products without patches 1,940; patches in two parts 5 % faster to 28 % slower, in
  four 6 to 54 % slower;
- the batch in four parts, one after the other: 7 to 12 % faster with 32 channels, level to 23 % slower
  with 64;
- patches stacked row by row, which is one loop to the compiler, rather than concatenated all at once, which
  writes them twice: LeNet's features 1.15 times as many, its training 1.1 times, 16..256 0.97 times;
- patches of a window's four outputs, as the pooling takes them: 24 to 61 % slower, but 10 % faster for
  LeNet's first;
- Winograd's products instead of patches, which is how it is: features 2.4 times as many (16..256), 2.8
  (32..512), 2.1 (5x5) and 1.7 (backbone), with JAX 0.10 2.0, 2.1, 2.1 and 1.4; training 10, 20, 14 and
  15 % faster, with 0.10 2, 4, 15 and 10 %. As one batch of products: each on its own they were 1.4 times
  as fast as patches with 64 channels, 0.5 to 1.1 times with fewer. Not for the single window of a 3x3 map
  in training (43 against 54 microseconds an image, 128 to 256 filters), nor for LeNet's 6 channels
  (features 66,000 instead of 98,000);
- the same for 4x4 outputs at a time: with 5x5 kernels features 1.2 times as many, but training 0.9 times;
  with 3x3 ones 1.08 to 1.2 times (32..512) and 0.95 (16..256), with JAX 0.10 0.6 to 0.8: so 5x5 alone has it,
  in inference. For LeNet's second convolution they give 17,000 features a second, those for 2x2 outputs
  53,000, a sum over its 150 taps and channels 41,000, patches 108,000;
- an image's one channel summed over taps, without patches, in inference: "global" features 15 % more
  (16..256), LeNet's 1.5 times as many. The image has to be laid out as maps are first (in `block`): without
  that, report 2's CNN has 0.7 times as many;
- what patches see, and what is made of them, computed apart from all else (`block.apart`), and 80 images at
  a time instead of 64: with the stacked patches LeNet's features 1.45 times as many, "global" 1.1 times,
  32..512 and the backbone 0.95 times. Of this 80 instead of 64 is 1.28 times for LeNet; 96 at a time are
  0.93 times as many with 5x5, level for LeNet;
- all pooled layers by windows in training, not Winograd's alone: 5 to 20 % slower;
- bias and ReLU after max pooling instead of before it: 12 % slower;
- XLA's own convolution with its gradients written as forward ones: 1.44 times as fast where patches
  take 40 MB (32 to 64 filters 5x5), which is where it serves, though with JAX 0.10 0.78 times there; on
  other layers 0.07 to 1.2 times;
- the batch sharded over two host devices: 3,762 instead of 7,041, at 32..512 1,197 instead of 2,470.

All train the same network from the same weights with the same optimizer (PyTorch's fused) on the same
images, shuffled by their own generator. A turn is a fixed number of steps; everything takes turns, a
process each, one at a time; ratios are taken round by round. Ours holds uint8 images and scales them in
the program; PyTorch is given scaled float32, channels_last, and its default threads. Features are
extracted from 100 images at a time by PyTorch, the best of 50, 100 and 200 for 16..256 and 32..512 (for
5x5 200 is 3 % faster; tried once, beside this command), and from 80 by ours (`training.epoch.EVALUATION_BATCH`).
"""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments.benchmarks import harness as turns
from experiments.benchmarks.candidates import CONTENDERS, describe, describe_all, summary
from experiments.engine.runner import RESULTS
from experiments.engine.runner import Row as Trained
from experiments.reports.report1 import table2 as report1_table2
from experiments.reports.report3 import lenet as report3_lenet
from experiments.reports.report4 import backbone as report4_backbone
from fmnist_jax.cli.arguments import parse
from fmnist_jax.config.codec import encode, name_of
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.models import functional
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.summary import conv_net, totals
from fmnist_jax.runs.pipeline import PipelineRun
from fmnist_jax.runs.run import NAMES, CNNRun
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY
from fmnist_jax.storage.files import write_json
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import OPTIMIZERS

BATCH_SIZE, SEED = 64, 0

STEPS = 50
"""Training steps of a turn."""
PYTORCHS_STEP = 100
"""Images of which PyTorch extracts features at a time."""
SLOW, SLOW_STEPS = 15_000_000, 10
"""Multiply-adds of an image from which on a turn has fewer steps."""


@dataclass(frozen=True)
class Row:
    """A network that all contenders train, as an experiment trains it."""

    name: str
    network: ConvNetConfig
    training: TrainingConfig
    scaling: Scaling

    @classmethod
    def of(cls, name: str, row: Trained) -> "Row":
        """The network of an experiment's row."""
        run = row.run
        if isinstance(run, PipelineRun):
            run = run.network_run
        assert isinstance(run, CNNRun)
        return cls(name, run.model, run.training, run.scaling)

    def counts(self, steps: int | None) -> dict[str, int]:
        """Images of a turn, by the work."""
        multiply_adds = totals(conv_net(self.network))["multiply_adds"]
        steps = steps or (SLOW_STEPS if multiply_adds > SLOW else STEPS)
        return {
            "train": steps * BATCH_SIZE,
            # Two at the least: a loop of one is no loop to XLA.
            "flax": max(2, steps // 16) * BATCH_SIZE,
            "features": steps * 200,
            "step of features": PYTORCHS_STEP,
        }


def experiment_row(experiment: Any, part: str) -> Trained:
    """The first row of an experiment whose name contains `part`."""
    return next(row for row in experiment.EXPERIMENT.rows if part in row.name)


ROWS = (
    *(Row.of(row.name, row) for row in report1_table2.EXPERIMENT.rows),
    Row.of("LeNet", experiment_row(report3_lenet, f"batch 64 {SOFTMAX_CROSS_ENTROPY.name}")),
    Row.of("backbone", experiment_row(report4_backbone, "doubled filters")),
)


def row_names() -> list[str]:
    """In the table's order."""
    return [row.name for row in ROWS]


@dataclass(frozen=True)
class Options:
    """Time training and feature extraction of convolutional networks side by side, on the CPU."""

    rounds: int = 5
    """Timed turns of each contender; all take turns, one at a time."""
    torch_python: Path | None = None
    """An interpreter with torch and NumPy, where this one has no torch."""
    rows: tuple[str, ...] = ()
    """Only rows whose name contains one of these; the others' stored figures stay."""
    quick: bool = False
    """Few steps, in seconds, to see that all is in order; stored under runs/quick."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""

    def __post_init__(self) -> None:
        """Refuse what would measure nothing."""
        turns.check_asked(self.rounds, self.rows, row_names())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows and print them as they are done; 2 for what the user can mend."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        options = parse(Options, "python -m experiments.benchmarks.convnets", arguments, {})
        measure_all(options, console.print)
    except UserError as error:
        print(f"experiments.benchmarks.convnets: {error}", file=sys.stderr)
        return 2
    return 0


def measure_all(options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure the rows asked for, storing each as it's done; this JAX's rows as they are stored."""
    train = turns.training_split(options.data, not options.quick, log)
    path = (turns.QUICK if options.quick else RESULTS) / "throughput_networks.json"
    this = f"jax {version('jax')}"
    rows: dict[str, Any] = {}
    for row in ROWS:
        if not turns.is_asked(row.name, options.rows):
            continue
        begun = turns.circumstances()
        turns.warn_if_busy(begun["load_before"], log)
        measured = measure(row, train, options, log)
        for line in describe(f"{row.name}, batch {BATCH_SIZE}, float32", measured):
            log(line)
        rows = turns.store_row(path, this, row.name, begun | {"contenders": measured}, row_names())
    for line in describe_all([row["contenders"] for row in rows.values()]):
        log(line)
    log(f"Written to {path}")
    return rows


def measure(row: Row, train: Split, options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Time one row's contenders in turn; by contender its images a second and ours over them."""
    counts = row.counts(2 if options.quick else None)
    with tempfile.TemporaryDirectory() as directory:
        write_job(Path(directory), row, train, counts)
        with turns.workers(CONTENDERS, options.torch_python, Path(directory), log) as workers:
            # From here on one worker runs at a time; the first turn of each isn't counted.
            for worker in workers.values():
                worker.turn()
            rounds = [
                {name: worker.turn() for name, worker in workers.items()}
                for _ in range(options.rounds)
            ]
    return {name: summary(name, worker, rounds, counts) for name, worker in workers.items()}


def write_job(folder: Path, row: Row, train: Split, counts: Mapping[str, int]) -> None:
    """Leave in `folder` what a worker's Job reads; all start from the same weights."""
    parameters = functional.init(jax.random.key(SEED), row.network)
    weights: dict[str, Any] = {
        f"{part}.{index}.{name}": np.asarray(values)
        for part, layers in parameters.items()
        for index, layer in layers.items()
        for name, values in layer.items()
    }
    images, labels = (values[: max(counts.values())] for values in train)
    statistics = row.scaling.fit(train.images)
    np.save(folder / "images.npy", images)
    np.save(folder / "inputs.npy", row.scaling.apply(statistics, images))
    np.save(folder / "labels.npy", labels)
    np.savez(folder / "weights.npz", **weights)
    np.savez(folder / "statistics.npz", **statistics)
    job = {
        "network": encode(row.network, NAMES),
        "optimizer": name_of(row.training.optimizer, OPTIMIZERS),
        "scaling": row.scaling.name,
        "batch_size": BATCH_SIZE,
        "learning_rate": row.training.learning_rate,
        "seed": SEED,
        "counts": dict(counts),
    }
    write_json(folder / "job.json", job)


if __name__ == "__main__":
    sys.exit(main())
