import numpy as np
import pytest

from keras_fer.evaluation.retrieval import Retrieval, nearest_of_other_groups, retrieval

# On a line: two people (groups) with pictures at these places.
PLACES = np.array([[0.0], [1.0], [2.1], [10.0]])
PEOPLE = np.array([0, 0, 1, 1])


def test_the_nearest_of_another_group_by_hand():
    np.testing.assert_array_equal(
        nearest_of_other_groups(PLACES, PEOPLE, 2), [[2, 3], [2, 3], [1, 0], [1, 0]]
    )


def test_the_first_of_equal_distances():
    np.testing.assert_array_equal(
        nearest_of_other_groups(np.zeros((4, 1)), np.array([0, 1, 2, 2])), [[1], [0], [0], [0]]
    )


def test_large_arrays_are_cut_into_pieces_that_know_their_groups():
    import sklearn

    rows = np.random.default_rng(0).normal(size=(300, 4))
    groups = np.arange(300) % 7
    expected = nearest_of_other_groups(rows, groups)
    with sklearn.config_context(working_memory=0.1):  # mebibytes
        np.testing.assert_array_equal(nearest_of_other_groups(rows, groups), expected)
    assert (groups[expected[:, 0]] != groups).all()


@pytest.mark.parametrize(
    ("groups", "count", "message"),
    [
        (np.zeros(4, int), 1, "4 rows, of which 4 are of one group"),
        (PEOPLE, 3, "needs 3 rows of other groups"),
        (np.zeros(3, int), 1, r"\(4, 1\), \(3,\)"),
    ],
)
def test_refused(groups, count, message):
    with pytest.raises(ValueError, match=message):
        nearest_of_other_groups(PLACES, groups, count)


def ask(values, labels):
    return retrieval(
        values,
        np.array(labels),
        PEOPLE,
        PEOPLE,
        representation="r",
        wanted="expression",
        among_other="identity",
    )


def test_rate_and_chance_by_hand():
    # Neighbours are pictures 2, 2, 1, 1 with the labels 5, 5, 5, 5.
    result = ask(PLACES, [4, 5, 5, 4])
    assert result.rate == 0.5
    # Every picture finds one with its label among the two of the other person.
    assert result.chance == 0.5
    assert result.interval == (0.5, 0.5)
    assert result.num_queries == 4
    # Labels 4, 4 | 5, 4: the chances are 1/2, 1/2, 0 and 1.
    assert ask(PLACES, [4, 4, 5, 4]).chance == 0.5
    assert ask(PLACES, [4, 4, 5, 5]).chance == 0


def test_a_representation_that_is_the_label_is_always_right():
    labels = np.tile(np.arange(8), 6)
    people = np.repeat(np.arange(6), 8)
    codes = np.eye(8)[labels]
    names = {"representation": "r", "wanted": "expression", "among_other": "identity"}
    right = retrieval(codes, labels, people, people, **names)
    assert (right.rate, right.chance, right.interval) == (1.0, 0.125, (1.0, 1.0))
    wrong = retrieval(codes, people, labels, people, **names)
    assert wrong.chance == pytest.approx(1 / 6)


def test_rows_are_plain_json():
    result = ask(PLACES, [4, 5, 5, 4])
    assert isinstance(result, Retrieval)
    assert result.to_dict()["interval"] == [0.5, 0.5]
    assert result.to_dict()["rate"] == 0.5
