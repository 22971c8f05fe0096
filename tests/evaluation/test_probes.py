import json

import numpy as np
import pytest

from keras_fer.evaluation.probes import (
    PROBE_KINDS,
    ProbeResult,
    probe,
    probe_continuous,
    probe_representations,
)

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
    train, test = hidden(1500, seed=1), hidden(1000, seed=2)
    assert abs(probe(*train, *test, kind="linear") - 1 / CLASSES) < 0.05
    assert probe(*train, *test, kind="mlp") > 0.7


def test_summary_takes_the_stronger_probe_and_its_control_is_at_chance():
    result = probe_representations(*hidden(1500, seed=1), *hidden(1000, seed=2), seeds=(0, 1))
    assert result.stronger == "mlp"
    assert result.mlp_mean > result.linear_mean + 0.3
    assert result.leakage == pytest.approx((result.mlp_mean - 0.25) / 0.75)
    assert result.chance == 0.25
    assert abs(result.control_mean - result.chance) < 0.05
    assert result.linear_sd == 0
    assert result.converged
    assert (result.num_train, result.num_test, result.num_seeds) == (1500, 1000, 2)
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()


def test_control_is_at_chance_although_the_representation_leaks_everything():
    result = probe_representations(*planted(800, seed=1), *planted(1500, seed=2), seeds=(0, 1))
    assert result.linear_mean > 0.75
    assert abs(result.control_mean - 0.25) < 0.05
    assert result.control_sd > 0


def test_the_interval_holds_the_leakage_and_not_chance():
    result = probe_representations(*planted(800, seed=1), *planted(500, seed=2), seeds=(0,), control=False)
    low, high = result.leakage_interval
    assert 0.5 < low < result.leakage < high < 0.9
    # The score of the stronger probe, on the scale of the leakage.
    interval = result.linear_interval if result.stronger == "linear" else result.mlp_interval
    assert low == pytest.approx((interval.low - 0.25) / 0.75)
    assert result.linear_interval.low < result.linear_mean < result.linear_interval.high
    assert result.mlp_interval.low < result.mlp_mean < result.mlp_interval.high
    assert result.num_clusters == 500


def test_without_a_leak_chance_is_in_the_interval():
    result = probe_representations(
        noise(600), labels_of(600), noise(900, seed=5), labels_of(900, seed=6), (0,)
    )
    assert result.leakage_interval.low < 0 < result.leakage_interval.high
    assert result.mlp_interval.low < 0.25 < result.mlp_interval.high
    assert abs(result.control_mean - 0.25) < 0.06


def test_intervals_over_people_are_wider_than_over_images():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(24), 25)
    # Whom the code shows well it shows well on every image, and others on none.
    shown = (rng.random(24) < 0.6)[who]
    train, labels = planted(400, seed=1)
    test, test_labels = planted(600, seed=2)
    test[~shown] = noise(600)[~shown]
    results = [
        probe_representations(train, labels, test, test_labels, (0,), control=False, test_clusters=clusters)
        for clusters in (None, who)
    ]
    widths = [result.leakage_interval.high - result.leakage_interval.low for result in results]
    assert results[0].leakage == results[1].leakage
    assert widths[1] > 1.8 * widths[0]
    assert [result.num_clusters for result in results] == [600, 24]


def test_the_control_can_be_left_out():
    result = probe_representations(*planted(80, seed=1), *planted(40, seed=2), seeds=(0,), control=False)
    assert result.control_mean is None
    assert result.control_sd is None


def test_results_survive_json():
    for result in (
        probe_representations(*planted(80, seed=1), *planted(40, seed=2), (0,), control=False),
        # One person: no interval.
        probe_continuous(
            *measured(60, 1), *measured(40, 2), (0,), test_clusters=np.zeros(40), dimension_names=("a", "b")
        ),
    ):
        document = json.dumps(result.to_dict(), allow_nan=False)
        again = ProbeResult.from_dict(json.loads(document))
        assert json.dumps(again.to_dict(), allow_nan=False) == document
    assert again.to_dict()["leakage_interval"] is None
    assert np.isnan(again.leakage_interval.low)


def measured(rows, seed, hide=False):
    """Values of two dimensions: the first is told with noise, linearly or by a sign, the second is not."""
    rng = np.random.default_rng(seed)
    representations = rng.normal(size=(rows, 6))
    told = representations[:, 0] * (np.sign(representations[:, 1]) if hide else 1)
    # The variance of the noise is a quarter of that of what is told: R² is at most .8.
    values = np.stack([told + 0.5 * rng.normal(size=rows), rng.normal(size=rows)], axis=1)
    return representations, values


def test_a_continuous_factor_is_recovered_up_to_its_noise():
    (train, train_values), (test, test_values) = measured(1200, 1), measured(800, 2)
    result = probe_continuous(train, train_values[:, 0], test, test_values[:, 0], seeds=(0,))
    assert result.leakage == pytest.approx(0.8, abs=0.04)
    assert result.leakage_interval.low < 0.8 < result.leakage_interval.high
    assert abs(result.linear_mean - result.mlp_mean) < 0.05
    assert result.control_mean < 0.02
    assert (result.kind, result.chance, result.num_classes) == ("continuous", 0.0, 0)
    assert result.dimensions == {}


def test_only_the_mlp_recovers_what_is_not_linear():
    (train, train_values), (test, test_values) = measured(1500, 1, True), measured(800, 2, True)
    result = probe_continuous(train, train_values[:, 0], test, test_values[:, 0], seeds=(0,), control=False)
    assert result.linear_mean < 0.1
    assert result.mlp_mean > 0.6
    assert (result.stronger, result.leakage) == ("mlp", result.mlp_mean)


def test_the_score_of_several_dimensions_is_their_mean():
    result = probe_continuous(
        *measured(1200, 1), *measured(800, 2), seeds=(0,), control=False, dimension_names=("told", "untold")
    )
    assert result.dimensions["told"] == pytest.approx(0.8, abs=0.05)
    assert abs(result.dimensions["untold"]) < 0.04
    assert result.leakage == pytest.approx(np.mean(list(result.dimensions.values())))


def test_a_factor_that_is_not_told_is_not_recovered():
    result = probe_continuous(noise(600), noise(600, 1, 3), noise(900, seed=5), noise(900, 1, 6), seeds=(0,))
    assert result.leakage < 0.01
    assert result.leakage_interval.low == 0
    assert result.linear_mean < 0.01
    assert result.control_mean < 0.01


def test_dimension_names_must_be_as_many_as_dimensions():
    with pytest.raises(ValueError, match="must hold 2 names"):
        probe_continuous(*measured(40, 1), *measured(40, 2), dimension_names=("a", "b", "c"))
    with pytest.raises(ValueError, match="`seeds` must hold"):
        probe_continuous(*measured(40, 1), *measured(40, 2), seeds=())


@pytest.mark.parametrize("kind", PROBE_KINDS)
def test_classes_weigh_the_same_whatever_their_counts(kind):
    rng = np.random.default_rng(0)
    labels = (rng.random(3000) < 0.04).astype(int)
    representations = rng.normal(size=(3000, 4)) + labels[:, None]
    # Unweighted, a probe would say 0 nearly always and score little over .5; the Bayes rule is at .841.
    score = probe(representations[:2000], labels[:2000], representations[2000:], labels[2000:], kind=kind)
    assert score > 0.72


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
