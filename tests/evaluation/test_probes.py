import json

import numpy as np
import pytest

from keras_fer.evaluation.probes import PROBE_KINDS, _balanced_epoch, leakage, probe, probe_representations

CLASSES = 4


def noise(rows, width=12, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, width))


def labels_of(rows, seed=1):
    return np.random.default_rng(seed).integers(CLASSES, size=rows)


def planted(rows, seed):
    """Representations whose class means differ by two deviations, with their labels."""
    labels = labels_of(rows, seed)
    representations = noise(rows, seed=seed + 100)
    representations[np.arange(rows), labels] += 2.0
    return representations, labels


def hidden(rows, seed):
    """The label is in the signs of products, where no linear probe finds it."""
    representations = noise(rows, width=6, seed=seed)
    bits = (
        representations[:, 0] * representations[:, 1] > 0,
        representations[:, 2] * representations[:, 3] > 0,
    )
    return representations, bits[0] * 2 + bits[1]


def test_golden_leakage():
    assert leakage(0.25, 4) == 0
    assert leakage(1.0, 4) == 1
    assert leakage(0.4, 4) == pytest.approx(0.2)
    assert leakage(0.1, 8) == pytest.approx(-0.2 / 7)


@pytest.mark.parametrize("kind", PROBE_KINDS)
def test_a_planted_leak_is_found(kind):
    score = probe(*planted(2000, seed=1), *planted(1000, seed=2), kind=kind)
    # The Bayes rule here, the largest of the four coordinates, is right on 82 % (simulated).
    assert 0.78 < score < 0.86


@pytest.mark.parametrize("kind", PROBE_KINDS)
def test_no_leak_is_at_chance(kind):
    score = probe(noise(2000), labels_of(2000), noise(2000, seed=5), labels_of(2000, seed=6), kind=kind)
    assert abs(score - 1 / CLASSES) < 0.04


def test_only_the_mlp_finds_a_leak_that_is_not_linear():
    train, test = hidden(4000, seed=1), hidden(1000, seed=2)
    assert abs(probe(*train, *test, kind="linear") - 1 / CLASSES) < 0.05
    assert probe(*train, *test, kind="mlp") > 0.8


def test_summary_takes_the_stronger_probe_and_its_control_is_at_chance():
    result = probe_representations(*hidden(2000, seed=1), *hidden(1000, seed=2), seeds=(0, 1))
    assert result.mlp_mean > result.linear_mean + 0.3
    assert result.leakage == pytest.approx((result.mlp_mean - 0.25) / 0.75)
    assert result.chance == 0.25
    assert abs(result.control_mean - result.chance) < 0.05
    assert result.linear_sd == 0
    assert result.converged
    assert (result.num_train, result.num_test, result.num_seeds) == (2000, 1000, 2)
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()


def test_control_is_at_chance_although_the_representation_leaks_everything():
    train, test = planted(1500, seed=1), planted(1500, seed=2)
    result = probe_representations(*train, *test, seeds=(0, 1, 2))
    assert result.linear_mean > 0.8
    assert abs(result.control_mean - 0.25) < 0.05


@pytest.mark.parametrize("kind", PROBE_KINDS)
def test_classes_weigh_the_same_whatever_their_counts(kind):
    rng = np.random.default_rng(0)
    labels = (rng.random(3000) < 0.04).astype(int)
    representations = rng.normal(size=(3000, 4)) + labels[:, None]
    # Unweighted, a probe would say 0 nearly always and score little over .5; the Bayes rule is at .841.
    score = probe(representations[:2000], labels[:2000], representations[2000:], labels[2000:], kind=kind)
    assert score > 0.72


def test_an_epoch_of_the_mlp_holds_as_many_rows_of_every_class():
    labels = np.repeat([0, 1, 2], [70, 17, 3])
    epoch = _balanced_epoch(labels, np.random.default_rng(0))
    assert np.bincount(labels[epoch]).tolist() == [30, 30, 30]
    rows, repetitions = np.unique(epoch, return_counts=True)
    assert repetitions[labels[rows] == 0].max() == 1  # none twice while there are others
    assert set(repetitions[labels[rows] == 1]) == {1, 2}
    assert repetitions[labels[rows] == 2].tolist() == [10, 10, 10]


@pytest.mark.parametrize("kind", PROBE_KINDS)
def test_scale_shift_and_constant_columns_do_not_matter(kind):
    (train, train_labels), (test, test_labels) = planted(800, seed=1), planted(400, seed=2)
    scale = np.geomspace(1e-4, 1e4, train.shape[1])

    def moved(rows):
        return np.concatenate([rows * scale + 5 * scale, np.full((len(rows), 1), 0.1)], axis=1)

    expected = probe(train, train_labels, test, test_labels, kind=kind)
    assert probe(moved(train), train_labels, moved(test), test_labels, kind=kind) == pytest.approx(
        expected, abs=0.02
    )


def test_repeats_with_the_seed_and_varies_over_seeds():
    train, test = hidden(600, seed=1), hidden(300, seed=2)
    scores = [probe(*train, *test, kind="mlp", seed=seed) for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]


def test_rows_without_label_and_classes_of_one_part_are_ignored():
    (train, train_labels), (test, test_labels) = planted(400, seed=1), planted(200, seed=2)
    train_labels[:50] = -1
    test_labels[test_labels == 3] = 7
    result = probe_representations(train, train_labels, test, test_labels, seeds=(0,))
    assert result.num_classes == 3
    assert result.num_train == np.isin(train_labels, [0, 1, 2]).sum()
    assert result.num_test == np.isin(test_labels, [0, 1, 2]).sum()


def test_few_rows_are_enough():
    train = np.array([[0.0], [0.1], [1.0], [1.1]])
    assert probe(train, [0, 0, 1, 1], [[0.0], [1.0]], [0, 1], kind="linear") == 1.0
    assert 0 <= probe(train, [0, 0, 1, 1], [[0.0], [1.0]], [0, 1], kind="mlp") <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((noise(4), [0, 1, 0], noise(2), [0, 1]), "needs representations"),
        ((noise(4), [0, 1, 0, 1], noise(2, width=3), [0, 1]), "needs representations"),
        ((noise(4) * np.nan, [0, 1, 0, 1], noise(2), [0, 1]), "must be finite"),
        ((noise(4), [0, 0, 0, 1], noise(2), [0, 1]), "at least two classes"),
        ((noise(4), [0, 1, 0, 1], noise(2), [0, 0]), "at least two classes"),
        ((noise(4), [0, 1, 0, 1], noise(2), [0, 1], "forest"), "kind='forest'"),
    ],
)
def test_refuses_what_cannot_be_probed(arguments, message):
    with pytest.raises(ValueError, match=message):
        probe(*arguments)
    if len(arguments) == 4:
        with pytest.raises(ValueError, match=message):
            probe_representations(*arguments)


def test_needs_a_seed():
    with pytest.raises(ValueError, match="`seeds` must hold"):
        probe_representations(*planted(40, seed=1), *planted(40, seed=2), seeds=())
