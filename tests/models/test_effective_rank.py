import numpy as np
import pytest

from keras_fer.models.effective_rank import EffectiveRank


def by_formula(representations):
    """exp of the entropy of the normalised spectrum of the covariance."""
    spectrum = np.linalg.eigvalsh(np.cov(representations, rowvar=False, bias=True)).clip(0)
    shares = spectrum / spectrum.sum()
    shares = shares[shares > 0]
    return np.exp(-np.sum(shares * np.log(shares)))


def test_by_hand():
    metric = EffectiveRank(2)
    metric.update_state(np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], np.float32))
    assert float(metric.result()) == pytest.approx(2.0, rel=1e-5)
    metric.reset_state()
    metric.update_state(np.array([[1, 1], [-1, -1]], np.float32))
    assert float(metric.result()) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("width", [3, 64])
def test_equals_the_formula_over_batches_of_different_size(width):
    generator = np.random.default_rng(0)
    representations = generator.normal(2.0, 1.0, (500, width)) @ generator.normal(size=(width, width))
    metric = EffectiveRank(width)
    for batch in np.split(representations, [7, 100, 499]):
        metric.update_state(batch.astype(np.float32))
    assert float(metric.result()) == pytest.approx(by_formula(representations), rel=1e-3)


def test_copies_of_a_direction_have_rank_one_though_each_has_deviation_one():
    direction = np.random.default_rng(0).normal(size=(200, 1))
    metric = EffectiveRank(16)
    metric.update_state(np.repeat(direction, 16, axis=1).astype(np.float32))
    assert float(metric.result()) == pytest.approx(1.0, abs=0.01)


def test_nothing_seen_and_constants():
    metric = EffectiveRank(4)
    assert float(metric.result()) == 0.0
    metric.update_state(np.ones((10, 4), np.float32))
    assert float(metric.result()) == 0.0


def test_config_round_trip():
    metric = EffectiveRank.from_config(EffectiveRank(7, name="rank").get_config())
    assert (metric.width, metric.name) == (7, "rank")
