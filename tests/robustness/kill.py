"""Trainings killed at drawn moments, until the same command has finished them; then held against one
that was left alone.

    python -m tests.robustness.kill --points 200

Two kinds of moments: a time, drawn evenly over a whole run, and a step in the file system (the n-th
file opened, synced, renamed or removed below the run's folder), before which the process kills itself;
half of the synced files lose their last bytes first, as in a crash. This process imports everything
once and starts no computation: what it forks is a process as the command line would start it, but that
pictures are coarse and programs compiled once.
"""

import argparse
import collections
import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments import protocol
from experiments.measurement import with_trainings
from experiments.protocol import Experiment, Row
from fmnist_jax.cli import app, job, train  # noqa: F401 - what a process of the command line imports
from fmnist_jax.data import checksums
from fmnist_jax.evaluation import figures
from fmnist_jax.networks.architectures import FiveConv
from fmnist_jax.pipeline import PipelineRun
from fmnist_jax.runs import MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam, momentum

MLP = (
    "train mlp --source synthetic --validation-fraction 0.6 --layer-sizes 784 12 10 --dropout 0.2 "
    "--optimizer adam --epochs 12 --batch-size 16 --patience 12"
).split()
PIPELINE = (
    "train --source synthetic --validation-fraction 0.8 --filters 2 2 3 3 4 --hidden 8 --epochs 4 "
    "--batch-size 40 --mlp-training.epochs 8 --mlp-training.batch-size 16"
).split()

COARSE = 20
"""Dots an inch of the pictures: they are drawn often."""

TRAINING = TrainingConfig(epochs=8, batch_size=10, optimizer=adam, patience=None)
EXPERIMENT = Experiment(
    name="killed",
    title="Killed and gone on with",
    rows=(
        Row("mlp", MLPRun(model=MLPConfig((784, 12, 10), dropout=0.1), training=TRAINING)),
        Row(
            "pipeline",
            with_trainings(
                PipelineRun.of(FiveConv(filters=(2, 2, 3, 3, 4), hidden=8)),
                epochs=3,
                batch_size=40,
                optimizer=momentum,
                seed=0,
            ),
        ),
    ),
    columns=("seconds",),
)


def command(words: Sequence[str]) -> Callable[[Path], int]:
    """`fmnist-jax WORDS`, its directory in the folder."""
    return lambda folder: app.main([*words, "--run-dir", str(folder / "run")])


def experiment(folder: Path) -> int:
    """`python -m experiments.killed`, on drawn pictures, its results in the folder."""
    protocol.RESULTS = folder / "results"
    checksums.CHECKSUM = "of drawn pictures"
    load = protocol.load_dataset

    def loaded(*words: Any) -> Any:
        dataset = load(*words)
        checksums.CHECKSUM = dataset.checksum
        return dataset

    protocol.load_dataset = loaded
    sys.argv = ["killed", "--seeds", "1", "--source", "synthetic"]
    protocol.main(EXPERIMENT)
    return 0


JOBS: dict[str, Callable[[Path], int]] = {
    "mlp": command(MLP),
    "pipeline": command(PIPELINE),
    "experiment": experiment,
}


def outcome(folder: Path) -> dict[str, Any]:
    """All that a finished run left and that must be the same: every bit but the clock's."""
    from fmnist_jax.checkpoint import restore_checkpoint

    left: dict[str, Any] = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if "/checkpoint/" in name or name.endswith(".lock") or not file.is_file():
            continue
        left[name] = ""
        if name.endswith(".jsonl"):
            left[name] = file.read_text("utf-8")
        elif name.endswith(".json"):
            left[name] = without_clock(json.loads(file.read_text("utf-8")))
    if (folder / "run/checkpoint").exists():
        import jax

        checkpoint = restore_checkpoint(folder / "run/checkpoint")
        leaves = jax.tree.leaves((checkpoint.parameters, checkpoint.statistics))
        bits = b"".join(np.asarray(leaf).tobytes() for leaf in leaves)
        left["weights"] = hashlib.sha256(bits).hexdigest()
        left["metrics"] = without_clock(dict(checkpoint.metrics))
    return json.loads(json.dumps(left))


def without_clock(values: Any) -> Any:
    """JSON without what a clock says."""
    if not isinstance(values, dict):
        return values
    return {
        name: without_clock(value)
        for name, value in values.items()
        if not name.endswith("seconds") and name != "finished"
    }


class Moment(NamedTuple):
    """When a process is killed."""

    step: int | None = None
    """Before the n-th step in the file system, counted from 1."""
    torn: int = 0
    """Bytes that a file being synced loses first."""
    seconds: float | None = None


@dataclass
class Watch:
    """Counts the steps in the file system below `folder`, and kills the process at one of them."""

    folder: Path
    moment: Moment
    steps: int = 0

    def install(self) -> None:
        """From now on."""
        watched = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
        fsync = os.fsync
        own = threading.local()

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            path = arguments[0] if event in watched else None
            if isinstance(path, str | bytes | os.PathLike) and not getattr(own, "busy", False):
                self.step(event, os.fsdecode(path), None)

        def synced(descriptor: int) -> None:
            path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            self.step("before fsync", path, descriptor)
            fsync(descriptor)
            self.step("after fsync", path, None)

        sys.addaudithook(hook)
        os.fsync = synced

    def step(self, event: str, path: str, descriptor: int | None) -> None:
        """One more step."""
        name = os.path.relpath(path, self.folder)
        if name.startswith("..") or not self.folder.exists():
            return
        self.steps += 1
        if self.steps != self.moment.step:
            return
        torn = ""
        if descriptor is not None and self.moment.torn and os.path.isfile(path):  # noqa: PTH113
            size = os.fstat(descriptor).st_size
            os.truncate(path, max(0, size - self.moment.torn))
            torn = ", torn"
        # What is open above is the log: its own descriptor 2.
        os.write(2, f"\nKILLED {event} {kind(name)}{torn}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def kind(name: str) -> str:
    """A file's name without what differs from run to run."""
    name = re.sub(r"[0-9a-f]{16,}", "*", name)
    name = re.sub(r"/(arrays|d|ocdbt[^/]*)/.*", "/...", name)
    return re.sub(r"^\W*(run|results)/", "", re.sub(r"_[12]\.npz", ".npz", name))


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    """0, or what the shell would say."""
    where: str
    """Where it was killed; "" where it wasn't."""
    steps: int
    """In the file system."""
    seconds: float


def fork(name: str, folder: Path, moment: Moment) -> Ended:
    """One process of the job; it leaves its `outcome` in outcome.json beside the folder's files."""
    folder.mkdir(parents=True, exist_ok=True)
    log, result = folder.parent / "log", folder.parent / "outcome.json"
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on forking: nothing is computed in this process
        child = os.fork()
    if child == 0:
        _child(name, folder, moment, log, result)
    if moment.seconds is not None:
        deadline = begun + moment.seconds
        while time.perf_counter() < deadline and not os.waitid(
            os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    seconds = time.perf_counter() - begun
    if code < 0:
        told = re.findall(r"^KILLED (.*)$", log.read_text("utf-8", "replace"), re.M)
        return Ended(128 - code, told[-1] if told else "at a drawn time", 0, seconds)
    steps = json.loads(result.read_text("utf-8"))["steps"] if code == 0 else 0
    return Ended(code, "", steps, seconds)


def _child(name: str, folder: Path, moment: Moment, log: Path, result: Path) -> None:
    code = 1
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", closefd=False) for n in (1, 2))  # noqa: SIM115
        os.chdir(folder)
        figures.DPI = COARSE
        _share_programs(folder.parent.parent / "programs")
        watch = Watch(folder, moment)
        watch.install()
        try:
            code = JOBS[name](folder)
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
        steps, watch.moment = watch.steps, Moment()
        if code == 0:
            found = {"steps": steps, "outcome": outcome(folder)}
            result.write_text(json.dumps(found), "utf-8")
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _share_programs(cache: Path) -> None:
    """The first process, which isn't killed, keeps what it compiled for the others."""
    import jax

    os.environ["NPROC"] = "1"  # XLA's threads
    first = not cache.exists()
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0 if first else 1e9)


class Failed(Exception):  # noqa: N818
    """A run that didn't go on, or not to the same end."""


def chains(name: str, points: int, rng: np.random.Generator, scratch: Path) -> Iterator[Ended]:
    """Kill processes of the job at `points` moments, and see to it that each run ends as one left alone."""
    expected: dict[str, Any] = {}
    alone, killed = Ended(0, "", 0, 0.0), 0
    # Number 0 compiles, 1 is timed; both are left alone.
    for number in itertools.count():
        place = scratch / str(number)
        history: list[str] = []
        while True:
            moment = drawn(rng, alone) if number > 1 and killed < points else Moment()
            ended = fork(name, place / "run", moment)
            history.append(f"{moment} {ended}")
            if ended.code == 128 + signal.SIGKILL:
                killed += 1
                yield ended
                continue
            if ended.code:
                said = (place / "log").read_text("utf-8")
                raise Failed(f"{name}: exit {ended.code} after {history}: {said}")
            break
        found = json.loads((place / "outcome.json").read_text("utf-8"))["outcome"]
        if number < 2:
            expected, alone = expected or found, ended
        for key in expected.keys() | found.keys():
            if expected.get(key) != found.get(key):
                raise Failed(f"{name}: {key} differs in {place} after {history}")
        shutil.rmtree(place)
        print(f"{name}: {killed} of {points}", file=sys.stderr, flush=True)
        if killed >= points:
            return


def drawn(rng: np.random.Generator, alone: Ended) -> Moment:
    """One of the moments of a run that took as long and as many steps as `alone`."""
    if rng.random() < 0.3:
        return Moment(seconds=rng.uniform(0, alone.seconds))
    torn = int(rng.integers(1, 40)) if rng.random() < 0.5 else 0
    return Moment(int(rng.integers(1, alone.steps + 1)), torn)


def survived(name: str, points: int) -> str:
    """What the command prints of this job, in a process of its own: it has to fork before it computes."""
    words = ["--jobs", name, "--points", str(points)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.robustness.kill", *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def main() -> int:
    """Kill as the command line says, and print what was survived; 1 where something wasn't."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--points", type=int, default=60, help="kills of each job")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--seed", type=int, default=0, help="draws the moments")
    options = parser.parse_args()
    begun = time.perf_counter()
    for name in options.jobs:
        survived: collections.Counter[str] = collections.Counter()
        with tempfile.TemporaryDirectory() as scratch:
            try:
                for ended in chains(
                    name, options.points, np.random.default_rng(options.seed), Path(scratch)
                ):
                    survived[ended.where] += 1
            except Failed as failed:
                print(failed)
                return 1
        print(f"{name}: {survived.total()} kills survived, every bit as in a run left alone")
        for where, count in sorted(survived.items()):
            print(f"  {count:4d} {where}")
    print(f"{time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
