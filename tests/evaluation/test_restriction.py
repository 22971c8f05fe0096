import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.evaluation.restriction import kept_shares, restricted_view, shared_classes
from keras_fer.labels import EXPRESSIONS_7, EXPRESSIONS_8

NAMES = ("a", "b", "c")


def test_golden_shares_of_what_is_kept():
    probabilities = np.array([[0.2, 0.1, 0.7], [0.3, 0.5, 0.2], [0.6, 0.3, 0.1]])
    shares = kept_shares(probabilities, NAMES, ("a", "b"))
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3], [0.375, 0.625], [2 / 3, 1 / 3]], rtol=1e-12)


def test_order_of_the_kept_names_is_the_order_of_the_result():
    shares = kept_shares(np.array([[1.0, 0, 0], [0, 0.5, 0.5]]), NAMES, ("c", "a"))
    np.testing.assert_allclose(shares, [[0, 1], [1, 0]])


def test_nothing_left_means_no_knowledge():
    np.testing.assert_allclose(kept_shares(np.array([[0.0, 0.0, 1.0]]), NAMES, ("a", "b")), [[0.5, 0.5]])


@pytest.mark.parametrize("kept", [("a",), ("a", "a"), ("a", "z"), ("a", "b", "z")])
def test_refuses_views_that_do_not_exist(kept):
    with pytest.raises(ValueError, match="`kept_names` must be at least two different names"):
        kept_shares(np.eye(3)[:1], NAMES, kept)


def test_a_view_is_named():
    view = restricted_view(EXPRESSIONS_8, EXPRESSIONS_7)
    assert view == "7 of the model's 8 classes, without contempt"
    assert restricted_view(EXPRESSIONS_7, EXPRESSIONS_7) == "7 classes"


def test_classes_are_matched_by_name_not_by_position():
    shared = shared_classes(("Happy", "sad", "anger"), ("sadness", "angry", "happiness"))
    assert shared.names == ("Happy", "sad", "anger")
    assert shared.label_ids == (1, 2, 0)
    assert shared.view == "3 classes"
    assert shared.left_out == ()


def test_a_model_of_eight_on_a_set_of_seven():
    shared = shared_classes(EXPRESSIONS_8, EXPRESSIONS_7)
    assert shared.names == EXPRESSIONS_7
    assert shared.view == "7 of the model's 8 classes, without contempt"


def test_a_model_of_seven_on_a_set_of_eight_leaves_images_out():
    shared = shared_classes(EXPRESSIONS_7, EXPRESSIONS_8)
    assert shared.label_ids == (0, 1, 2, 3, 4, 5, 6, -1)
    assert shared.left_out == ("contempt",)
    assert shared.view == "7 classes"


def test_a_taxonomy_restricts_the_view():
    shared = shared_classes(EXPRESSIONS_8, EXPRESSIONS_8, only=EXPRESSIONS_7)
    assert shared.names == EXPRESSIONS_7
    assert shared.left_out == ("contempt",)


def test_synonyms_stay_apart_where_both_have_them():
    names = ("angry", "bored", "happy", "joy")
    shared = shared_classes(names, names)
    assert (shared.names, shared.label_ids, shared.left_out) == (names, (0, 1, 2, 3), ())
    assert shared_classes(names, names, EXPRESSIONS_7).label_ids == (0, -1, 2, 3)


def test_own_classes_match_exactly():
    assert shared_classes(("tired", "awake"), ("awake", "tired")).label_ids == (1, 0)


def test_nothing_shared_is_an_error():
    with pytest.raises(FERError, match="share fewer than two"):
        shared_classes(("tired", "awake"), EXPRESSIONS_8)
