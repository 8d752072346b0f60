"""`fmnist-jax summary`: parameters and arithmetic of a network, layer by layer."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import tyro
from attrs import frozen
from rich import box
from rich.table import Table

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.checkpoint.locate import find_checkpoint
from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.cli.plan import parse_plan
from fmnist_jax.config.model import Layer
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.runs.config import Stage
from fmnist_jax.runs.presets import PRESETS

FIGURES = ("parameters", "multiply_adds", "flops", "training_flops")
"""Attributes of a layer that are counted."""


@frozen
class SummaryOptions:
    """What is printed."""

    json: bool = False
    """Print the figures as JSON."""


def main(arguments: Sequence[str]) -> int:
    """Count what the first word names: a network, else a checkpoint."""
    if not arguments or arguments[0] not in PRESETS:
        return call(checkpoint, "summary", arguments, {})
    plan, options = parse_plan("summary", arguments, SummaryOptions, "Count the parameters of")
    return show(plan.run.stages, options.json)


def checkpoint(
    network: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NETWORK|CHECKPOINT")],
    json: bool = False,
) -> int:
    """Count a network's parameters and operations, layer by layer.

    NETWORK is a name that fmnist-jax train takes, with the same options: fmnist-jax summary NETWORK --help
    shows them.

    Args:
        network: Its name; or a checkpoint, a run directory, or the name of a shipped checkpoint.
        json: Print the figures as JSON.
    """
    try:
        path = find_checkpoint(network)
    except UserError as error:
        raise UserError(f"{error}; or a network: {', '.join(PRESETS)}") from error
    return show(restore_checkpoint(path).stages, json)


def show(stages: Sequence[Stage | FittedStage], json: bool) -> int:
    """Print the layers that turn an image into its class, stage by stage."""
    *before, last = stages
    layers = [layer for stage in before for layer in stage.model.feature_layers()]
    prefix = f"{last.name}: " if before else ""
    layers += [layer._replace(name=prefix + layer.name) for layer in last.model.layers()]
    if json:
        rows = [
            {"name": layer.name, "output": list(layer.output), **figures(layer)} for layer in layers
        ]
        stage_names = [stage.name for stage in stages]
        print(json_text({"stages": stage_names, "layers": rows, "total": total(layers)}))
    else:
        Console(highlight=False).print(table(layers))
    return 0


def figures(layer: Layer) -> dict[str, int]:
    """Collect a layer's figures by name."""
    return {name: getattr(layer, name) for name in FIGURES}


def total(layers: Sequence[Layer]) -> dict[str, int]:
    """Sum the figures of all layers."""
    return {name: sum(getattr(layer, name) for layer in layers) for name in FIGURES}


def table(layers: Sequence[Layer]) -> Table:
    """Draw a row a layer, then the sums."""
    rows = Table(box=box.SIMPLE, caption="FLOPs: an image; a multiply-add is two.")
    rows.add_column("layer", no_wrap=True)
    rows.add_column("output", no_wrap=True)
    for heading in ("parameters", "forward\nFLOPs", "training\nFLOPs"):
        rows.add_column(heading, justify="right", no_wrap=True)
    for layer in layers:
        rows.add_row(layer.name, "x".join(map(str, layer.output)), *cells(figures(layer)))
    rows.add_section()
    rows.add_row("total", "", *cells(total(layers)))
    return rows


def cells(counts: Mapping[str, int]) -> list[str]:
    """Format the table's figures, digits in groups of three."""
    return [f"{counts[name]:,}" for name in ("parameters", "flops", "training_flops")]
