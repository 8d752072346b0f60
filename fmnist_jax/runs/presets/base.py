"""What a preset is: a named run with options, as `fmnist-jax train NAME` takes them."""

from collections.abc import Callable
from typing import NamedTuple

from attrs import asdict, evolve, fields_dict, frozen

from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Scaling
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.gradients import AUTODIFF, Gradients
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.models.views import Views, one_view
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.scratch.activations import Activation
from fmnist_jax.scratch.initializers import Initializer
from fmnist_jax.scratch.losses import Loss
from fmnist_jax.training.config import TrainingConfig


class Plan(NamedTuple):
    """A run, and the stages of it that were trained before."""

    run: Run
    fitted: tuple[FittedStage, ...] = ()
    data_checksum: str | None = None
    """Of the images that the fitted stages were trained on."""


class Preset(NamedTuple):
    """A network that the command line trains by name."""

    options: Callable[..., Plan]
    """Takes the options and returns a `Plan`; its docstring is the command's help."""
    prefixes: bool = False
    """Whether a nested option begins with its parameter's name, as --mlp-training.epochs."""


@frozen
class Head:
    """The fields of `ConvNetConfig` that can be chosen for a network whose blocks are fixed."""

    hidden: tuple[int, ...]
    """Units of the dense layers between features and logits."""
    activation: Activation
    """After every convolution and every hidden layer."""
    initializer: Initializer
    """Draws every layer's first weights and biases."""
    loss: Loss
    """What training minimises."""
    gradients: Gradients = AUTODIFF
    """How training computes gradients."""
    batch_norm: bool = False
    """Whether each convolution is normalised over the batch, before the activation."""
    dropout: float = 0.0
    """Probability that training drops an input of a dense layer."""


def fixed_blocks(
    description: str, model: ConvNetConfig, training: TrainingConfig, scaling: Scaling
) -> Preset:
    """Make the preset of a convolutional network whose blocks are fixed; the rest are defaults."""
    default = Head(**{name: getattr(model, name) for name in fields_dict(Head)})
    defaults = (training, scaling)

    def options(
        data: DataConfig,
        network: Head = default,
        training: TrainingConfig = defaults[0],
        scaling: Scaling = defaults[1],
        views: Views = one_view,
    ) -> Plan:
        chosen = evolve(model, **asdict(network, recurse=False))
        return Plan(Run((Stage("convnet", chosen, training, scaling, views),), data))

    options.__doc__ = f"""{description}

    Args:
        data: Which images.
        network: What is trained.
        training: How it is trained.
        scaling: How grey levels become inputs.
        views: The views of an image that logits are averaged over; training learns from one.
    """
    return Preset(options)


def default_run(preset: Preset) -> Run:
    """Return the preset's run with all defaults."""
    return preset.options(DataConfig()).run
