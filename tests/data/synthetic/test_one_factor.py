from dataclasses import fields

import numpy as np
import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.held_out import Use, held_out_scene
from keras_fer.data.synthetic.identity import Identity
from keras_fer.data.synthetic.nuisance import Nuisance
from keras_fer.data.synthetic.one_factor import FACTORS, differs, first_that_differs, with_factor_of

FACES = SyntheticConfig(num_images=480, image_size=32)
SCENE, DONOR = (
    held_out_scene(FACES, Use.INTERVENTION, 0, 1, 0),
    held_out_scene(FACES, Use.INTERVENTION, 1, 6, 1),
)


def values(scene):
    """Returns every field of a scene as `part.field`."""
    return {
        f"{part}.{field.name}": np.asarray(getattr(getattr(scene, part), field.name))
        for part in ("identity", "expression", "nuisance")
        for field in fields(getattr(scene, part))
    }


@pytest.mark.parametrize("factor", FACTORS)
def test_one_factor_comes_from_the_donor_and_the_rest_stays(factor):
    part, names = FACTORS[factor]
    owned = {f"{part}.{name}" for name in names}
    before, given, after = values(SCENE), values(DONOR), values(with_factor_of(SCENE, factor, DONOR))
    for name, value in after.items():
        np.testing.assert_array_equal(value, given[name] if name in owned else before[name], err_msg=name)


def test_factors_are_made_of_fields_that_exist():
    known = {"identity": Identity, "nuisance": Nuisance}
    for part, names in FACTORS.values():
        if part in known:
            assert set(names) <= {field.name for field in fields(known[part])}


def test_no_such_factor():
    with pytest.raises(ValueError, match="Received: factor='mood'"):
        with_factor_of(SCENE, "mood", DONOR)


def test_what_differs():
    assert differs(SCENE, "expression", DONOR)
    # Another way to show the same expression is no other expression.
    assert not differs(SCENE, "expression", held_out_scene(FACES, Use.INTERVENTION, 0, 1, 5))
    assert differs(SCENE, "yaw", DONOR)
    assert not differs(SCENE, "yaw", with_factor_of(DONOR, "yaw", SCENE))
    assert not differs(SCENE, "identity", held_out_scene(FACES, Use.INTERVENTION, 0, 6, 9))


def test_the_first_that_differs():
    donors = [held_out_scene(FACES, Use.INTERVENTION, person, 1, person) for person in range(2, 60)]
    found = first_that_differs(SCENE, "glasses", donors)
    position = donors.index(found)
    assert found.identity.glasses != SCENE.identity.glasses
    assert all(donor.identity.glasses == SCENE.identity.glasses for donor in donors[:position])
    assert first_that_differs(SCENE, "glasses", [SCENE]) is None
