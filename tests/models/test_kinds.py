import subprocess
import sys

import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.models.architectures import LENET, FiveConv
from fmnist_jax.models.kinds import KINDS, conv_net, kind_of
from fmnist_jax.runs.pipeline import pipeline_of
from fmnist_jax.scratch.mlp import MLPConfig

CONFIGS = {"mlp": MLPConfig(), "cnn": LENET, "pipeline": pipeline_of(FiveConv())}


@pytest.mark.parametrize("name", KINDS)
def test_a_configuration_is_of_one_kind_and_gives_the_same_object(name: str) -> None:
    assert kind_of(CONFIGS[name]) == name
    build = KINDS[name].build
    assert build(CONFIGS[name]) is build(CONFIGS[name])
    assert build(CONFIGS[name]).losses is CONFIGS["mlp"].loss.forward


def test_what_describes_no_model_is_told() -> None:
    with pytest.raises(
        UserError, match="unknown kind of model 'FiveConv': known are cnn, mlp, pip"
    ):
        kind_of(FiveConv())


def test_flax_is_imported_with_the_first_convolutional_network_alone() -> None:
    program = (
        "import sys; from fmnist_jax import kinds, networks; print('flax' in sys.modules);"
        "kinds.KINDS['mlp'].build(kinds.MLPConfig()); print('flax' in sys.modules);"
        "from fmnist_jax.models.architectures import LENET; kinds.conv_net(LENET);"
        "print('flax' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False", "True"]


def test_networks_of_equal_descriptions_are_one() -> None:
    assert conv_net(FiveConv().network) is conv_net(FiveConv().network)
    assert conv_net(FiveConv().network) is not conv_net(FiveConv(hidden=5).network)
