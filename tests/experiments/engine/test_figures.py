import pytest

from experiments.engine.figures import column_title, figure, has_figures, keep_splits

MEASURED = {
    "stages": {
        "convnet": {"test_accuracy": 90.0, "train_loss": 0.2, "best_epoch": 3},
        "mlp": {"test_accuracy": 91.0, "validation_loss": 0.3, "history": {"test_like": [1]}},
    },
    "seconds": 12.0,
}


def test_a_column_is_of_the_last_stage_or_of_the_named_one():
    assert figure(MEASURED, "test_accuracy") == 91.0
    assert figure(MEASURED, "convnet.test_accuracy") == 90.0
    assert figure(MEASURED, "mlp.validation_loss") == 0.3
    with pytest.raises(KeyError):
        figure(MEASURED, "best_epoch")


def test_which_figures_a_run_has():
    assert has_figures(MEASURED, ("test_accuracy", "convnet.best_epoch"))
    assert not has_figures(MEASURED, ("best_epoch",))
    assert not has_figures(MEASURED, ("other.test_accuracy",))


def test_other_splits_are_left_out():
    kept = keep_splits(MEASURED, ("train", "validation"))
    assert kept["stages"]["convnet"] == {"train_loss": 0.2, "best_epoch": 3}
    assert kept["stages"]["mlp"] == {"validation_loss": 0.3, "history": {"test_like": [1]}}
    assert kept["seconds"] == 12.0
    assert "test_accuracy" in MEASURED["stages"]["mlp"]
    assert keep_splits(MEASURED, ("train", "validation", "test")) == MEASURED


def test_titles():
    assert column_title("convnet.test_class_4") == "convnet test class 4"
