import shutil

import pytest

from keras_fer.models.building import disentangling_model
from keras_fer.training.config import TrainingConfig
from keras_fer.training.draw_seed import draw_seed


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two small models in files."""
    folder = tmp_path_factory.mktemp("saved")
    for name in ("one", "other"):
        disentangling_model("plain_small", 8, image_size=16, objective="baseline").save(
            folder / f"{name}.keras"
        )
    return folder


def seed(weights=None, value=3):
    return draw_seed(
        TrainingConfig(dataset="data", output="run", seed=value, weights=weights and str(weights))
    )


def test_a_run_from_scratch_draws_by_its_own_seed():
    assert seed() == 3


def test_a_second_stage_draws_otherwise_than_the_first(saved):
    second = seed(saved / "one.keras")
    assert 0 <= second < 2**31
    assert len({3, second, seed(saved / "other.keras"), seed(saved / "one.keras", value=4)}) == 4


def test_the_content_of_the_weights_counts_not_their_place(saved, tmp_path):
    run = tmp_path / "moved"
    run.mkdir()
    shutil.copy(saved / "one.keras", run / "model.keras")
    assert seed(run) == seed(saved / "one.keras")


def test_weights_that_are_gone_change_nothing(tmp_path):
    assert seed(tmp_path / "none.keras") == 3
