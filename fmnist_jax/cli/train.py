"""`fmnist-jax train`: the main job, from the data to predictions of the restored checkpoint."""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from fmnist_jax.cli.arguments import Unprefixed, call
from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.cli.job import Hooks, Output, perform
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, Z_SCORE, Scaling
from fmnist_jax.errors import UserError, unknown_name
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.pipeline_model import PipelineConfig
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.pipeline import (
    MAIN_NETWORK,
    MAIN_TRAINING,
    MLP_TRAINING,
    PipelineRun,
    TrainedPipeline,
    restore_network,
    train_pipeline,
)
from fmnist_jax.runs.presets import BACKBONE_RUN, LENET_RUN, SMALL_CNN_RUN, SMALLEST_RUN
from fmnist_jax.runs.run import CNN_TRAINING, CNNRun, MLPRun, Trained
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.initializers import Initializer, random
from fmnist_jax.scratch.losses import Loss
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig


def main(arguments: Sequence[str]) -> int:
    """Train the network that the first word names; the pipeline where none does."""
    words = list(arguments)
    name = words.pop(0) if words and not words[0].startswith("-") else "pipeline"
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    try:
        return call(NETWORKS[name], f"train {name}", words, runs.NAMES, prefixes=name == "pipeline")
    except Stopped as stopped:
        command = shlex.join(["fmnist-jax", "train", *arguments])
        print(f"To go on, give the same command again: {command}", file=sys.stderr)
        return stopped.exit_code


def mlp(run: MLPRun, output: Output) -> int:
    """Train the scratch MLP, whose gradients are written by hand.

    Args:
        run: What is trained, how, and on what.
        output: Where the results go.
    """
    return _train(run, output)


def cnn(
    network: FiveConv,
    data: DataConfig,
    output: Output,
    training: TrainingConfig = CNN_TRAINING,
    scaling: Scaling = SYMMETRIC,
) -> int:
    """Train report 1's five convolutions with their own dense layers.

    Args:
        network: What is trained.
        data: Which images.
        output: Where the results go.
        training: How it is trained.
        scaling: How grey levels become inputs.
    """
    return _train(CNNRun(network.network, training, scaling, data), output)


@dataclass(frozen=True)
class Head:
    """What can be chosen of a network whose blocks a report fixes: fields of `ConvNetConfig`."""

    hidden: tuple[int, ...]
    """Units of the dense layers between features and logits."""
    activation: Activation
    """After every convolution and every hidden layer."""
    initializer: Initializer
    """Draws every layer's first weights and biases."""
    loss: Loss
    """What training minimises."""


def named(run: CNNRun, description: str) -> Callable[..., int]:
    """The command that trains a network of fixed blocks; `run` gives these and the defaults."""
    names = [field.name for field in fields(Head)]
    default = Head(**{name: getattr(run.model, name) for name in names})

    def command(
        data: DataConfig,
        output: Output,
        network: Head = default,
        training: TrainingConfig = run.training,
        scaling: Scaling = run.scaling,
    ) -> int:
        model = replace(run.model, **{name: getattr(network, name) for name in names})
        return _train(CNNRun(model, training, scaling, data), output)

    _, blank, arguments = (cnn.__doc__ or "").partition("\n\n")
    command.__doc__ = description + blank + arguments
    return command


def _train(run: MLPRun | CNNRun, output: Output) -> int:
    def train(dataset: Dataset, hooks: Hooks) -> Trained:
        return runs.train(run, dataset, hooks.on_epoch[""], hooks.snapshots[""])

    return perform(run, train, output)


@dataclass(frozen=True)
class FeatureMLP:
    """The scratch MLP on features: `MLPConfig`, its layer sizes following the network's by default."""

    layer_sizes: tuple[int, ...] | None = None
    """Units of each layer, from the features to the classes; without it the features, --hidden, 10."""
    activations: tuple[Activation, ...] = (RELU,)
    """One activation for all hidden layers, or one for each."""
    dropout: float = 0.0
    """Probability with which a hidden activation is dropped while training."""
    initializer: Initializer = random
    """Draws the first weights and biases."""
    l2: float = 0.0
    """Coefficient c of the penalty c/2 * sum of all squared weights."""

    def on(self, network: ConvNetConfig, hidden: int) -> MLPConfig:
        """The MLP on the features of `network`."""
        sizes = self.layer_sizes
        if sizes is None:
            sizes = (network.features, hidden, network.classes)
        return MLPConfig(sizes, self.activations, self.dropout, self.initializer, self.l2)


def pipeline(
    data: Unprefixed[DataConfig],
    output: Unprefixed[Output],
    mlp: FeatureMLP,
    mlp_training: TrainingConfig = MLP_TRAINING,
    network: Unprefixed[FiveConv] = MAIN_NETWORK,
    network_training: Unprefixed[TrainingConfig] = MAIN_TRAINING,
    scaling: Scaling = SYMMETRIC,
    feature_scaling: Scaling = Z_SCORE,
    extractor: str | None = None,
) -> int:
    """Train five convolutions, then the scratch MLP on their features: the main job of report 1.

    `fmnist-jax train` alone is this. The other networks: fmnist-jax train mlp, cnn, small-cnn, lenet,
    backbone or smallest.

    Args:
        data: Which images.
        output: Where the results go.
        mlp: The scratch MLP.
        mlp_training: How the scratch MLP is trained.
        network: The convolutional network.
        network_training: How the convolutional network is trained.
        scaling: How grey levels become the network's inputs.
        feature_scaling: How features become the MLP's inputs.
        extractor: A checkpoint of `train cnn`, lenet, small-cnn, backbone or smallest, whose features
            are taken: only the MLP is trained.
    """
    trained, learned = None, None
    first = CNNRun(network.network, network_training, scaling, data)
    if extractor is not None:
        default = CNNRun(
            replace(MAIN_NETWORK, hidden=network.hidden).network, MAIN_TRAINING, data=data
        )
        if first != default:
            raise UserError(
                "--extractor brings its own network, training and scaling: leave out the options "
                "that describe them, or --extractor"
            )
        first, trained, learned = restore_network(extractor, data)
    run = PipelineRun(
        PipelineConfig(first.model, mlp.on(first.model, network.hidden), feature_scaling),
        first.training,
        mlp_training,
        first.scaling,
        data,
    )

    def train(dataset: Dataset, hooks: Hooks) -> TrainedPipeline:
        if learned not in (None, dataset.checksum):
            raise UserError(
                f"{extractor}: learned from other images than {dataset.source} (SHA-256 {learned}, "
                f"not {dataset.checksum}): name its own data, or train it anew"
            )
        on_network, on_mlp = hooks.on_epoch.get("network", runs.ignore), hooks.on_epoch["mlp"]
        return train_pipeline(
            run, dataset, on_network, on_mlp, hooks.on_features, trained, hooks.snapshots
        )

    return perform(run, train, output, given=trained)


NETWORKS = {
    "pipeline": pipeline,
    "mlp": mlp,
    "cnn": cnn,
    "small-cnn": named(SMALL_CNN_RUN, "Train report 2's small convolutional network."),
    "lenet": named(LENET_RUN, "Train report 3's LeNet."),
    "backbone": named(BACKBONE_RUN, "Train report 4's five-block backbone."),
    "smallest": named(SMALLEST_RUN, "Train the smallest network over 90 %."),
}
