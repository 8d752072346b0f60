"""`fmnist-jax summary`: parameters and arithmetic of a network, layer by layer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import tyro
from rich import box
from rich.table import Table

from fmnist_jax.checkpoint.checkpoint import find_checkpoint, restore_checkpoint
from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.errors import UserError
from fmnist_jax.models import summary as counts
from fmnist_jax.models.architectures import BACKBONE, LENET, SMALL_CNN, SMALLEST, FiveConv
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.kinds import NAMES, kind_of
from fmnist_jax.models.pipeline_model import PipelineConfig
from fmnist_jax.models.summary import Layer, totals
from fmnist_jax.runs.pipeline import MAIN_NETWORK, pipeline_of
from fmnist_jax.scratch.mlp import MLPConfig


def main(arguments: Sequence[str]) -> int:
    """Count what the first word names: a network, else a checkpoint."""
    words = list(arguments)
    if words and words[0] in NETWORKS:
        name = words.pop(0)
        return call(NETWORKS[name], f"summary {name}", words, NAMES)
    return call(checkpoint, "summary", words, {})


def checkpoint(
    network: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NETWORK|CHECKPOINT")],
    json: bool = False,
) -> int:
    """Count a network's parameters and operations, layer by layer.

    NETWORK is mlp, cnn, pipeline, small-cnn, lenet, backbone or smallest; the first three take
    options, which fmnist-jax summary NETWORK --help shows.

    Args:
        network: Its name; or a checkpoint, a run directory, or the name of a shipped checkpoint.
        json: Print the figures as JSON.
    """
    try:
        path = find_checkpoint(network)
    except UserError as error:
        raise UserError(f"{error}; or a network: {', '.join(NETWORKS)}") from error
    return show(restore_checkpoint(path).model, json)


def mlp(model: MLPConfig, json: bool = False) -> int:
    """Count the scratch MLP's parameters and operations.

    Args:
        model: The network.
        json: Print the figures as JSON.
    """
    return show(model, json)


def cnn(network: FiveConv, json: bool = False) -> int:
    """Count the five-conv network's parameters and operations.

    Args:
        network: The network.
        json: Print the figures as JSON.
    """
    return show(network.network, json)


def pipeline(network: FiveConv = MAIN_NETWORK, json: bool = False) -> int:
    """Count what the pipeline uses: five convolutions, then the scratch MLP on their features.

    Args:
        network: The convolutional network; --hidden is the MLP's too.
        json: Print the figures as JSON.
    """
    return show(pipeline_of(network), json)


def fixed(config: ConvNetConfig, of: str) -> Callable[..., int]:
    """The command that counts a network without options."""

    def command(json: bool = False) -> int:
        return show(config, json)

    command.__doc__ = (
        f"Count the parameters and operations of {of}.\n\n"
        "Args:\n    json: Print the figures as JSON.\n"
    )
    return command


NETWORKS = {
    "mlp": mlp,
    "cnn": cnn,
    "pipeline": pipeline,
    "small-cnn": fixed(SMALL_CNN, "report 2's small convolutional network"),
    "lenet": fixed(LENET, "report 3's LeNet"),
    "backbone": fixed(BACKBONE, "report 4's five-block backbone"),
    "smallest": fixed(SMALLEST, "the smallest network over 90 %"),
}


def pipeline_layers(config: PipelineConfig) -> tuple[Layer, ...]:
    """What classifies an image: the network's blocks and the MLP, without the network's own head."""
    own = (layer._replace(name=f"MLP: {layer.name}") for layer in counts.mlp(config.mlp))
    return *counts.blocks(config.network), *own


LAYERS: dict[str, Callable[[Any], tuple[Layer, ...]]] = {
    "mlp": counts.mlp,
    "cnn": counts.conv_net,
    "pipeline": pipeline_layers,
}
"""By the kind of model."""


def show(config: Any, json: bool) -> int:
    """Print the summary of the network that `config` describes."""
    kind = kind_of(config)
    layers = LAYERS[kind](config)
    if json:
        rows = [layer.to_dict() for layer in layers]
        print(json_text({"kind": kind, "layers": rows, "total": totals(layers)}))
    else:
        Console(highlight=False).print(table(layers))
    return 0


def table(layers: Sequence[Layer]) -> Table:
    """A row a layer, then the sums."""
    rows = Table(box=box.SIMPLE, caption="FLOPs: an image; a multiply-add is two.")
    rows.add_column("layer", no_wrap=True)
    rows.add_column("output", no_wrap=True)
    for heading in ("parameters", "forward\nFLOPs", "training\nFLOPs"):
        rows.add_column(heading, justify="right", no_wrap=True)
    for layer in layers:
        rows.add_row(layer.name, "x".join(map(str, layer.output)), *cells(layer.to_dict()))
    rows.add_section()
    rows.add_row("total", "", *cells(totals(layers)))
    return rows


def cells(figures: Mapping[str, Any]) -> list[str]:
    """The table's figures, digits in groups of three."""
    return [f"{figures[name]:,}" for name in ("parameters", "flops", "training_flops")]
