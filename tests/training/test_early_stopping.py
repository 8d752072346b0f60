import pytest

from fmnist_jax.training.early_stopping import EarlyStopping, update


def after(values: list[float], min_delta: float = 0.0) -> EarlyStopping:
    stopping = EarlyStopping()
    for epoch, value in enumerate(values, start=1):
        stopping = update(stopping, epoch, value, min_delta)
    return stopping


def test_the_best_epoch_is_the_lowest_value():
    assert after([3.0, 1.0, 2.0]) == EarlyStopping(best_value=1.0, best_epoch=2, waited=1)


@pytest.mark.parametrize("min_delta", [0.0, 0.25])
def test_a_tie_is_not_a_new_best(min_delta: float):
    assert after([1.0, 1.0, 1.0], min_delta) == EarlyStopping(
        best_value=1.0, best_epoch=1, waited=2
    )


@pytest.mark.parametrize("min_delta", [0.0, 0.25])
def test_a_value_that_is_not_a_number_is_never_the_best(min_delta: float):
    nan = float("nan")
    assert after([nan, 2.0, nan], min_delta) == EarlyStopping(2.0, 2, 1)
    assert after([float("inf"), 2.0], min_delta) == EarlyStopping(2.0, 2, 0)


def test_without_min_delta_any_improvement_counts():
    assert after([1.0, 1.0 - 2**-50]) == EarlyStopping(1.0 - 2**-50, 2, 0)


def test_an_improvement_of_exactly_min_delta_counts_and_less_does_not():
    assert after([1.0, 0.75], 0.25) == EarlyStopping(0.75, 2, 0)
    assert after([1.0, 0.75 + 2**-50], 0.25) == EarlyStopping(1.0, 1, 1)


def test_improvements_are_measured_from_the_best_value_not_from_the_last():
    assert after([1.0, 0.875, 0.75, 0.625], 0.25) == EarlyStopping(0.75, 3, 1)


def test_a_figure_that_should_rise_is_passed_as_its_negative():
    assert after([-0.5, -0.75, -0.8125], 0.125) == EarlyStopping(-0.75, 2, 1)
