from keras_fer.training.config import TrainingConfig
from keras_fer.training.draw_seed import draw_seed


def seed(value=3, weights=None):
    return draw_seed(TrainingConfig(dataset="data", output="run", seed=value, weights=weights))


def test_a_run_from_scratch_draws_by_its_own_seed():
    assert seed() == 3


def test_a_second_stage_draws_otherwise_than_the_first():
    second = seed(weights="first")
    assert 0 <= second < 2**31
    assert len({3, 4, second, seed(4, weights="first")}) == 4


def test_where_the_weights_lie_and_whether_they_still_do_changes_nothing():
    # A run that is resumed need not have them any more, and each process of a cluster may have its own path.
    assert seed(weights="first") == seed(weights="/gone/first.keras")
