"""Seconds an epoch, side by side: the scratch MLP against autodiff, NumPy and eager PyTorch.

Command: `python -m experiments.throughput [--torch-python PATH]` on an idle machine; PATH is another
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
`XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type= python -m experiments.throughput` measured 0.169 and
0.781 s, NumPy at 1.44 and 1.10 times that, PyTorch at 2.53 and 1.52. The flag is experimental, and
a program that sets it breaks with a JAX that drops it, so it is left to the user.

All train the same network from the same weights on the same 48,000 images (batch 64, float32, plain
SGD), add up losses and right answers on the way, and shuffle by their own generator. Ours holds uint8
images and scales them in the program; NumPy and PyTorch are given scaled float32.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console

from experiments.protocol import RESULTS
from fmnist_jax.cli.arguments import parse
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.errors import UserError
from fmnist_jax.files import write_json, writing
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import MLPConfig


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
    OURS: "hand_written",
    "autodiff": "autodiff",
    "NumPy": "numpy_plain",
    "NumPy, tuned": "numpy_tuned",
    "PyTorch": "pytorch",
}
"""Contenders and their modules in `throughput_peers`, in the order in which they take turns."""

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

PAUSE = 0.1
"""Seconds between turns: the threads of some pools spin a while after their work is done."""

BUSY = 0.5
"""Other work on the machine, in processes, from which on figures mean little."""


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


class Epoch(NamedTuple):
    """One epoch, as the worker's own clock saw it."""

    seconds: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Worker:
    """A contender in a process of its own, so that no two share a thread pool."""

    process: subprocess.Popen[str]
    versions: Mapping[str, str]

    def epoch(self) -> Epoch:
        """Have it train one epoch, the one before it having come to rest."""
        time.sleep(PAUSE)
        return Epoch(**ask(self.process, "epoch\n"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all rows and print them as they are done; 2 for what the user can mend."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        options = parse(Options, "python -m experiments.throughput", arguments, {})
        measure_all(options, console.print)
    except UserError as error:
        print(f"experiments.throughput: {error}", file=sys.stderr)
        return 2
    return 0


def measure_all(options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure every row and store them under this version of JAX; returns what was stored."""
    pythons = interpreters(options)
    dataset = load_dataset(options.data, log)
    if options.images is None and dataset.checksum != checksums.CHECKSUM:
        raise UserError(f"{dataset.source}: figures are kept for Fashion-MNIST alone; use --images")
    train = dataset.train
    train = Split(*(values[: options.images] for values in train))
    measured: dict[str, Any] = circumstances() | {"images": len(train.labels), "rows": {}}
    if measured["load_before"] > BUSY:
        log(
            f"The machine is busy (load {measured['load_before']:.1f}): repeat this when it is idle"
        )
    for row in ROWS:
        measured["rows"][row.name] = measure(row, train, options, pythons, log)
        for line in describe(row, measured["rows"][row.name]):
            log(line)
    path = (RESULTS if options.images is None else Path("runs/quick")) / "throughput_mlp.json"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
        write_json(path, stored | {f"jax {version('jax')}": measured})
    log(f"Written to {path}")
    return measured


def interpreters(options: Options) -> dict[str, str]:
    """The interpreter of each contender."""
    pythons = dict.fromkeys(PEERS, sys.executable)
    if options.torch_python is not None:
        found = shutil.which(options.torch_python.expanduser())
        if found is None:
            raise UserError(f"--torch-python {options.torch_python}: no such interpreter")
        # Made absolute, but no link followed: a virtual environment's interpreter is one.
        pythons["PyTorch"] = str(Path(found).absolute())
    return pythons


def measure(
    row: Row,
    train: Split,
    options: Options,
    pythons: Mapping[str, str],
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Time one row's contenders in turn; by contender its seconds, losses and ratio to ours."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as processes:
        write_job(Path(directory), row, train)
        begun = {
            name: processes.enter_context(started(pythons[name], peer, Path(directory)))
            for name, peer in PEERS.items()
        }
        workers: dict[str, Worker] = {}
        for name, process in begun.items():
            ready = ask(process)
            if "missing" in ready:
                unavailable = f"{name}: {pythons[name]} has no {ready['missing']}"
                if name == "PyTorch" and options.torch_python is not None:
                    raise UserError(f"{unavailable}; --torch-python must name one that has it")
                log(f"{unavailable}: left out")
                continue
            workers[name] = Worker(process, ready["versions"])
        # From here on one worker runs at a time.
        warm_ups = {name: worker.epoch() for name, worker in workers.items()}
        rounds = [
            {name: worker.epoch() for name, worker in workers.items()}
            for _ in range(options.rounds)
        ]
    return {
        name: summary([one[OURS] for one in rounds], [one[name] for one in rounds])
        | {"warm_up_seconds": warm_ups[name].seconds, "versions": dict(worker.versions)}
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
        "layer_sizes": row.layer_sizes,
        "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE,
        "seed": SEED,
    }
    write_json(folder / "job.json", job)


@contextmanager
def started(python: str, peer: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker's process, ended with the block."""
    process = subprocess.Popen(
        [python, "-m", "experiments.throughput_peers.worker", peer, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def ask(process: subprocess.Popen[str], request: str = "") -> dict[str, Any]:
    """Send `request` to a worker and wait for its answer."""
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    process.stdin.write(request)
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"the worker {process.args} ended early, exit code {process.wait()}")
    return json.loads(answer)


def summary(ours: Sequence[Epoch], epochs: Sequence[Epoch]) -> dict[str, Any]:
    """A contender's seconds, and how many times ours they are, round by round."""
    ratios = [epoch.seconds / our.seconds for our, epoch in zip(ours, epochs, strict=True)]
    return {
        "seconds": [epoch.seconds for epoch in epochs],
        "median_seconds": statistics.median(epoch.seconds for epoch in epochs),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "final_loss": epochs[-1].loss,
        "final_accuracy": epochs[-1].accuracy,
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


def circumstances() -> dict[str, Any]:
    """What the figures depend on beside the code; each worker tells its own versions."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def cpu_model() -> str:
    """The processor's name, as the kernel tells it where it does."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
