import pytest

from fmnist_jax.runs.parts import titled, trainings
from fmnist_jax.runs.pipeline import MAIN_TRAINING, MLP_TRAINING, PipelineRun
from fmnist_jax.runs.run import CNNRun, MLPRun


def test_a_pipeline_has_two_parts_the_network_first():
    assert list(trainings(PipelineRun()).items()) == [
        ("network", MAIN_TRAINING),
        ("mlp", MLP_TRAINING),
    ]


@pytest.mark.parametrize("run", [MLPRun(), CNNRun()])
def test_any_other_run_has_one_without_a_name(run: MLPRun | CNNRun):
    assert trainings(run) == {"": run.training}


def test_files_are_named_after_parts_where_there_are_several():
    assert titled("metrics", "") == "metrics"
    assert titled("metrics", "mlp") == "metrics_mlp"
