import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.synthetic.difficulty import DIFFICULTIES
from keras_fer.data.synthetic.nuisance import NUM_BACKGROUNDS, sample_nuisance


@settings(deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(sorted(DIFFICULTIES)))
def test_ranges(seed, name):
    difficulty = DIFFICULTIES[name]
    nuisance = sample_nuisance(np.random.default_rng(seed), difficulty)
    assert abs(nuisance.yaw) <= 0.6 * difficulty.pose
    assert abs(nuisance.pitch) <= 0.35 * difficulty.pose
    assert abs(nuisance.roll) <= 0.35 * difficulty.pose
    assert 0.35 < nuisance.scale < 0.55
    assert 0 <= nuisance.background < NUM_BACKGROUNDS
    assert 0 <= nuisance.contrast <= 0.75
    assert nuisance.blur >= 0
    assert nuisance.noise >= 0
    assert nuisance.occlusion == 0 or 0.2 <= nuisance.occlusion <= 0.45
    light = np.array(nuisance.light)
    assert light[2] > 0
    assert np.linalg.norm(light) < 1.2


def test_harder_is_more_varied():
    drawn = {
        name: [sample_nuisance(np.random.default_rng(seed), difficulty) for seed in range(400)]
        for name, difficulty in DIFFICULTIES.items()
    }
    for value in ("yaw", "blur", "noise", "exposure", "light_x"):
        spread = [np.std([getattr(item, value) for item in drawn[name]]) for name in DIFFICULTIES]
        assert spread == sorted(spread), value
    occluded = [np.mean([item.occlusion > 0 for item in drawn[name]]) for name in DIFFICULTIES]
    assert occluded == sorted(occluded)
