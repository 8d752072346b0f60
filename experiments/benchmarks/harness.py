"""Runs candidates in separate processes, one at a time, and measures them round by round."""

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
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
from attrs import frozen
from rich.console import Console

from fmnist_jax.cli.arguments import parse
from fmnist_jax.config.codec import encode
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import NAMES, Stage
from fmnist_jax.storage.arrays import flatten_paths
from fmnist_jax.storage.files import write_json

Config = TypeVar("Config")

PAUSE = 0.1
"""Seconds before each timed run: the threads of some pools spin for a while after their work."""

MAX_IDLE_LOAD = 0.5
"""Load of the machine, in processes, above which figures mean little."""


class Candidate(NamedTuple):
    """A way to do the work."""

    module: str
    """In `experiments.benchmarks.peers`."""
    start: str
    """Its function that takes the job and returns the function to time."""

    @property
    def needs_torch(self) -> bool:
        """Whether `--torch-python` is its interpreter."""
        return self.module.startswith("pytorch")


@frozen
class Worker:
    """A candidate in its own process, so that no two candidates share a thread pool."""

    process: subprocess.Popen[str]
    versions: Mapping[str, str]

    def run(self) -> dict[str, float]:
        """Do the work once; returns its seconds and figures."""
        time.sleep(PAUSE)
        return request(self.process, "run\n")


def training_split(data: DataConfig, stored: bool, log: Callable[[str], None]) -> Split:
    """Load the training images. Raises UserError if results are `stored` and it isn't Fashion-MNIST."""
    dataset = load_dataset(data, log)
    if stored and dataset.checksum != checksums.CHECKSUM:
        raise UserError(
            f"{dataset.source}: results are stored for Fashion-MNIST only; see --help for a quick run"
        )
    return dataset.train


def check_options(rounds: int, rows: Sequence[str], names: Sequence[str]) -> None:
    """Raise UserError for options that would measure nothing of the rows of these `names`."""
    if rounds < 1:
        raise UserError(f"rounds must be at least 1, found {rounds}")
    for part in rows:
        if not any(part in name for name in names):
            raise UserError(f"rows: no row has {part!r} in its name; rows: {'; '.join(names)}")


def is_selected(name: str, rows: Sequence[str]) -> bool:
    """Whether a row is measured: each, or those whose name contains one of `rows`."""
    return not rows or any(part in name for part in rows)


def interpreters(candidates: Mapping[str, Candidate], torch_python: Path | None) -> dict[str, str]:
    """Return the interpreter of each candidate. Raises UserError if `torch_python` doesn't exist."""
    pythons = dict.fromkeys(candidates, sys.executable)
    if torch_python is None:
        return pythons
    found = shutil.which(torch_python.expanduser())
    if found is None:
        raise UserError(f"--torch-python {torch_python}: no such interpreter")
    # Absolute, but links are not resolved: a virtual environment's interpreter is one.
    path = str(Path(found).absolute())
    return {
        name: path if candidates[name].needs_torch else python for name, python in pythons.items()
    }


@contextmanager
def start_workers(
    candidates: Mapping[str, Candidate],
    torch_python: Path | None,
    folder: Path,
    log: Callable[[str], None],
) -> Iterator[dict[str, Worker]]:
    """Start a worker for each candidate whose interpreter has what it needs; they end with the block.

    `folder` holds the job. Raises UserError if `torch_python` was given and has no torch.
    """
    pythons = interpreters(candidates, torch_python)
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(_start_process(pythons[name], candidate, folder))
            for name, candidate in candidates.items()
        }
        workers: dict[str, Worker] = {}
        for name, process in processes.items():
            answer = request(process)
            if "missing" in answer:
                unavailable = f"{name}: {pythons[name]} has no {answer['missing']}"
                if candidates[name].needs_torch and torch_python is not None:
                    raise UserError(f"{unavailable}; --torch-python must name one that has it")
                log(f"{unavailable}: left out")
                continue
            workers[name] = Worker(process, answer["versions"])
        yield workers


@contextmanager
def _start_process(
    python: str, candidate: Candidate, folder: Path
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [python, "-m", "experiments.benchmarks.peers.worker", *candidate, str(folder)],
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


def request(process: subprocess.Popen[str], line: str = "") -> dict[str, Any]:
    """Send `line` to a worker and wait for its answer. Raises RuntimeError if the worker ended."""
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    process.stdin.write(line)
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"the worker {process.args} ended early, exit code {process.wait()}")
    return json.loads(answer)


def run_rounds(workers: Mapping[str, Worker], rounds: int) -> list[dict[str, dict[str, float]]]:
    """Run every worker once in each round, one at a time; returns their figures, round by round."""
    return [{name: worker.run() for name, worker in workers.items()} for _ in range(rounds)]


def spread(ratios: Sequence[float]) -> dict[str, float]:
    """Summarise the ratios of all rounds."""
    return {
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def time_candidates(
    candidates: Mapping[str, Candidate],
    options: Any,
    write_job: Callable[[Path], None],
    log: Callable[[str], None],
) -> tuple[dict[str, Mapping[str, str]], dict[str, dict[str, float]], list[Any]]:
    """Time the candidates of a job; returns their versions, their first run's figures, and each round's.

    `options` has the `rounds` and the `torch_python` of a benchmark's options.
    """
    with tempfile.TemporaryDirectory() as directory:
        write_job(Path(directory))
        with start_workers(candidates, options.torch_python, Path(directory), log) as workers:
            (warm_up,) = run_rounds(workers, 1)
            rounds = run_rounds(workers, options.rounds)
    return {name: worker.versions for name, worker in workers.items()}, warm_up, rounds


def write_job(folder: Path, stage: Stage, train: Split, counts: Mapping[str, int]) -> None:
    """Write the files of a worker's `Job`; all candidates start from the same weights."""
    parameters = stage.model.build().init(jax.random.key(stage.training.seed)).parameters
    images, labels = (values[: max(counts.values())] for values in train)
    statistics = stage.scaling.fit(train.images)
    np.save(folder / "images.npy", images)
    np.save(folder / "inputs.npy", stage.scaling.apply(statistics, images))
    np.save(folder / "labels.npy", labels)
    arrays: dict[str, Any] = jax.tree.map(np.asarray, flatten_paths(parameters))
    np.savez(folder / "weights.npz", **arrays)
    np.savez(folder / "statistics.npz", **statistics)
    write_json(folder / "job.json", {"stage": encode(stage, NAMES), "counts": dict(counts)})


def command(
    name: str,
    options: type[Config],
    measure_all: Callable[[Config, Callable[[str], None]], object],
    arguments: Sequence[str] | None,
) -> int:
    """Run a benchmark as a command; returns its exit code, 2 for invalid input."""
    program = f"python -m experiments.benchmarks.{name}"
    console = Console(highlight=False, soft_wrap=True)
    try:
        measure_all(parse(options, program, arguments, {}), console.print)
    except UserError as error:
        print(f"experiments.benchmarks.{name}: {error}", file=sys.stderr)
        return 2
    return 0


def machine_info() -> dict[str, Any]:
    """Describe what figures depend on besides the code; each worker adds its versions."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def warn_if_busy(load: float, log: Callable[[str], None]) -> None:
    """Log a warning if other work runs on the machine."""
    if load > MAX_IDLE_LOAD:
        log(f"The machine is busy (load {load:.1f}): repeat this when it is idle")


def verdict(reached: bool, target: float) -> str:
    """Describe whether a target is reached."""
    return f"target {target:g}: {'' if reached else 'not '}reached"


def _cpu_model() -> str:
    """Return the processor's name, from the kernel where it has one."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
