from fmnist_jax.training.early_stopping import EarlyStopping, update


def after(values: list[float]) -> EarlyStopping:
    stopping = EarlyStopping()
    for epoch, value in enumerate(values, start=1):
        stopping = update(stopping, epoch, value)
    return stopping


def test_the_best_epoch_is_the_lowest_value():
    assert after([3.0, 1.0, 2.0]) == EarlyStopping(best_value=1.0, best_epoch=2, waited=1)


def test_a_tie_is_not_a_new_best():
    assert after([1.0, 1.0, 1.0]) == EarlyStopping(best_value=1.0, best_epoch=1, waited=2)


def test_a_value_that_is_not_a_number_is_never_the_best():
    assert after([float("nan"), 2.0, float("nan")]) == EarlyStopping(2.0, 2, 1)
