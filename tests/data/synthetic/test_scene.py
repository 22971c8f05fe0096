from dataclasses import fields, replace

import numpy as np
import pytest

from keras_fer.data.synthetic.action_units import ACTION_UNITS
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render_scene
from keras_fer.data.synthetic.identity import Identity, sample_identity
from keras_fer.data.synthetic.nuisance import Nuisance
from keras_fer.data.synthetic.scene import factors, intervene, scene

CONFIG = SyntheticConfig(num_images=480, image_size=48)
STORED = {
    *("clean_label", "intensity", "action_units", "identity", "light", "gaze"),
    *("skin_tone", "age", "hair_style", "hair_tone", "glasses", "beard"),
    *("yaw", "pitch", "roll", "scale", "shift_x", "shift_y", "contrast", "warmth"),
    *("background", "blur", "exposure", "gamma", "noise", "grey", "occlusion"),
}
# What an intervention on another factor must move along with it: nothing, but these are derived.
DERIVED = {"light_x": "light", "light_y": "light", "gaze_x": "gaze", "gaze_y": "gaze"}


def differing(first, second):
    return {
        name for name, value in factors(first).items() if not np.array_equal(value, factors(second)[name])
    }


def test_all_factors_are_stored_as_float32():
    known = factors(scene(CONFIG, 0))
    assert known.keys() == STORED
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in known.values())
    assert known["action_units"].shape == (38,)
    assert known["light"].shape == (3,)


def test_scenes_repeat_and_depend_on_the_seed():
    first, again = scene(CONFIG, 17), scene(replace(CONFIG, label_noise=0.5), 17)
    assert differing(first, again) == set()
    assert len(differing(first, scene(replace(CONFIG, seed=1), 17))) > 10


def test_members_of_a_pair_differ_in_expression_only():
    paired = replace(CONFIG, pairs=True)
    for index in range(0, 60, 2):
        first, second = scene(paired, index), scene(paired, index + 1)
        assert first.identity == second.identity
        assert first.nuisance == second.nuisance
        assert differing(first, second) <= {"clean_label", "intensity", "action_units"}
        assert "clean_label" in differing(first, second)


def test_neighbours_do_not_share_their_nuisance():
    drawn = [scene(CONFIG, index) for index in range(24)]
    assert len({item.nuisance for item in drawn}) == 24
    assert len({item.identity for item in drawn}) == 1


@pytest.mark.parametrize(
    "factor",
    [*(field.name for field in fields(Nuisance)), "skin_tone", "age", "hair_style", "glasses", "beard"],
)
def test_an_intervention_changes_one_factor(factor):
    start = scene(CONFIG, 3)
    owner = start.nuisance if hasattr(start.nuisance, factor) else start.identity
    current = getattr(owner, factor)
    changed = intervene(start, factor, not current if isinstance(current, bool) else current + 1)
    assert differing(start, changed) == ({DERIVED.get(factor, factor)} & STORED)
    assert changed.expression is start.expression
    assert type(getattr(changed.nuisance if owner is start.nuisance else changed.identity, factor)) is type(
        current
    )


def test_an_intervention_on_an_action_unit():
    start = scene(CONFIG, 3)
    changed = intervene(start, "action_unit_12", 0.75)
    position = ACTION_UNITS.index(12)
    assert changed.expression.action_units[position].tolist() == [0.75, 0.75]
    others = np.delete(np.arange(19), position)
    np.testing.assert_array_equal(
        changed.expression.action_units[others], start.expression.action_units[others]
    )
    assert changed.nuisance is start.nuisance
    assert changed.identity is start.identity
    with pytest.raises(ValueError, match="no factor 'action_unit_3'"):
        intervene(start, "action_unit_3", 1)


@pytest.mark.parametrize("factor", ["mouth_width", "jaw_width", "brow_tilt", "texture", "nose_width"])
def test_an_intervention_on_a_latent_changes_the_picture(factor):
    start = scene(CONFIG, 3)
    low = intervene(start, factor, getattr(start.identity, factor) * 1.1 + 0.03)
    assert isinstance(low.identity, Identity)
    assert (render_scene(CONFIG, low) != render_scene(CONFIG, start)).any()


def test_identities_are_those_of_the_table():
    assert scene(CONFIG, 100).identity == sample_identity(0, CONFIG.identity(100))


@pytest.mark.parametrize("index", [-1, 480])
def test_no_such_image(index):
    with pytest.raises(IndexError, match=f"0 to 479. Received: index={index}"):
        scene(CONFIG, index)
