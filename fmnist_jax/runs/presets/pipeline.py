"""Reports 1 and 4: a convolutional network, then the scratch MLP on its features."""

from pathlib import Path

from attrs import evolve, frozen
from tyro.conf import OmitArgPrefixes as Unprefixed

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.checkpoint.locate import find_checkpoint
from fmnist_jax.config.codec import decode
from fmnist_jax.config.fields import check_type
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, Z_SCORE, Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.runs.config import NAMES, Run, Stage, check_same_split
from fmnist_jax.runs.presets import five_conv
from fmnist_jax.runs.presets.base import Plan, Preset
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.initializers import Initializer, uniform_fan_in
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import cosine

NETWORK = FiveConv(filters=(16, 32, 64, 128, 256), hidden=512)
"""The network of the main job, `fmnist-jax train`."""

TRAINING = evolve(five_conv.TRAINING, schedule=cosine)
"""How the main job trains it: report 1's ten epochs, the rate falling along a cosine."""

MLP_TRAINING = TrainingConfig(learning_rate=0.01)
"""How the MLP on features is trained: as the one on pixels, at a rate chosen on validation
(`experiments/reports/report1/table2_selection.py`)."""


def mlp_on(network: FiveConv) -> MLPConfig:
    """Describe report 1's MLP on the network's features: ReLU, as wide as the network's own head."""
    config = network.network
    sizes = (config.features, network.hidden, config.classes)
    return MLPConfig(sizes, initializer=uniform_fan_in)


def pipeline(
    network: FiveConv = NETWORK,
    training: TrainingConfig = TRAINING,
    mlp_training: TrainingConfig = MLP_TRAINING,
    data: DataConfig | None = None,
) -> Run:
    """Describe report 1's pipeline: a five-conv network, then the scratch MLP on its features.

    Args:
        network: The five convolutions and the hidden width of both heads.
        training: How the network is trained.
        mlp_training: How the MLP is trained.
        data: Which images; by default Fashion-MNIST with the usual split.

    Returns:
        A run of two stages, "convnet" and "mlp".

    Raises:
        UserError: For a network that isn't a `FiveConv`.

    Examples:
        >>> [stage.model.features for stage in pipeline().stages]
        [256, 512]
    """
    check_type("network", network, FiveConv, "FiveConv(hidden=512)")
    return Run(
        (
            Stage("convnet", network.network, training, SYMMETRIC),
            Stage("mlp", mlp_on(network), mlp_training, Z_SCORE),
        ),
        data or DataConfig(),
    )


@frozen
class FeatureMLP:
    """The scratch MLP on features: `MLPConfig`, by default with the sizes that follow from the network."""

    layer_sizes: tuple[int, ...] | None = None
    """Units of each layer, from the features to the classes; by default the features, --hidden, 10."""
    activations: tuple[Activation, ...] = (RELU,)
    """One activation for all hidden layers, or one for each."""
    dropout: float = 0.0
    """Probability with which a hidden activation is dropped while training."""
    initializer: Initializer = uniform_fan_in
    """Draws the first weights and biases."""
    l2: float = 0.0
    """Coefficient c of the penalty c/2 * sum of all squared weights."""

    def on(self, features: int, hidden: int, classes: int) -> MLPConfig:
        """Describe the MLP on that many features."""
        sizes = self.layer_sizes
        if sizes is None:
            sizes = (features, hidden, classes)
        return MLPConfig(sizes, self.activations, self.dropout, self.initializer, self.l2)


@frozen
class FirstStage:
    """The convolutional network and how it is trained."""

    network: Unprefixed[FiveConv] = NETWORK
    """The convolutional network."""
    network_training: Unprefixed[TrainingConfig] = TRAINING
    """How it is trained."""
    scaling: Scaling = SYMMETRIC
    """How grey levels become its inputs."""
    extractor: str | None = None
    """A checkpoint or run of one convolutional network to take features from: only the MLP is trained."""


def options(
    data: Unprefixed[DataConfig],
    mlp: FeatureMLP = FeatureMLP(),
    mlp_training: TrainingConfig = MLP_TRAINING,
    first: Unprefixed[FirstStage] = FirstStage(),
    feature_scaling: Scaling = Z_SCORE,
) -> Plan:
    """Train five convolutions, then the scratch MLP on their features: the main job, report 1's pipeline.

    `fmnist-jax train` alone does this. `fmnist-jax train NETWORK --help` shows the options of the others.

    Args:
        data: Which images.
        mlp: The scratch MLP.
        mlp_training: How the scratch MLP is trained.
        first: The convolutional network.
        feature_scaling: How features become the MLP's inputs.
    """
    hidden = first.network.hidden
    stage = Stage("convnet", first.network.network, first.network_training, first.scaling)
    plan = Plan(Run((stage,), data))
    if first.extractor is not None:
        if evolve(first, extractor=None, network=evolve(first.network, hidden=NETWORK.hidden)) != (
            FirstStage()
        ):
            raise UserError(
                "--extractor brings its own network, training and scaling: leave out the options that "
                "describe them, or --extractor"
            )
        plan = restore_extractor(first.extractor, data)
    model = plan.run.stages[0].model
    mlp_model = mlp.on(model.features, hidden, model.classes)
    last = Stage("mlp", mlp_model, mlp_training, feature_scaling)
    return plan._replace(run=evolve(plan.run, stages=(*plan.run.stages, last)))


def restore_extractor(path_or_name: str | Path, data: DataConfig) -> Plan:
    """Restore a network as the first stage of a run on `data`, which splits the images as its own run."""
    path = find_checkpoint(path_or_name)
    checkpoint = restore_checkpoint(path)
    names = [stage.name for stage in checkpoint.stages]
    if len(names) != 1 or len(checkpoint.stages[0].model.input_shape) == 1:
        raise UserError(
            f"{path}: a checkpoint with the stages {', '.join(names)}; name one with a single "
            "convolutional network, as fmnist-jax train five-conv writes it"
        )
    stored = decode(Run, checkpoint.run, NAMES, path)
    check_same_split(data, stored.data, path)
    fitted: tuple[FittedStage, ...] = checkpoint.stages
    return Plan(evolve(stored, data=data), fitted, checkpoint.data_checksum)


PRESET = Preset(options, prefixes=True)
