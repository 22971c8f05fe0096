"""Targets of several data sets in one batch, against the rows they come from."""

import numpy as np
import pytest

from keras_fer.data.mixture import Mixture, MixturePart
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.sampling import IndexSampler
from keras_fer.data.two_views import TwoViews
from keras_fer.errors import FERError

FIRST = ("neutral", "happiness", "anger", "joyless")
SECOND = ("Angry", "contempt", "joyless", "smile", "Happy")
# Each of SECOND in the ids of FIRST, written out by hand.
IN_FIRST = np.array([2, -1, 3, 1, 1])


def write(folder, label_names, labels, **columns):
    size = len(labels)
    images = np.random.default_rng(0).integers(0, 256, (size, 8, 8, 1), np.uint8)
    with PreparedWriter(folder, source="x", label_names=label_names, image_shape=(8, 8, 1)) as writer:
        sources = [str(row) for row in range(size)]
        writer.append(images, labels=labels, splits=np.zeros(size, int), sources=sources, **columns)
        return writer.finish()


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """40 rows, the last four without a label; half of the valence is unknown; pair ids of their own."""
    labels = np.where(np.arange(40) < 36, np.arange(40) % 4, -1)
    ratings = np.random.default_rng(1).uniform(-1, 1, (40, 2)).astype(np.float32)
    ratings[::2] = np.nan
    return write(
        tmp_path_factory.mktemp("real") / "real",
        FIRST,
        labels,
        valence_arousal=ratings,
        pairs=np.arange(40) // 2,
    )


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    pairs = np.arange(30) // 2 * 1000 + 7
    pairs[20:] = -1
    return write(tmp_path_factory.mktemp("rendered") / "rendered", SECOND, np.arange(30) * 3 % 5, pairs=pairs)


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    votes = np.random.default_rng(2).dirichlet(np.ones(5), 30).astype(np.float32)
    votes[7] = (0, 0.6, 0.4, 0, 0)
    votes[8] = (0, 1, 0, 0, 0)
    labels = votes.argmax(axis=1)
    labels[8] = 4  # a label that its distribution does not know
    return write(tmp_path_factory.mktemp("voted") / "voted", SECOND, labels, soft_labels=votes)


def sampler(dataset, batch_size, mode="natural", seed=0):
    rows = np.arange(len(dataset))
    pairs = dataset.pairs if mode == "pairs" else None
    return IndexSampler(dataset.labels, rows, batch_size, mode, pairs=pairs, seed=seed)


def mixed(real, rendered, **options):
    parts = [
        MixturePart(real, sampler(real, 6)),
        MixturePart(rendered, sampler(rendered, 4, "pairs"), **options),
    ]
    return Mixture(parts)


def test_rows_of_each_part_in_order_as_a_function_of_the_step(real, rendered):
    one, other = mixed(real, rendered), mixed(real, rendered)
    assert (one.batch_size, one.steps_per_epoch) == (10, 6)
    forward = [one.rows(step) for step in range(20)]
    backward = [other.rows(step) for step in reversed(range(20))][::-1]
    for step, (rows, again) in enumerate(zip(forward, backward, strict=True)):
        np.testing.assert_array_equal(rows[0], sampler(real, 6).batch(step))
        np.testing.assert_array_equal(rows[1], sampler(rendered, 4, "pairs").batch(step))
        for own, same in zip(rows, again, strict=True):
            np.testing.assert_array_equal(own, same)
        assert one.targets(rows)["part"].tolist() == [0] * 6 + [1] * 4


def test_labels_are_mapped_by_name_through_aliases(real, rendered):
    mixture = mixed(real, rendered)
    assert mixture.label_names == FIRST
    seen = set()
    for step in range(20):
        rows = mixture.rows(step)
        labels = mixture.targets(rows)["expression"]
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(labels[:6], real.labels[rows[0]])
        np.testing.assert_array_equal(labels[6:], IN_FIRST[rendered.labels[rows[1]]])
        seen |= set(labels[6:].tolist())
    assert seen == {-1, 1, 2, 3}


def test_the_first_data_set_keeps_its_ids_even_where_names_mean_the_same(tmp_path):
    twice = write(tmp_path / "twice", ("happy", "joy", "anger"), np.arange(12) % 3)
    mixture = Mixture([MixturePart(twice, sampler(twice, 6)), MixturePart(twice, sampler(twice, 6))])
    rows = [np.arange(6), np.arange(6)]
    assert mixture.targets(rows)["expression"].tolist() == [0, 1, 2, 0, 1, 2] * 2


def test_pairs_are_adjacent_and_no_id_is_in_two_parts(real, rendered):
    parts = [
        MixturePart(real, sampler(real, 6, "pairs")),
        MixturePart(rendered, sampler(rendered, 4, "pairs")),
    ]
    mixture = Mixture(parts)
    ids = ({}, {})
    for step in range(30):
        rows = mixture.rows(step)
        pair = mixture.targets(rows)["pair"]
        assert pair.dtype == np.int32
        assert (pair >= 0).all()
        np.testing.assert_array_equal(pair[0::2], pair[1::2])
        for known, own, part in zip(ids, (pair[:6], pair[6:]), (0, 1), strict=True):
            stored = parts[part].dataset.pairs[rows[part]]
            for number, before in zip(own.tolist(), stored.tolist(), strict=True):
                assert known.setdefault(number, before) == before
    assert not set(ids[0]) & set(ids[1])
    assert all(len(set(known.values())) == len(known) > 5 for known in ids)


def test_what_is_not_drawn_as_pairs_has_no_pair(real, rendered):
    """Rows of `real` may lie beside their partner by accident; their augmentation then differs."""
    mixture = mixed(real, rendered)
    rows = mixture.rows(3)
    targets = mixture.targets(rows)
    assert (targets["pair"][:6] == -1).all()
    assert (targets["pair"][6:] >= 0).all()
    unpaired = Mixture([MixturePart(real, sampler(real, 6)), MixturePart(rendered, sampler(rendered, 4))])
    assert "pair" not in unpaired.targets(unpaired.rows(0))


def test_views_beside_pairs(real, rendered):
    views = TwoViews(sampler(real, 3))
    parts = [MixturePart(real, views), MixturePart(rendered, sampler(rendered, 4, "pairs"))]
    mixture = Mixture(parts)
    assert mixture.steps_per_epoch == 12
    rows = mixture.rows(5)
    targets = mixture.targets(rows)
    np.testing.assert_array_equal(targets["view"][:6], rows[0])
    np.testing.assert_array_equal(targets["view"][0:6:2], targets["view"][1:6:2])
    assert (targets["view"][6:] == -1).all()
    assert (targets["pair"][:6] == -1).all()
    both = Mixture([MixturePart(real, views), MixturePart(rendered, TwoViews(sampler(rendered, 2)))])
    rows = both.rows(0)
    assert set(both.targets(rows)["view"][6:]) == set(rows[1] + len(real))


def test_what_a_part_does_not_know_is_unknown(real, rendered):
    mixture = mixed(real, rendered)
    rows = mixture.rows(2)
    targets = mixture.targets(rows)
    assert set(targets) == {"expression", "part", "valence_arousal", "pair"}
    np.testing.assert_array_equal(targets["valence_arousal"][:6], real.valence_arousal[rows[0]])
    assert np.isnan(targets["valence_arousal"][6:]).all()
    turned = Mixture([mixture.parts[1], mixture.parts[0]])
    assert np.isnan(turned.targets(rows[::-1])["valence_arousal"][:4]).all()


def test_expression_weights(real, rendered):
    mixture = mixed(real, rendered, expression_weight=0.25)
    weights = mixture.targets(mixture.rows(0))["expression_weight"]
    assert weights.dtype == np.float32
    assert weights.tolist() == [1] * 6 + [0.25] * 4
    for weight in (-0.1, float("nan"), float("inf")):
        with pytest.raises(FERError, match="`expression_weight` must be finite and not negative"):
            mixed(real, rendered, expression_weight=weight)


def test_soft_labels_over_the_labels_of_the_first(real, voted):
    parts = [MixturePart(real, sampler(real, 6)), MixturePart(voted, sampler(voted, 30))]
    rows = [np.array([0, 1, 2, 3, 36, 37]), np.arange(30)]
    soft = Mixture(parts).targets(rows)["expression"]
    assert soft.dtype == np.float32
    np.testing.assert_array_equal(soft[:6], np.vstack([np.eye(4), np.zeros((2, 4))]))
    votes = voted.soft_labels
    # neutral is not among SECOND; happiness is two of its labels; contempt is not among FIRST.
    known = np.stack([np.zeros(30), votes[:, 3] + votes[:, 4], votes[:, 0], votes[:, 2]], axis=1)
    contempt = voted.labels == 1
    assert 0 < contempt.sum() < 30
    whole = ~contempt & (np.arange(30) != 8)
    expected = known[whole] / known[whole].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(soft[6:][whole], expected, atol=1e-6)
    np.testing.assert_array_equal(soft[6:][contempt], 0)
    assert soft[6 + 8].tolist() == [0, 1, 0, 0]
    hard = Mixture(parts, soft_labels=False).targets(rows)["expression"]
    np.testing.assert_array_equal(hard[6:], IN_FIRST[voted.labels])


def test_distributions_of_the_first_part_are_delivered_to_the_last_bit(voted, real):
    mixture = Mixture([MixturePart(voted, sampler(voted, 6)), MixturePart(real, sampler(real, 4))])
    rows = [np.array([0, 1, 2, 3, 4, 5]), np.arange(4)]
    np.testing.assert_array_equal(mixture.targets(rows)["expression"][:6], voted.soft_labels[:6])


def test_the_prior_is_that_of_the_rows_with_a_label(real, rendered):
    mixture = mixed(real, rendered)
    np.testing.assert_allclose(mixture.prior.sum(), 1)
    rows = [mixture.rows(step) for step in range(300)]
    labels = np.concatenate([mixture.targets(own)["expression"] for own in rows])
    delivered = np.bincount(labels[labels >= 0], minlength=4) / (labels >= 0).sum()
    np.testing.assert_allclose(mixture.prior, delivered, atol=0.01)
    # By hand: 6 rows of four equal classes; 4 rows of which a fifth each is anger, contempt, joyless, and
    # two fifths are happiness.
    expected = np.array([1.5, 1.5 + 1.6, 1.5 + 0.8, 1.5 + 0.8])
    np.testing.assert_allclose(mixture.prior, expected / expected.sum())


def test_what_cannot_be_mixed(real, rendered, tmp_path):
    with pytest.raises(FERError, match=r"even number of rows.*Received: 3 rows of 'real'"):
        Mixture([MixturePart(real, sampler(real, 3)), MixturePart(rendered, sampler(rendered, 4))])
    cats = write(tmp_path / "cats", ("cat", "dog"), np.arange(8) % 2)
    with pytest.raises(FERError, match=r"'real' and 'cats' have no label in common.*joyless and cat, dog"):
        Mixture([MixturePart(real, sampler(real, 4)), MixturePart(cats, sampler(cats, 4))])
    with pytest.raises(ValueError, match="needs a part"):
        Mixture([])


def test_further_targets_of_each_part(real, rendered):
    columns = [np.arange(40, dtype=np.float32)[:, None], np.full((30, 1), np.nan, np.float32)]
    parts = [
        MixturePart(real, sampler(real, 6), targets={"yaw": columns[0]}),
        MixturePart(rendered, sampler(rendered, 4), targets={"yaw": columns[1]}),
    ]
    mixture = Mixture(parts)
    assert mixture.target_specs["yaw"] == ((1,), np.dtype(np.float32))
    rows = mixture.rows(3)
    yaw = mixture.targets(rows)["yaw"]
    np.testing.assert_array_equal(yaw[:6, 0], rows[0])
    assert np.isnan(yaw[6:]).all()


def test_further_targets_that_differ_between_parts(real, rendered):
    bare = MixturePart(rendered, sampler(rendered, 4))
    with pytest.raises(ValueError, match="targets of all parts must be alike"):
        Mixture([MixturePart(real, sampler(real, 6), targets={"yaw": np.zeros((40, 1))}), bare])
