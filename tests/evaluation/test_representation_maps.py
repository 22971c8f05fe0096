import re

import numpy as np
import pytest

from keras_fer.evaluation import representation_maps as module
from keras_fer.evaluation.representation_maps import representation_maps
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION

LABELS = np.array([0, 1, -1, 0, 1, 0, 1, 1])
CODES = {EXPRESSION_REPRESENTATION: np.eye(8), NON_EXPRESSION_REPRESENTATION: np.ones((8, 2))}


@pytest.fixture(autouse=True)
def places(monkeypatch):
    """The places of `embedding` are tested there; here a row's place is its number."""
    seen = []

    def embedding(rows, seed):
        seen.append((rows, seed))
        return np.arange(len(rows))[:, None] / 8 * np.ones(2)

    monkeypatch.setattr(module, "embedding", embedding)
    return seen


def dots(svg):
    """How many dots each group has, panel by panel."""
    return [(name, path.count("h0")) for path, name in re.findall(r'<path d="([^"]+)".*?<title>(.*?)<', svg)]


def test_without_people_there_is_one_colouring(places):
    done = []
    svg = representation_maps(CODES, LABELS, ("calm", "glad"), None, 3, lambda *counts: done.append(counts))
    assert svg.count("coloured by expression: colours should part") == 1
    assert svg.count("coloured by expression: colours should mix") == 1
    assert "person" not in svg
    assert dots(svg) == 2 * [("others", 1), ("calm", 3), ("glad", 4)]
    assert done == [(1, 2), (2, 2)]
    assert [rows is CODES[name] for (rows, _), name in zip(places, CODES, strict=True)] == [True, True]
    assert {seed for _, seed in places} == {3}


def test_people_who_are_seen_most_get_a_colour(monkeypatch):
    monkeypatch.setattr(module, "_NAMED_PEOPLE", 2)
    people = np.array([7, 7, 3, 5, 5, 5, -1, 0])
    svg = representation_maps(CODES, LABELS, ("calm", "glad"), people)
    assert dots(svg)[6:] == 2 * [("others", 3), ("person 6", 3), ("person 8", 2)]
    assert 'aria-label="Maps of both representations, coloured by expression and by person"' in svg


def test_nobody_known_is_no_colouring():
    assert "person" not in representation_maps(CODES, LABELS, ("calm", "glad"), np.full(8, -1))


def test_more_expressions_than_colours():
    names = [f"class {number}" for number in range(12)]
    svg = representation_maps(CODES, np.array([0, 9, 10, 11, 0, 0, 0, 0]), names)
    assert dots(svg)[:3] == [("others", 2), ("class 0", 5), ("class 9", 1)]
