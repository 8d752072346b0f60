"""`fmnist-jax data`: obtain the data, or check existing files."""

import sys
from collections.abc import Sequence

from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.data.loading import DataConfig, describe, load_dataset


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments."""
    return call(data, "data", arguments, {})


def data(data: DataConfig, json: bool = False) -> int:
    """Obtain the data, or check the files in --data-dir, and report what was found and where.

    Args:
        data: Which images.
        json: Print the answer as JSON.
    """
    found = describe(load_dataset(data, lambda line: print(line, file=sys.stderr)))
    if json:
        print(json_text(found))
        return 0
    for name, value in found.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        print(f"{name.replace('_', '-') + ':':<15} {shown}")
    return 0
