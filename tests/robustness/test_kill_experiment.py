"""`kill -9` at drawn moments of an experiment's rows."""

from tests.robustness.kill import survived


def test_a_killed_experiment_ends_as_one_left_alone():
    assert "experiment: 10 kills survived" in survived("experiment", 10)
