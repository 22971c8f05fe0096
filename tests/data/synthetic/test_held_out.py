from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render_scene
from keras_fer.data.synthetic.held_out import FIRST_PERSON, Use, held_out_scene, swapped
from keras_fer.data.synthetic.identity import sample_identity
from keras_fer.data.synthetic.scene import Scene, factors, scene

FACES = SyntheticConfig(num_images=480, image_size=32, difficulty="easy")


def test_scenes_are_of_people_and_draws_that_no_data_set_has():
    known = [scene(FACES, index) for index in range(0, 480, 24)]
    fresh = [held_out_scene(FACES, Use.SWAP_BASE, person, 1, person) for person in range(20)]
    assert all(item.identity.number >= FIRST_PERSON for item in fresh)
    for part in ("identity", "nuisance"):
        drawn = {repr(replace_number(getattr(item, part))) for item in known}
        assert drawn.isdisjoint({repr(replace_number(getattr(item, part))) for item in fresh})


def replace_number(part):
    return replace(part, number=0) if hasattr(part, "number") else part


def test_person_expression_and_nuisance_are_separate():
    first = held_out_scene(FACES, Use.SWAP_BASE, 3, 1, 7)
    other_label, other_person = (
        held_out_scene(FACES, Use.SWAP_BASE, 3, 2, 7),
        held_out_scene(FACES, Use.SWAP_BASE, 4, 1, 7),
    )
    other_draw = held_out_scene(FACES, Use.SWAP_BASE, 3, 1, 8)
    assert first.identity == other_label.identity == other_draw.identity != other_person.identity
    assert first.nuisance == other_label.nuisance == other_person.nuisance != other_draw.nuisance
    assert (first.expression.label, other_label.expression.label) == (1, 2)
    assert not np.array_equal(first.expression.action_units, other_draw.expression.action_units)
    np.testing.assert_array_equal(first.expression.action_units, other_person.expression.action_units)


@pytest.mark.parametrize("change", [{"seed": 1}, {"difficulty": "hard"}])
def test_seed_and_difficulty_decide(change):
    first = held_out_scene(FACES, Use.SWAP_BASE, 0, 1, 0)
    assert held_out_scene(replace(FACES, **change), Use.SWAP_BASE, 0, 1, 0).nuisance != first.nuisance


def test_the_swap_differs_from_its_base_in_the_action_units_alone():
    base, other = held_out_scene(FACES, Use.SWAP_BASE, 0, 1, 0), held_out_scene(FACES, Use.SWAP_BASE, 1, 6, 1)
    target = swapped(base, other)
    known, wanted, given = factors(target), factors(base), factors(other)
    different = {name for name in known if not np.array_equal(known[name], wanted[name])}
    assert different <= {"clean_label", "intensity", "action_units"}
    np.testing.assert_array_equal(known["action_units"], given["action_units"])


def test_the_swap_is_the_picture_that_a_hand_made_scene_gives():
    base, other = held_out_scene(FACES, Use.SWAP_BASE, 0, 1, 0), held_out_scene(FACES, Use.SWAP_BASE, 1, 6, 1)
    by_hand = Scene(sample_identity(0, FIRST_PERSON), other.expression, base.nuisance)
    picture = render_scene(FACES, swapped(base, other))
    np.testing.assert_array_equal(picture, render_scene(FACES, by_hand))
    assert (picture != render_scene(FACES, base)).any()


def test_uses_share_people_and_no_draw():
    scenes = [held_out_scene(FACES, use, 3, 1, 7) for use in Use]
    assert len({item.identity for item in scenes}) == 1
    assert len({item.nuisance for item in scenes}) == len(Use)
    assert len({item.expression.action_units.tobytes() for item in scenes}) == len(Use)
