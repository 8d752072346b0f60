"""The reports' multilayer perceptrons on pixels, each once, with its learning rate."""

from fmnist_jax.scratch.activations import GELU, LEAKY_GELU, LEAKY_RELU, RELU
from fmnist_jax.scratch.initializers import uniform_fan_in
from fmnist_jax.scratch.mlp import MLPConfig

REPORT_1 = {
    f"report 1: {sizes} {activation.name} dropout {dropout}": (
        MLPConfig(sizes, (activation,), dropout=dropout, initializer=uniform_fan_in),
        0.001,
    )
    for sizes, activation, dropout in (
        ((784, 128, 10), RELU, 0.2),
        ((784, 128, 10), RELU, 0.0),
        ((784, 128, 10), GELU, 0.2),
        ((784, 128, 10), GELU, 0.0),
        ((784, 128, 10), LEAKY_GELU, 0.2),
        ((784, 400, 250, 100, 10), RELU, 0.2),
        ((784, 400, 250, 100, 10), LEAKY_RELU, 0.2),
        ((784, 256, 128, 10), GELU, 0.2),
        ((784, 400, 250, 100, 10), GELU, 0.2),
    )
}
REPORT_2 = {
    "report 2": (MLPConfig((784, 256, 128, 10), (RELU,), initializer=uniform_fan_in), 0.001)
}
REPORT_4 = {
    "report 4": (MLPConfig((784, 128, 10)), 0.01),
    "report 4: dropout": (MLPConfig((784, 128, 10), dropout=0.2), 0.01),
    "report 4: L2": (MLPConfig((784, 128, 10), l2=1e-4), 0.01),
}
REPORTED = REPORT_1 | REPORT_2 | REPORT_4
