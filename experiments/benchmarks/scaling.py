"""Images a second on several devices of this host's CPU, and in two processes; bytes that a step communicates.

Command: `python -m experiments.benchmarks.scaling`

The devices of one CPU share its cores, so this shows what sharing a batch costs, not what it gains.
`docs/scaling.md` has the results, and a prediction for chips.
"""

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from attrs import frozen
from rich.table import Table

from experiments.benchmarks import harness
from experiments.benchmarks.results import RESULTS, read, results_path, store_row
from experiments.benchmarks.scaling_model import NETWORKS
from experiments.engine.tables import markdown
from fmnist_jax.cli.arguments import parse
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.devices.mesh import put, use_devices
from fmnist_jax.devices.processes import Processes, connect, is_first
from fmnist_jax.errors import UserError
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import epoch_key, make_task, start
from fmnist_jax.training.step import put_on_device, train_epoch

PROGRAM = "python -m experiments.benchmarks.scaling"

ROWS = ("MLP 784,128,10", "LeNet", "small CNN")
"""Networks of `scaling_model.NETWORKS` that are measured."""

BATCH_SIZE = 64

ITEM_BYTES = {"f32": 4, "s32": 4, "u32": 4, "f64": 8, "pred": 1}


class Topology(NamedTuple):
    """Devices of all processes together, and the processes."""

    devices: int
    processes: int = 1

    @property
    def name(self) -> str:
        """As results and tables name it."""
        many = f"{self.devices} device{'s' if self.devices > 1 else ''}"
        return many if self.processes == 1 else f"{many}, {self.processes} processes"


TOPOLOGIES = (Topology(1), Topology(2), Topology(4), Topology(8), Topology(2, 2))


@frozen
class Options:
    """Time training on several devices of this CPU."""

    rounds: int = 5
    """Timed epochs of each topology."""
    steps: int = 50
    """Training steps of an epoch."""
    rows: tuple[str, ...] = ()
    """Only networks whose name contains one of these; the stored figures of the others stay."""
    quick: bool = False
    """Two steps, to check that everything works; stored under runs/quick."""

    def __attrs_post_init__(self) -> None:
        """Refuse options that would measure nothing."""
        harness.check_options(self.rounds, self.rows, ROWS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows and store each when it is done; returns 2 for invalid input."""
    try:
        measure_all(parse(Options, PROGRAM, arguments, {}))
    except UserError as error:
        print(f"experiments.benchmarks.scaling: {error}", file=sys.stderr)
        return 2
    return 0


def measure_all(options: Options) -> None:
    """Measure the selected networks on all topologies."""
    path = results_path("scaling", options.quick)
    steps, rounds = (2, 1) if options.quick else (options.steps, options.rounds)
    for row in ROWS:
        if not harness.is_selected(row, options.rows):
            continue
        machine = harness.machine_info()
        harness.warn_if_busy(machine["load_before"], print)
        measured = {one.name: measure(row, one, steps, rounds) for one in TOPOLOGIES}
        for name, figures in measured.items():
            print(f"{row}, {name}: {figures['images_per_second']:,.0f} images/s")
        store_row(path, row, machine | {"candidates": measured}, ROWS)
    print(f"Written to {path}")


def measure(row: str, topology: Topology, steps: int, rounds: int) -> dict[str, float]:
    """Run the processes of a topology; returns what the first one prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    local = topology.devices // topology.processes
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={local}"
    numbers = [steps, rounds, port, topology.processes]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", __spec__.name, "--work", row, *map(str, numbers), str(number)],
            env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(topology.processes)
    ]
    first, *_ = [process.communicate()[0] for process in processes]
    return json.loads(first.splitlines()[-1])


def work(row: str, steps: int, rounds: int, port: int, count: int, number: int) -> dict[str, float]:
    """Train in this process, one of `count`; returns images a second and bytes a step."""
    if count > 1:
        connect(Processes(True, f"127.0.0.1:{port}", count, number))
    model = NETWORKS[row]
    images = steps * BATCH_SIZE
    rng = np.random.default_rng(0)
    training = TrainingConfig(batch_size=BATCH_SIZE, learning_rate=0.01)
    task = make_task(model.build(), UNIT, training, images)
    with use_devices("all"):
        pixels = rng.integers(0, 256, (images, 28, 28)).astype(np.uint8)
        data = put_on_device(pixels, rng.integers(0, 10, images).astype(np.int32), 10)
        state = put(start(task, training).train)
        program = train_epoch.lower(state, epoch_key(training, 1), data, {}, task).compile()
        seconds = []
        for epoch in range(rounds + 1):
            key = epoch_key(training, epoch + 1)
            begin = time.perf_counter()
            state, _ = jax.block_until_ready(train_epoch(state, key, data, {}, task))
            seconds.append(time.perf_counter() - begin)
    return {
        "images_per_second": images / statistics.median(seconds[1:]),
        "bytes_per_step": communicated_bytes(program.as_text() or ""),
    }


def communicated_bytes(program: str) -> int:
    """Sum the sizes of what the collective operations of a compiled program return, each once.

    With no images left over, an epoch's program has them in the loop over the steps alone.
    """
    operation = r" (?:all-reduce|all-gather|all-to-all|collective-permute)(?:-start)?\("
    total = 0
    for line in program.splitlines():
        returned, *arguments = re.split(operation, line, maxsplit=1)
        if not arguments:
            continue
        for item, sizes in re.findall(r"(f32|f64|s32|u32|pred)\[([\d,]*)\]", returned):
            total += ITEM_BYTES[item] * prod(int(size) for size in sizes.split(",") if size)
    return total


def table(folder: Path = RESULTS) -> str:
    """Return the measured figures as Markdown, those of the newest JAX."""
    stored = read(folder / "scaling.json")
    if not stored:
        return f"Not measured yet: `{PROGRAM}`."
    jax_version, rows = next(iter(stored.items()))
    lines = Table("network", "bytes a step", *(f"{one.name}, images/s" for one in TOPOLOGIES))
    for name, row in rows.items():
        measured: dict[str, Any] = row["candidates"]
        rates = [f"{measured[one.name]['images_per_second']:,.0f}" for one in TOPOLOGIES]
        lines.add_row(name, f"{measured['2 devices']['bytes_per_step']:,}", *rates)
    return f"{markdown(lines)}\n\nMeasured with {jax_version}."


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        found = work(sys.argv[2], *map(int, sys.argv[3:]))
        if is_first():
            print(json.dumps(found))
    else:
        sys.exit(main())
