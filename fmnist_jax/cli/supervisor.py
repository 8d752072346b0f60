"""Runs a distributed training in a child process, and turns its abrupt end into one line.

JAX's coordination service aborts a process when another one has died, with pages of C++ messages. Those go
to a pipe that is read here; what Python prints goes to the terminal.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import IO

from fmnist_jax.devices.processes import (
    HEARTBEAT_SECONDS,
    START_SECONDS,
    WORKER,
    follow_supervisor,
    is_first,
)
from fmnist_jax.errors import UserError

MAX_LOG = 1 << 20
"""Characters of the C++ messages that are kept."""

GRACE_SECONDS = 2
"""How long the coordinator outlives its own error, so that others with the same error can report it."""

REMEDY = "to resume from the last saved epoch, run the same command again in every process"


def supervise(command: str, arguments: Sequence[str]) -> int:
    """Run `fmnist-jax COMMAND ARGUMENTS` in a child process; return its exit code.

    Raises UserError if another process of the training died or can't be reached.
    """
    shown = os.dup(2)
    child = subprocess.Popen(
        [sys.executable, "-m", "fmnist_jax.cli.supervisor", command, *arguments],
        stdin=subprocess.PIPE,  # closed by the system when this process dies: then the child ends too
        stderr=subprocess.PIPE,
        pass_fds=(shown,),
        env={**os.environ, WORKER: str(shown)},
        text=True,
        errors="replace",
    )
    assert child.stderr is not None
    log: list[str] = []
    reader = threading.Thread(target=_keep, args=(child.stderr, log), daemon=True)
    reader.start()
    # The terminal sends Ctrl-C to both; SIGTERM is sent on.
    handlers = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number)),
    }
    try:
        code = child.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    reader.join(timeout=5)
    os.close(shown)
    if code >= 0:
        return code
    text = "".join(log)
    message = explain(text)
    if message is None:
        print(text, end="", file=sys.stderr)
        return 128 - code
    raise UserError(message)


def work(arguments: Sequence[str]) -> int:
    """Run the command in the child; after an error leave immediately, so that the others notice it."""
    follow_supervisor()
    from fmnist_jax.cli.app import main

    try:
        code = main(arguments)
    except Exception as error:
        if "gloo" in str(error).lower():
            time.sleep(
                2 * HEARTBEAT_SECONDS
            )  # the coordination service finds out who died, and aborts
        traceback.print_exc()
        code = 1
    if code not in (1, 2):
        return code
    if is_first():
        time.sleep(GRACE_SECONDS)
    sys.stdout.flush()
    os._exit(code)


def _keep(stream: IO[str], log: list[str]) -> None:
    size = 0
    for line in stream:
        size += len(line)
        if size <= MAX_LOG:
            log.append(line)


def explain(log: str) -> str | None:
    """Return one line for what the coordination service logged before it aborted, or None."""
    dead = re.search(r"stopped sending heartbeats\):\s*((?:\d+[,\s]*)+)", log)
    if dead:
        numbers = ", ".join(re.findall(r"\d+", dead[1]))
        return f"process {numbers} died, so the others stopped; {REMEDY}"
    if "CoordinationService/RegisterTask" in log or "Barrier" in log:
        return (
            f"--distributed: not all processes reached the coordinator within {START_SECONDS} s; check "
            "--coordinator, --process-count and the network, and start all of them"
        )
    if "Failed to send RPC to coordination service" in log:
        return f"process 0, the coordinator, died or ended, so this one stopped; {REMEDY}"
    return None


if __name__ == "__main__":
    sys.exit(work(sys.argv[1:]))
