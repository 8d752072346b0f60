"""One training in many processes, by `jax.distributed`: how they find each other, agree and end together.

All of them run the same program on the same data and hold the same state; the first one reads and writes
the files. A process that dies is found by JAX's coordination service, which ends the others.
"""

import json
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from attrs import frozen

from fmnist_jax.errors import UserError

WORKER = "FMNIST_JAX_WORKER"
"""Environment variable: the descriptor of the standard error that a supervised process prints to."""

START_SECONDS = 45
"""How long processes wait for each other at the start."""

HEARTBEAT_SECONDS = 15
"""After this silence a process counts as dead."""

SHUTDOWN_SECONDS = 600
"""How long the others wait at the end while the first process writes the files."""


@frozen
class Processes:
    """How a process finds the others of a distributed training."""

    distributed: bool = False
    """Train in many processes, the same command in each. SLURM, Kubernetes, MPI and TPU pods are detected;
    elsewhere the next three options are needed."""
    coordinator: str | None = None
    """HOST:PORT of the first process."""
    process_count: int | None = None
    """Number of processes."""
    process_id: int | None = None
    """This process, counted from 0."""


def connect(options: Processes) -> None:
    """Wait until all processes are there. Raises UserError for options that don't fit."""
    try:
        jax.distributed.initialize(
            options.coordinator,
            options.process_count,
            options.process_id,
            initialization_timeout=START_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
        )
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        raise UserError(
            f"--distributed: {error}; expected --coordinator HOST:PORT, --process-count N and "
            "--process-id from 0 to N - 1, or a cluster that JAX detects"
        ) from error


def follow_supervisor() -> None:
    """Leave standard output and error to C++, print to other descriptors, end with the supervisor."""
    sys.stderr = os.fdopen(int(os.environ[WORKER]), "w", buffering=1)
    sys.stdout = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def is_first() -> bool:
    """Whether this process reads and writes the files."""
    return jax.process_index() == 0


def share(value: Any) -> Any:
    """Return the first process's `value`, which JSON can hold, in every process."""
    if jax.process_count() == 1:
        return value
    from jax.experimental.multihost_utils import broadcast_one_to_all

    content = (
        np.frombuffer(json.dumps(value).encode(), np.uint8) if is_first() else np.zeros(0, np.uint8)
    )
    length = int(broadcast_one_to_all(np.int32(content.size)))
    content = content if is_first() else np.zeros(length, np.uint8)
    return json.loads(np.asarray(broadcast_one_to_all(content)).astype(np.uint8).tobytes())


def share_arrays(arrays: Any) -> Any:
    """Return the first process's arrays; the others give arrays of the same shapes and types."""
    if jax.process_count() == 1:
        return arrays
    from jax.experimental.multihost_utils import broadcast_one_to_all

    return broadcast_one_to_all(arrays)


def largest(number: int) -> int:
    """Return the largest of the processes' numbers, in each of them."""
    if jax.process_count() == 1:
        return number
    from jax.experimental.multihost_utils import process_allgather

    return int(np.max(process_allgather(np.int32(number))))


def check_same(values: Mapping[str, Any]) -> None:
    """Raise UserError, in every process, unless all processes have the same `values`, JSON by name."""
    if jax.process_count() == 1:
        return
    own, expected = json.loads(json.dumps(dict(values))), share(dict(values))
    differing = [name for name, value in own.items() if value != expected[name]]
    if largest(int(bool(differing))):
        found = "another process differs from process 0"
        if differing:
            name = differing[0]
            found = f"has another {name} than process 0"
        raise UserError(
            f"process {jax.process_index()}: {found}; start the same command with the same versions and "
            "data in every process"
        )
