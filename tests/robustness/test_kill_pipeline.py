"""`kill -9` at drawn moments of the main command, training a pipeline."""

from tests.robustness.kill import survived


def test_a_killed_training_ends_as_one_left_alone():
    assert "pipeline: 10 kills survived" in survived("pipeline", 10)
