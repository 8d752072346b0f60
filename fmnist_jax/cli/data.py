"""`fmnist-jax data`: obtain the data, or check what is there."""

from collections.abc import Sequence

from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.data.loading import DataConfig, describe, load_dataset


def main(arguments: Sequence[str]) -> int:
    """Obtain or check the data as the words say."""
    return call(data, "data", arguments, {})


def data(data: DataConfig, json: bool = False) -> int:
    """Obtain the data, or check what --data-dir names, and say what was found where.

    Args:
        data: Which images.
        json: Print the answer as JSON.
    """
    found = describe(load_dataset(data, lambda line: None))
    if json:
        print(json_text(found))
        return 0
    for name, value in found.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        print(f"{name.replace('_', '-') + ':':<15} {shown}")
    return 0
