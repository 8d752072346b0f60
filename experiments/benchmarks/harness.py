"""What throughput tables share: contenders in processes of their own, which take turns in one run."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.storage.files import write_json, writing

PAUSE = 0.1
"""Seconds between turns: the threads of some pools spin a while after their work is done."""

BUSY = 0.5
"""Other work on the machine, in processes, from which on figures mean little."""

QUICK = Path("runs/quick")
"""Where figures go that only show that all is in order."""


class Contender(NamedTuple):
    """A way to do the work."""

    module: str
    """In `throughput_peers`."""
    start: str = "start"
    """Its function that takes the job and gives the turn."""

    @property
    def needs_torch(self) -> bool:
        """Whether `--torch-python` is its interpreter."""
        return self.module.startswith("pytorch")


@dataclass(frozen=True)
class Worker:
    """A contender in a process of its own, so that no two share a thread pool."""

    process: subprocess.Popen[str]
    versions: Mapping[str, str]

    def turn(self) -> dict[str, float]:
        """Have it take a turn, the one before it having come to rest: seconds and what it tells."""
        time.sleep(PAUSE)
        return ask(self.process, "turn\n")


def training_split(data: DataConfig, kept: bool, log: Callable[[str], None]) -> Split:
    """The images to train on. Raises UserError where figures are to be `kept` and they're others'."""
    dataset = load_dataset(data, log)
    if kept and dataset.checksum != checksums.CHECKSUM:
        raise UserError(
            f"{dataset.source}: figures are kept for Fashion-MNIST alone; see --help for a quick run"
        )
    return dataset.train


def check_asked(rounds: int, rows: Sequence[str], names: Sequence[str]) -> None:
    """Refuse, with UserError, what would measure nothing of the rows of these `names`."""
    if rounds < 1:
        raise UserError(f"rounds must be at least 1, found {rounds}")
    for part in rows:
        if not any(part in name for name in names):
            raise UserError(f"rows: none has {part!r} in its name: they are {'; '.join(names)}")


def is_asked(name: str, rows: Sequence[str]) -> bool:
    """Whether the row of that name is among those asked for: all, or those whose name contains one."""
    return not rows or any(part in name for part in rows)


def store_row(
    path: Path, this: str, name: str, measured: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
    """Store a row beside the others, in the order of `names`; returns all of `this` software's rows."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
        rows = stored.get(this, {}) | {name: measured}
        rows = {one: rows[one] for one in names if one in rows}
        write_json(path, stored | {this: rows})
    return rows


def interpreters(contenders: Mapping[str, Contender], torch_python: Path | None) -> dict[str, str]:
    """The interpreter of each contender."""
    pythons = dict.fromkeys(contenders, sys.executable)
    if torch_python is None:
        return pythons
    found = shutil.which(torch_python.expanduser())
    if found is None:
        raise UserError(f"--torch-python {torch_python}: no such interpreter")
    # Made absolute, but no link followed: a virtual environment's interpreter is one.
    path = str(Path(found).absolute())
    return {
        name: path if contenders[name].needs_torch else python for name, python in pythons.items()
    }


@contextmanager
def workers(
    contenders: Mapping[str, Contender],
    torch_python: Path | None,
    folder: Path,
    log: Callable[[str], None],
) -> Iterator[dict[str, Worker]]:
    """Those contenders, ready, whose interpreter has what they need, ended with the block.

    `folder` holds the job. Raises UserError where `torch_python` was named and has no torch.
    """
    pythons = interpreters(contenders, torch_python)
    with ExitStack() as processes:
        begun = {
            name: processes.enter_context(started(pythons[name], contender, folder))
            for name, contender in contenders.items()
        }
        ready: dict[str, Worker] = {}
        for name, process in begun.items():
            answer = ask(process)
            if "missing" in answer:
                unavailable = f"{name}: {pythons[name]} has no {answer['missing']}"
                if contenders[name].needs_torch and torch_python is not None:
                    raise UserError(f"{unavailable}; --torch-python must name one that has it")
                log(f"{unavailable}: left out")
                continue
            ready[name] = Worker(process, answer["versions"])
        yield ready


@contextmanager
def started(python: str, contender: Contender, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker's process, ended with the block."""
    process = subprocess.Popen(
        [python, "-m", "experiments.benchmarks.peers.worker", *contender, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
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


def spread(ratios: Sequence[float]) -> dict[str, float]:
    """The ratios of a run's rounds in three figures."""
    return {
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def circumstances() -> dict[str, Any]:
    """What the figures depend on beside the code; each worker tells its own versions."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def warn_if_busy(load: float, log: Callable[[str], None]) -> None:
    """Say so where other work goes on."""
    if load > BUSY:
        log(f"The machine is busy (load {load:.1f}): repeat this when it is idle")


def cpu_model() -> str:
    """The processor's name, as the kernel tells it where it does."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
