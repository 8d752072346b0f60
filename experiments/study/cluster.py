"""The work on a Ray cluster: each run is a task, which Ray starts on a node that has room for it.

Images are sent from here, results come back and are stored here; nodes need the packages only. A run whose
node or process dies is started again, on any node. It resumes where the results folder is on storage that
the nodes share, else it begins again: training checkpoints are then in the node's temporary folder.
"""

import hashlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

import experiments
import fmnist_jax
from experiments.engine.configuration import NAMES
from experiments.engine.measure import package_versions
from experiments.engine.runner import LoadImages, Log, Task
from experiments.study.work import Outcome, in_one_line, work_until
from fmnist_jax.config.codec import decode
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError
from fmnist_jax.runs.lock import RunLockedError
from fmnist_jax.storage.files import writing

try:
    import ray
    from ray.exceptions import (
        NodeDiedError,
        RayError,
        RayTaskError,
        TaskCancelledError,
        TaskUnschedulableError,
    )
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    raise UserError(
        "ray: expected the package ray, found none: pip install 'fmnist-jax[cluster]'"
    ) from error

CORES, MEMORY = 1, 2 << 30
"""Of a run."""

RETRIES = 3
"""How often a run is started again after its process or node died."""

CONNECT_SECONDS = 10.0
"""What a cluster has to answer at all."""

ANSWER_SECONDS = 45
"""What a node has to report its packages."""

LOCK_SECONDS = 60
"""After a node died, the lock of its run on shared storage may be held for so long."""


@contextmanager
def connected(address: str, load: LoadImages, log: Log) -> Iterator["Cluster"]:
    """The cluster at `address`: HOST:PORT, auto or local; local starts one on this machine.

    Raises UserError if none answers, or if a node lacks the packages or has others.
    """
    _check_address(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            # Of JAX: Ray starts programs, which is safe.
            warnings.filterwarnings("ignore", r"os\.fork", RuntimeWarning)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"ray: no cluster can be used at {address}: {in_one_line(error)}"
        ) from error
    try:
        signal.signal(signal.SIGTERM, handler)  # Ray's would exit
        nodes = [node for node in ray.nodes() if node["Alive"]]
        _check_packages(nodes)
        resources = ray.cluster_resources()
        log(f"Ray cluster at {address}: {len(nodes)} nodes, {resources.get('CPU', 0):.0f} cores")
        yield Cluster(load, gpus=int("GPU" in resources))
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Raise UserError unless a gRPC server answers: Ray itself would try for two minutes."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise UserError(f"ray: expected HOST:PORT, auto or local, found {address!r}")
    settings = (
        b"\0\0\0\4\0\0\0\0\0"  # an empty SETTINGS frame of HTTP/2, which each side begins with
    )
    try:
        with socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS) as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
            answered = connection.recv(4)[3:] == settings[3:4]
    except (OSError, OverflowError) as error:
        raise UserError(f"ray: {address} can't be reached: {error}; is the cluster up?") from error
    if not answered:
        raise UserError(f"ray: expected a Ray cluster at {address}, found another service")


def _check_packages(nodes: list[dict[str, Any]]) -> None:
    """Raise UserError for the first node whose packages aren't this process's."""

    def packages() -> dict[
        str, str
    ]:  # not at module level: sent with its code to a node without it
        from experiments.study import cluster

        return cluster.packages()

    probe = ray.remote(num_cpus=0, max_retries=0)(packages)
    answers = {
        node["NodeManagerAddress"]: probe.options(
            name="packages", scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote()
        for node in nodes
    }  # fmt: skip
    remedy = "install the same fmnist-jax on every node (docs/cluster.md)"
    deadline = time.monotonic() + ANSWER_SECONDS
    for node, answer in answers.items():
        try:
            found = ray.get(answer, timeout=max(0.0, deadline - time.monotonic()))
        except (NodeDiedError, TaskUnschedulableError):
            continue  # a node that died is listed as alive until its heartbeats are missed
        except RayError as error:
            raise UserError(
                f"ray: node {node} can't import experiments and fmnist_jax: {_cause(error)}; {remedy}"
            ) from error
        for name, version in packages().items():
            if found.get(name) != version:
                raise UserError(
                    f"ray: node {node}: expected {name} {version}, found {found.get(name)}; {remedy}"
                )


@cache
def packages() -> dict[str, str]:
    """The versions that results depend on, with a checksum of this project's code."""
    code = hashlib.sha256()
    for package in (experiments, fmnist_jax):
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*.py")):
            code.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return {**package_versions(), "code of experiments and fmnist_jax": code.hexdigest()[:12]}


@define
class Cluster:
    """An executor whose tasks run on any node."""

    load: LoadImages
    gpus: int
    """Of a run."""
    images: Callable[[DataConfig], ray.ObjectRef] = field(init=False)
    """Sends images to the cluster; keeps the last ones that were sent."""
    references: dict[Future[Outcome], ray.ObjectRef] = field(factory=dict, init=False)
    """Of the tasks that haven't ended."""

    def __attrs_post_init__(self) -> None:
        """Every row names its images, but few rows have their own."""
        self.images = lru_cache(maxsize=2)(lambda data: ray.put(self.load(data)))

    @property
    def room(self) -> int:
        """Twice what can run: what waits makes an autoscaler add nodes."""
        resources = ray.cluster_resources()
        return max(2, 2 * int(resources.get("GPU" if self.gpus else "CPU", 0)))

    def submit(self, task: Task) -> Future[Outcome]:
        """Perform it on a node; Ray's dashboard shows its name."""
        with writing(task.folder):  # so that nodes find it if they share this storage
            task.folder.parent.mkdir(parents=True, exist_ok=True)
        remote = ray.remote(_work).options(
            name=task.name,
            num_cpus=CORES,
            num_gpus=self.gpus,
            memory=MEMORY,
            max_retries=RETRIES,
        )
        data = decode(DataConfig, task.run["data"], NAMES, task.name)
        reference = remote.remote(task, self.images(data))
        future = reference.future()
        self.references[future] = reference
        return future

    def result(self, future: Future[Outcome]) -> Outcome:
        """The outcome. Raises RuntimeError if its process or node died too often."""
        del self.references[future]
        try:
            return future.result()
        except TaskCancelledError:
            return Outcome([])
        except RayError as error:
            raise RuntimeError(_cause(error)) from error

    def stop(self) -> None:
        """Signal the tasks."""
        for reference in self.references.values():
            ray.cancel(reference)


def _cause(error: RayError) -> str:
    """What went wrong, in one line."""
    return in_one_line(error.cause if isinstance(error, RayTaskError) else error)


def _work(task: Task, images: Dataset) -> Outcome:
    """On a node: perform the task, if another process still holds it, once that has ended."""
    os.environ.setdefault("NPROC", str(CORES))  # XLA's threads
    shared = task.folder.parent.is_dir()
    if not shared:
        folder = Path(tempfile.gettempdir()) / "fmnist-jax-study" / task.folder.name
        task = evolve(task, folder=folder)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        outcome = work_until(signal.SIGINT, task, lambda data: images)
        if not isinstance(outcome.error, RunLockedError) or time.monotonic() > deadline:
            break
        time.sleep(1.0)
    if not shared and outcome.measured is not None:
        shutil.rmtree(task.folder, ignore_errors=True)
    return outcome
