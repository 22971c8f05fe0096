import pytest

from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_7, EXPRESSIONS_8, canonical_expression, label_ids, taxonomy


def test_the_order_is_that_of_affectnet():
    names = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
    assert names == EXPRESSIONS_8
    assert names[:7] == EXPRESSIONS_7


def test_names_are_mapped_by_name_and_not_by_position():
    alphabetical = ["Angry", "disgust", "fear", "HAPPY", "neutral", "sad", " surprise "]
    assert label_ids(alphabetical, EXPRESSIONS_8) == [6, 5, 4, 1, 0, 2, 3]
    assert label_ids(["contempt", "bored"], EXPRESSIONS_7) == [-1, -1]


def test_the_same_name_wins_over_another_of_the_same_meaning():
    names = ("angry", "bored", "happy", "joy")
    assert label_ids(names, names) == [0, 1, 2, 3]
    assert label_ids(["smile", "anger"], names) == [2, 0]


def test_what_is_no_expression_has_no_canonical_name():
    assert canonical_expression("joy") == "happiness"
    assert canonical_expression("none") is None


def test_an_unknown_taxonomy_is_refused():
    assert taxonomy("expressions-7") == EXPRESSIONS_7
    with pytest.raises(FERError, match="expressions-8"):
        taxonomy("expressions-9")
