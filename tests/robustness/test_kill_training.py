"""`kill -9` at drawn moments of the main command, of one network and of the pipeline."""

import pytest

from tests.robustness.kill import survived


@pytest.mark.parametrize(("job", "points"), [("mlp", 20), ("pipeline", 14)])
def test_a_killed_training_ends_as_one_left_alone(job: str, points: int):
    assert f"{job}: {points} kills survived" in survived(job, points)
