"""`fmnist-jax train`: the main job, from the data to predictions of the restored checkpoint."""

import inspect
import os
import shlex
import sys
from collections.abc import Sequence

from fmnist_jax.cli.arguments import Unprefixed, call, with_parameter
from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.cli.job import JobOptions, perform
from fmnist_jax.cli.supervisor import supervise
from fmnist_jax.devices.processes import WORKER
from fmnist_jax.errors import unknown_name
from fmnist_jax.runs.config import NAMES
from fmnist_jax.runs.presets import PRESETS


def main(arguments: Sequence[str]) -> int:
    """Train the network that the first word names, by default the pipeline."""
    words = list(arguments)
    name = words.pop(0) if words and not words[0].startswith("-") else "pipeline"
    if name not in PRESETS:
        raise unknown_name("network", name, PRESETS)
    output = inspect.Parameter(
        "output",
        inspect.Parameter.KEYWORD_ONLY,
        default=JobOptions(),
        annotation=Unprefixed[JobOptions],
    )
    preset = PRESETS[name]
    command = with_parameter(preset.options, perform, output, "Where the results go.")
    if "--distributed" in words and WORKER not in os.environ:
        return supervise("train", arguments)
    try:
        return call(command, f"train {name}", words, NAMES, preset.prefixes)
    except Stopped as stopped:
        again = shlex.join(["fmnist-jax", "train", *arguments])
        print(f"To resume, run the same command again: {again}", file=sys.stderr)
        return stopped.exit_code
