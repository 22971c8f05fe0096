import numpy as np
import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.one_factor import FACTORS, differs
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.interventions import (
    Sensitivity,
    measure_interventions,
    one_factor_scenes,
    sensitivity,
)

FACES = SyntheticConfig(image_size=32, difficulty="easy")


def test_the_ratio_by_hand():
    originals = np.array([[0.0, 0.0], [1.0, 0.0]])
    changed = np.array([[0.0, 1.0], [1.0, 2.0]])  # moved by 1 and 4
    unrelated = np.array([[3.0, 0.0], [1.0, 1.0]])  # apart by 9 and 1
    value, interval = sensitivity(originals, changed, unrelated)
    assert value == 0.5
    # Of the two pairs the first alone gives 1/9, the second alone 4.
    assert interval == (pytest.approx(1 / 9), 4.0)


def test_a_representation_that_does_not_notice_and_one_that_is_dead():
    rows = np.arange(12.0).reshape(6, 2)
    assert sensitivity(rows, rows, np.roll(rows, 1, axis=0)) == (0.0, (0.0, 0.0))
    assert sensitivity(rows, np.roll(rows, 1, axis=0), np.roll(rows, 1, axis=0)) == (1.0, (1.0, 1.0))
    value, interval = sensitivity(np.ones((6, 2)), np.ones((6, 2)), np.ones((6, 2)))
    assert np.isnan([value, *interval]).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(3, 2\), \(3, 2\), \(4, 2\)"):
        sensitivity(np.ones((3, 2)), np.ones((3, 2)), np.ones((4, 2)))


def test_scenes_differ_in_the_factor_and_in_nothing_that_is_not_part_of_it():
    groups = one_factor_scenes(FACES, 5)
    assert len(groups) == 5
    assert len({group[0].identity.number for group in groups}) == 5
    single = [factor for factor in FACTORS if factor not in ("identity", "nuisance")]
    for group in groups:
        scene = group[0]
        assert len(group) == 1 + len(FACTORS)
        for factor, changed in zip(FACTORS, group[1:], strict=True):
            assert differs(scene, factor, changed), factor
            others = [other for other in single if differs(scene, other, changed)]
            if factor in single:
                assert others == [factor]
            else:
                assert {FACTORS[other][0] for other in others} == {FACTORS[factor][0]}


def test_two_pairs_are_enough_to_draw_rare_values():
    for group in one_factor_scenes(FACES, 2, ("occlusion", "grey")):
        assert group[1].nuisance.occlusion != group[0].nuisance.occlusion
        assert group[2].nuisance.grey != group[0].nuisance.grey


def test_one_pair_is_no_comparison():
    with pytest.raises(ValueError, match="Received: num_pairs=1"):
        one_factor_scenes(FACES, 1)


def test_encoders_are_measured():
    done = []

    def encode(images):
        assert images.shape[1:] == (32, 32, 3)
        pixels = images.reshape(len(images), -1).astype(np.float32)
        return {"pixels": pixels, "constant": np.ones((len(images), 3))}

    factors = ("expression", "background", "nuisance")
    rows = measure_interventions(encode, FACES, 8, factors, progress=lambda *counts: done.append(counts))
    assert done[-1] == (32, 32)
    assert [(row.representation, row.factor) for row in rows] == [
        (name, factor) for name in ("pixels", "constant") for factor in factors
    ]
    expression, background, nuisance, *dead = rows
    # Mouth and brows are few pixels, the background is many, and all that is no face or person is most.
    assert 0 < expression.value < background.value < nuisance.value
    assert all(np.isnan(row.value) for row in dead)
    assert expression.interval.low <= expression.value <= expression.interval.high
    assert {row.num_pairs for row in rows} == {8}


def test_rows_are_plain_json():
    row = Sensitivity("r", "yaw", 0.25, Interval(0.2, 0.3), 8)
    assert row.to_dict() == {
        "representation": "r",
        "factor": "yaw",
        "value": 0.25,
        "interval": [0.2, 0.3],
        "num_pairs": 8,
    }
    dead = Sensitivity("r", "yaw", float("nan"), Interval(float("nan"), float("nan")), 8).to_dict()
    assert dead["value"] is None
    assert dead["interval"] == [None, None]
