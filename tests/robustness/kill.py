"""Trainings killed at random moments, until the same command has finished them; then compared with one that
was left alone.

    python -m tests.robustness.kill --points 200

Two kinds of moments: a time, drawn evenly over a whole run, and a step in the file system (the n-th
file opened, synced, renamed or removed below the run's folder), before which the process kills itself;
half of the synced files lose their last bytes first, as in a crash. This process imports everything
once and starts no computation: what it forks is a process as the command line would start it, but that
images are few, pictures blank, and programs compiled once.
"""

import argparse
import collections
import itertools
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_jax.data import sources
from tests import once
from tests.robustness.kill_jobs import JOBS
from tests.robustness.kill_process import Ended, Moment, fork


class DifferentEndError(Exception):
    """A run that didn't resume, or not to the same end."""


def chains(name: str, points: int, rng: np.random.Generator, scratch: Path) -> Iterator[Ended]:
    """Kill processes of the job at `points` moments, and check that each run ends as an undisturbed one."""
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
                raise DifferentEndError(f"{name}: exit {ended.code} after {history}: {said}")
            break
        found = json.loads((place / "outcome.json").read_text("utf-8"))["outcome"]
        if number < 2:
            expected, alone = expected or found, ended
        for key in expected.keys() | found.keys():
            if expected.get(key) != found.get(key):
                raise DifferentEndError(f"{name}: {key} differs in {place} after {history}")
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
    """What the command prints of this job, in a separate process: it has to fork before it computes."""
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
    once.few()
    sources.draw_synthetic = once.few
    begun = time.perf_counter()
    for name in options.jobs:
        survived: collections.Counter[str] = collections.Counter()
        with tempfile.TemporaryDirectory() as scratch:
            try:
                for ended in chains(
                    name, options.points, np.random.default_rng(options.seed), Path(scratch)
                ):
                    survived[ended.where] += 1
            except DifferentEndError as failed:
                print(failed)
                return 1
        print(f"{name}: {survived.total()} kills survived, every bit as in a run left alone")
        for where, count in sorted(survived.items()):
            print(f"  {count:4d} {where}")
    print(f"{time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
