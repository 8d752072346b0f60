"""What training, evaluation and inference know of a network: pure functions, and what they describe."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Key

Parameters = Any
"""A pytree of arrays: what training changes by gradients."""
State = Any
"""A pytree of arrays that aren't parameters, such as batch norm's running statistics; {} if none."""
Inputs = Float[Array, "batch *shape"]
Features = Float[Array, "batch features"]
Logits = Float[Array, "batch classes"]
Targets = Float[Array, "batch classes"]
"""One distribution over the classes a row; one-hot for an image that is surely of its label's class."""


class Variables(NamedTuple):
    """All arrays of a network."""

    parameters: Parameters
    state: State


class Model(NamedTuple):
    """A network as pure functions; callers need not know whether the gradient is hand-written or autodiff.

    Jitted programs take a model as a static argument, so the same configuration must give the same
    object: `ModelConfig.build` is cached.
    """

    init: Callable[[Key[Array, ""]], Variables]
    """Draws the first parameters and sets the first state."""
    apply: Callable[[Variables, Inputs], Logits]
    """Inference: no dropout, the state as it is."""
    features: Callable[[Variables, Inputs], Features]
    """Inference up to the inputs of the last layers: what a later stage is trained on."""
    losses: Callable[[Logits, Targets], Float[Array, " batch"]]
    """One loss an example, without any penalty."""
    value_and_grad: Callable[
        [Variables, Inputs, Targets, Key[Array, ""]],
        tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters],
    ]
    """((mean loss and penalties, (logits, next state)), gradients); the key draws dropout masks."""


class Piecewise(NamedTuple):
    """A function that may have kinks, and the values that the network applies it to."""

    function: Callable[..., Array]
    values: object
    """An array, or a tuple of arrays."""


class HandWritten(NamedTuple):
    """A hand-written gradient and what a check of it needs; hashable, as `Model` is."""

    init: Callable[[Key[Array, ""]], Parameters]
    """Draws parameters at which the gradient is checked."""
    objective: Callable[
        [Parameters, Inputs, Targets, Key[Array, ""] | None], tuple[Float[Array, ""], Logits]
    ]
    """(what training minimises, logits); the key draws dropout masks, None means no dropout."""
    value_and_grad: Callable[
        [Parameters, Inputs, Targets, Key[Array, ""] | None],
        tuple[tuple[Float[Array, ""], Logits], Parameters],
    ]
    """((objective, logits), hand-written gradients)."""
    piecewise: Callable[[Parameters, Inputs, Key[Array, ""] | None], tuple[Piecewise, ...]]
    """All functions in which the objective may have a kink: activations and poolings."""
    input_shape: tuple[int, ...]
    classes: int


class Layer(NamedTuple):
    """A layer with weights, or a pooling, as `fmnist-jax summary` counts it."""

    name: str
    output: tuple[int, ...]
    """Shape for one image: (filters, height, width) or (units,)."""
    parameters: int
    """Weights and biases."""
    multiply_adds: int
    """Of a forward pass of one image."""
    first: bool = False
    """Whether training stops here, since no gradient of the inputs is needed."""

    @property
    def flops(self) -> int:
        """Operations of a forward pass of one image: 2 a multiply-add."""
        return 2 * self.multiply_adds

    @property
    def training_flops(self) -> int:
        """Operations of a training step an image, an estimate.

        Forward, gradient of the weights and gradient of the inputs cost the same; the first layer
        needs no gradient of its inputs. The optimizer's own work is left out.
        """
        return (2 if self.first else 3) * self.flops


@runtime_checkable
class ModelConfig(Protocol):
    """A description of a network, which builds it."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: (784,) where images are flattened, (28, 28) where they are not."""
        ...

    @property
    def features(self) -> int:
        """Width of the features."""
        ...

    @property
    def classes(self) -> int:
        """Number of classes."""
        ...

    @property
    def min_batch(self) -> int:
        """Fewest examples of a training step: 2 where the batch's variance is used, else 1."""
        ...

    def build(self) -> Model:
        """Build the network; the same object for the same configuration."""
        ...

    def hand_written(self) -> HandWritten:
        """Return the network's hand-written gradient; the same object for the same configuration."""
        ...

    def layers(self) -> tuple[Layer, ...]:
        """List the layers that turn an input into logits."""
        ...

    def feature_layers(self) -> tuple[Layer, ...]:
        """List the layers that turn an input into features."""
        ...

    def first_layer(self, variables: Variables) -> Float[Any, "units height width"]:
        """Return the first layer's weights, a picture a unit."""
        ...

    def feature_maps(
        self, variables: Variables, inputs: Float[Any, "batch *shape"]
    ) -> tuple[Float[Array, "filters height width batch"], ...]:
        """Compute what each block makes of the inputs; () for a network without maps."""
        ...
