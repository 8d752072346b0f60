"""`fmnist-jax gradcheck`: is the hand-written gradient right?"""

from collections.abc import Sequence

from fmnist_jax import scratch
from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.gradcheck.check import CheckConfig, check
from fmnist_jax.gradcheck.report import render
from fmnist_jax.scratch.mlp import MLPConfig


def main(arguments: Sequence[str]) -> int:
    """Check the gradient of the network that the arguments describe; return 1 if it is wrong."""
    return call(gradcheck, "gradcheck", arguments, scratch.NAMES)


def gradcheck(model: MLPConfig, options: CheckConfig, json: bool = False) -> int:
    """Check the hand-written gradient of any MLP against jax.grad and central differences.

    Args:
        model: The network.
        options: The point at which it is checked.
        json: Print the report as JSON.
    """
    report = check(model, options)
    if json:
        print(json_text(report.to_dict()))
    else:
        Console(highlight=False).print(render(report))
    return 0 if report.passed else 1
