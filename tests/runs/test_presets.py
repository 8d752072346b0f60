"""The reports' own figures, and that experiments train what the recipes say."""

from dataclasses import replace

from experiments.beyond import smallest_network
from experiments.engine.runner import REPORTED
from experiments.reports.report2 import convnet as report2_cnn
from experiments.reports.report3 import lenet as report3_lenet
from experiments.reports.report4 import backbone as report4_backbone
from fmnist_jax.models.architectures import BACKBONE, LENET, SMALL_CNN
from fmnist_jax.runs.presets import BACKBONE_RUN, LENET_RUN, SMALL_CNN_RUN, SMALLEST_RUN
from fmnist_jax.scratch.initializers import he_normal, he_uniform
from fmnist_jax.training.optimizers import adam, sgd


def test_report_2():
    training = SMALL_CNN_RUN.training
    assert SMALL_CNN_RUN.model == replace(SMALL_CNN, initializer=he_uniform)
    assert (training.optimizer, training.learning_rate) == (adam, 0.001)
    entry = REPORTED["report_2"][1]
    assert (training.batch_size, training.epochs) == (entry["batch_size"], entry["epochs"])
    assert (training.monitor, training.patience) == ("accuracy", None)


def test_report_3():
    training = LENET_RUN.training
    assert LENET_RUN.model is LENET
    assert (training.optimizer, training.learning_rate) == (adam, 0.001)
    assert (training.batch_size, training.epochs) == (100, 25)


def test_report_4():
    training = BACKBONE_RUN.training
    assert BACKBONE_RUN.model == replace(BACKBONE, initializer=he_normal)
    assert (training.optimizer, training.learning_rate) == (sgd, 0.1)
    assert (training.batch_size, training.epochs) == (64, 10)


def test_experiments_have_a_row_of_each():
    for recipe, module in (
        (SMALL_CNN_RUN, report2_cnn),
        (LENET_RUN, report3_lenet),
        (BACKBONE_RUN, report4_backbone),
        (SMALLEST_RUN, smallest_network),
    ):
        runs = [row.run for row in module.EXPERIMENT.rows]
        assert recipe in [getattr(run, "network_run", run) for run in runs]
