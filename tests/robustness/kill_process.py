"""One process of a job, forked, and killed at a moment: a time, or a step in the file system."""

import contextlib
import json
import os
import re
import signal
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.blank_pictures import draw_blank
from tests.compiling import QUICK
from tests.robustness.kill_jobs import JOBS, outcome


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
        if descriptor is not None and self.moment.torn and Path(path).is_file():
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
    name = re.sub(r"/\d+(?=[/.]|$)", "/N", name)
    return re.sub(r"^\W*(run|results)/", "", name)


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
    """One process of the job; it leaves its `outcome` in outcome.json next to the folder's files."""
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
        draw_blank()
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
    os.environ["XLA_FLAGS"] = QUICK
    first = not cache.exists()
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0 if first else 1e9)
