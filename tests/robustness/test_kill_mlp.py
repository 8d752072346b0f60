"""`kill -9` at drawn moments of the main command, training one network."""

from tests.robustness.kill import survived


def test_a_killed_training_ends_as_one_left_alone():
    assert "mlp: 20 kills survived" in survived("mlp", 20)
