"""`fmnist-jax train`: the main job, from the data to predictions of the restored checkpoint."""

import os
import shlex
import sys
from collections.abc import Sequence

from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.cli.job import JobOptions, perform
from fmnist_jax.cli.plan import parse_plan
from fmnist_jax.cli.supervisor import supervise
from fmnist_jax.devices.processes import WORKER


def main(arguments: Sequence[str]) -> int:
    """Train the network that the first word names, by default the pipeline."""
    named = arguments and not arguments[0].startswith("-")
    words = arguments if named else ["pipeline", *arguments]
    if "--distributed" in words and WORKER not in os.environ:
        return supervise("train", arguments)
    try:
        return perform(*parse_plan("train", words, JobOptions))
    except Stopped as stopped:
        again = shlex.join(["fmnist-jax", "train", *arguments])
        print(f"To resume, run the same command again: {again}", file=sys.stderr)
        return stopped.exit_code
