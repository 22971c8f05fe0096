"""The index sampler: exact shares, coverage, purity in (seed, step)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.block_shuffle import WINDOW_BLOCKS, window_rows
from keras_fer.data.sampling import MODES, IndexSampler, balancing_weights
from keras_fer.errors import FERError

LABELS = np.repeat([0, 1, 2], [60, 30, 10])
ROWS = np.arange(100) * 7 + 3  # rows of the data set are not positions in the split
LABEL_OF_ROW = dict(zip(ROWS.tolist(), LABELS.tolist(), strict=True))


def sampler(mode="natural", batch_size=10, labels=LABELS, rows=ROWS, **options):
    return IndexSampler(labels, rows, batch_size, mode, **options)


def epoch(sampler, number=0):
    start = number * sampler.steps_per_epoch
    return np.concatenate([sampler.batch(start + step) for step in range(sampler.steps_per_epoch)])


def class_counts(rows):
    return np.bincount([LABEL_OF_ROW[row] for row in rows.tolist()], minlength=3)


def test_natural_epoch_is_a_permutation():
    one = sampler()
    assert one.steps_per_epoch == 10
    assert sorted(epoch(one)) == sorted(ROWS)
    assert sorted(epoch(one, 5)) == sorted(ROWS)
    assert list(epoch(one)) != list(epoch(one, 5))
    np.testing.assert_allclose(one.prior, [0.6, 0.3, 0.1])


def test_natural_leaves_less_than_a_batch_over_and_others_each_epoch():
    one = sampler(batch_size=32)
    assert one.steps_per_epoch == 3
    left_over = [frozenset(ROWS) - frozenset(epoch(one, number)) for number in range(4)]
    assert all(len(rows) == 4 for rows in left_over)
    assert len(set(left_over)) == 4


def test_balanced_shares_are_exact_in_each_epoch():
    one = sampler("balanced", batch_size=30)
    assert one.steps_per_epoch == 3
    np.testing.assert_allclose(one.prior, [1 / 3] * 3)
    rows = epoch(one)
    assert class_counts(rows).tolist() == [30, 30, 30]
    # Mixed: no batch of 30 is of one class.
    assert all(class_counts(one.batch(step)).max() < 25 for step in range(3))
    # Without replacement where a class suffices, equally often where it does not.
    _, counts = np.unique(rows, return_counts=True)
    assert np.sort(counts).tolist() == [1] * 60 + [3] * 10


def test_tempered_shares_are_powers_of_the_counts():
    one = sampler("tempered", temperature=0.5)
    expected = np.sqrt([60, 30, 10]) / np.sqrt([60, 30, 10]).sum()
    np.testing.assert_allclose(one.prior, expected)
    assert np.all(np.abs(class_counts(epoch(one)) - expected * 100) < 1)
    np.testing.assert_allclose(sampler("tempered", temperature=0).prior, sampler("balanced").prior)
    np.testing.assert_allclose(sampler("tempered", temperature=1).prior, sampler("natural").prior)


def test_rounding_is_unbiased():
    one = sampler("tempered", temperature=0.5)
    mean = np.mean([class_counts(epoch(one, number)) for number in range(300)], axis=0)
    np.testing.assert_allclose(mean / 100, one.prior, atol=0.001)


def test_a_class_without_rows_has_no_share():
    one = sampler("balanced", num_classes=5)
    np.testing.assert_allclose(one.prior, [1 / 3, 1 / 3, 1 / 3, 0, 0])
    assert class_counts(epoch(one)).sum() == 100


def test_pairs_are_adjacent_complete_and_in_either_order():
    pairs = np.arange(100) // 2 + 1000
    one = sampler("pairs", pairs=pairs)
    pair_of_row = dict(zip(ROWS.tolist(), pairs.tolist(), strict=True))
    rows = epoch(one)
    assert sorted(rows) == sorted(ROWS)
    couples = rows.reshape(-1, 2)
    assert all(pair_of_row[a] == pair_of_row[b] for a, b in couples.tolist())
    assert 10 < np.sum(couples[:, 0] < couples[:, 1]) < 40
    np.testing.assert_allclose(one.prior, [0.6, 0.3, 0.1])


def test_pairs_leave_out_rows_without_partner():
    pairs = np.array([0, 0, 1, -1, 2, 2, -1, 3, 3])
    labels = np.array([0, 1, 1, 1, 2, -1, 1, 0, 2])
    one = IndexSampler(labels, np.arange(9), 4, "pairs", pairs=pairs)
    assert sorted(epoch(one)) == [0, 1, 7, 8]
    assert one.num_left_out == 5
    np.testing.assert_allclose(one.prior, [0.5, 0.25, 0.25])


def test_larger_groups_are_coupled_anew_each_epoch():
    one = IndexSampler([0, 1, 2, 3, 3], np.arange(5), 2, "pairs", pairs=[8, 8, 8, 9, 9])
    couples = {tuple(sorted(one.batch(step).tolist())) for step in range(200)}
    assert couples == {(0, 1), (0, 2), (1, 2), (3, 4)}
    drawn = np.bincount(np.concatenate([one.batch(step) for step in range(2000)]), minlength=5) / 4000
    delivered = np.array([drawn[0], drawn[1], drawn[2], drawn[3] + drawn[4]])
    np.testing.assert_allclose(one.prior, [1 / 6, 1 / 6, 1 / 6, 1 / 2])
    np.testing.assert_allclose(delivered, one.prior, atol=0.02)


def test_unlabelled_rows_are_left_out_and_counted():
    labels = np.where(np.arange(100) % 10 == 0, -1, LABELS)
    one = sampler(labels=labels, batch_size=90)
    assert one.num_left_out == 10
    assert sorted(one.batch(0)) == sorted(ROWS[labels >= 0])


def test_a_set_smaller_than_a_batch_is_repeated_in_it():
    one = IndexSampler([0, 1, 2], [5, 6, 7], 8)
    assert one.steps_per_epoch == 1
    assert np.bincount(one.batch(0), minlength=8)[5:].tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 2000),
    block_rows=st.integers(1, 40),
    batch_size=st.integers(1, 40),
    seed=st.integers(0, 9),
    number=st.integers(0, 3),
)
def test_an_epoch_of_blocks_holds_each_row_once_and_few_blocks_at_a_time(
    size, block_rows, batch_size, seed, number
):
    rows = np.random.default_rng(0).permutation(size) + 5  # in any order; they lie on the disk by number
    one = IndexSampler(np.zeros(size), rows, batch_size, seed=seed, block_rows=block_rows)
    drawn = epoch(one, number)
    _, counts = np.unique(drawn, return_counts=True)
    if size >= batch_size:
        assert counts.max() == 1
        assert size - len(drawn) < batch_size
    assert np.isin(drawn, rows).all()
    for start in range(0, min(len(drawn), size), window_rows(block_rows)):
        window = drawn[start : min(size, start + window_rows(block_rows))]
        assert len(np.unique((window - 5) // block_rows)) <= WINDOW_BLOCKS + 1
    # Any later position is what it would have been in one go: what a resumed run needs.
    resumed = IndexSampler(np.zeros(size), rows, batch_size, seed=seed, block_rows=block_rows)
    last = (number + 1) * one.steps_per_epoch - 1
    np.testing.assert_array_equal(resumed.batch(last), drawn[-batch_size:])


def test_blocks_are_other_ones_in_each_epoch_and_by_seed():
    size = 4000
    one, other = (IndexSampler(np.zeros(size), np.arange(size), 10, seed=s, block_rows=20) for s in (1, 2))
    orders = [epoch(one), epoch(one, 1), epoch(other)]
    first_windows = {frozenset((order[: window_rows(20)] // 20).tolist()) for order in orders}
    assert len(first_windows) == 3
    assert all(len(window) == WINDOW_BLOCKS for window in first_windows)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(30, 1000),
    batch_size=st.integers(1, 30),
    block_rows=st.integers(1, 12),
    start=st.integers(0, 60),
)
def test_what_is_drawn_was_asked_for_a_batch_before(size, batch_size, block_rows, start):
    one = IndexSampler(np.zeros(size), np.arange(size) * 2, batch_size, seed=3, block_rows=block_rows)
    asked: set[int] = set()
    # From any step on, also over the end of the epoch; then as far as the epoch goes, since the next one
    # draws the same rows again.
    for step in range(start, (start // one.steps_per_epoch + 1) * one.steps_per_epoch):
        upcoming = one.upcoming(step, first=step == start)
        assert (np.diff(upcoming) > 0).all()
        asked |= set(upcoming.tolist())
        assert set(one.batch(step).tolist()) <= asked
        if step == start or (step + 1) % one.steps_per_epoch:
            assert set(one.batch(step + 1).tolist()) <= asked


def test_each_row_is_asked_for_once_in_an_epoch_a_window_before_it_is_drawn():
    one = IndexSampler(np.zeros(1000), np.arange(1000) * 2, 24, seed=3, block_rows=4)
    steps, window = one.steps_per_epoch, window_rows(4)
    asked = [one.upcoming(step, first=step == 0) for step in range(3 * steps)]
    # In the second epoch as many as are drawn in one; in the first those that are ahead come too.
    assert sum(map(len, asked[steps : 2 * steps])) == steps * 24
    assert 0 < sum(len(rows) > 0 for rows in asked[:steps]) <= -(-steps * 24 // window) + 1
    for step in range(steps - window // 24):
        before = set(np.concatenate(asked[: step + 1]).tolist())
        assert set(one.batch(step + window // 24).tolist()) <= before
    assert len(sampler().upcoming(0, first=True)) == 0


def test_two_blocks_of_one_class_come_near_each_other():
    # The price of reading what lies together, told in the docs: shares of a class vary by window.
    labels = np.arange(20_000) // 100 % 8
    window = window_rows(100)
    shuffled, blocks = (
        IndexSampler(labels, np.arange(20_000), 100, seed=1, block_rows=block_rows) for block_rows in (0, 100)
    )
    spread = [np.std([np.mean(labels[epoch(one)[s : s + window]] == 0) for s in (0, window, 2 * window)])
              for one in (shuffled, blocks)]  # fmt: skip
    assert spread[0] < 0.01 < spread[1]


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_depends_on_seed_and_step_only(mode):
    pairs = np.arange(100) // 2
    one, other = sampler(mode, pairs=pairs, seed=3), sampler(mode, pairs=pairs, seed=3)
    forward = [one.batch(step) for step in range(50)]
    backward = [other.batch(step) for step in reversed(range(50))][::-1]
    np.testing.assert_array_equal(forward, backward)
    assert forward[0].dtype == np.int64
    assert not np.array_equal(forward, [sampler(mode, pairs=pairs, seed=4).batch(s) for s in range(50)])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), mode=st.sampled_from(MODES), batch_size=st.integers(1, 12).map(lambda half: 2 * half))
def test_any_set_gives_full_batches_of_its_rows_in_the_shares_of_the_prior(data, mode, batch_size):
    size = data.draw(st.integers(2, 40))
    labels = np.array(data.draw(st.lists(st.integers(-1, 4), min_size=size, max_size=size)))
    pairs = np.array(data.draw(st.lists(st.integers(-1, size // 2), min_size=size, max_size=size)))
    labels[:2], pairs[:2] = 0, 0
    rows = np.arange(size) + 11
    one = IndexSampler(labels, rows, batch_size, mode, pairs=pairs, num_classes=5)
    drawn = epoch(one, 1)
    positions = drawn - 11
    assert len(drawn) == one.steps_per_epoch * batch_size
    assert np.isin(drawn, rows).all()
    assert (labels[positions] >= 0).all()
    assert one.prior.shape == (5,)
    np.testing.assert_allclose(one.prior.sum(), 1)
    if mode in ("balanced", "tempered"):
        shares = np.bincount(labels[positions], minlength=5) - one.prior * len(drawn)
        assert np.all(np.abs(shares) < 1 + 1e-9)
    if mode == "pairs":
        couples = positions.reshape(-1, 2)
        assert np.all(pairs[couples[:, 0]] == pairs[couples[:, 1]])
        assert np.all(pairs[couples] >= 0)
        assert np.all(couples[:, 0] != couples[:, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "fair"}, "no sampling mode 'fair'. There are: natural, balanced, tempered, pairs"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"mode": "pairs", "batch_size": 5, "pairs": ROWS}, "must be even"),
        ({"mode": "pairs"}, "needs `pairs`"),
        ({"mode": "pairs", "pairs": ROWS[:5]}, "one id for each"),
        ({"mode": "pairs", "pairs": ROWS}, "no labelled exact pair among the 100 rows"),
        ({"labels": np.full(100, -1)}, "no labelled row among the 100 rows"),
        ({"labels": LABELS[:5]}, "one label for each"),
        ({"labels": [], "rows": []}, "no labelled row among the 0 rows"),
        ({"mode": "tempered", "temperature": 1.5}, "`temperature` must lie between 0"),
        ({"block_rows": -1}, "`block_rows` must not be negative"),
        ({"block_rows": 8, "mode": "balanced"}, "sampling mode 'balanced' cannot do"),
        ({"block_rows": 8, "mode": "tempered"}, "sampling mode 'tempered' cannot do"),
        ({"block_rows": 8, "mode": "pairs", "pairs": ROWS}, "sampling mode 'pairs' cannot do"),
        ({"seed": -1}, "`seed` must not be negative"),
        ({"num_classes": 2}, "Label 2 is outside the 2 classes"),
    ],
)
def test_refused_arguments(options, message):
    with pytest.raises(FERError, match=message.replace("(", r"\(")):
        sampler(**options)


def test_negative_step():
    with pytest.raises(ValueError, match="`step` must not be negative"):
        sampler().batch(-1)


def test_balancing_weights_by_hand():
    assert balancing_weights(np.array([30, 10, 0])) == pytest.approx((40 / 60, 2.0, 0.0))
    counts = np.array([7, 1, 4])
    assert np.asarray(balancing_weights(counts)) @ counts == pytest.approx(counts.sum())
