import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.duplicates import (
    duplicate_groups,
    near_duplicate_groups,
    perceptual_hashes,
    pixel_hashes,
)


def test_difference_hash_by_hand():
    rising = np.tile(np.arange(9, dtype=np.uint8) * 10, (8, 1))
    images = np.stack([rising, rising[:, ::-1], np.full((8, 9), 7, np.uint8)])[..., None]
    assert perceptual_hashes(images).tolist() == [2**64 - 1, 0, 0]
    # One bright cell at row 0, column 2: darker than the next only from column 1 to 2, the second bit.
    spot = np.zeros((1, 8, 9, 1), np.uint8)
    spot[0, 0, 2] = 255
    assert perceptual_hashes(spot).tolist() == [1 << 62]


def test_difference_hash_survives_size_and_light():
    random = np.random.default_rng(0)
    cells = random.integers(0, 120, (1, 8, 9, 3), dtype=np.uint8)
    large = cells.repeat(6, axis=1).repeat(6, axis=2)
    assert perceptual_hashes(large) == perceptual_hashes(cells)
    assert perceptual_hashes(2 * large + 9) == perceptual_hashes(cells)


def test_pixel_hashes_tell_one_changed_pixel():
    images = np.zeros((3, 4, 4, 1), np.uint8)
    images[1, 3, 3] = 1
    hashes = pixel_hashes(images)
    assert hashes[0] == hashes[2] != hashes[1]
    assert pixel_hashes(images[:0]).shape == perceptual_hashes(images[:0]).shape == (0,)


def test_groups_are_numbered_by_first_appearance():
    hashes = np.array([9, 4, 9, 1, 4], np.uint64)
    assert duplicate_groups(hashes).tolist() == [0, 1, 0, 2, 1]
    assert near_duplicate_groups(hashes, max_distance=0).tolist() == [0, 1, 0, 2, 1]
    assert near_duplicate_groups(hashes[:0]).tolist() == duplicate_groups(hashes[:0]).tolist() == []


def test_near_duplicates_join_in_chains():
    far = np.uint64(0xFFFF_FFFF_0000_0000)
    hashes = np.array([0b11, far, 0, 0b1111, far ^ np.uint64(1 << 63)], np.uint64)
    assert near_duplicate_groups(hashes, max_distance=2).tolist() == [0, 1, 0, 0, 1]
    assert near_duplicate_groups(hashes, max_distance=1).tolist() == [0, 1, 2, 3, 1]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 63), max_size=4)), max_size=12),
    st.integers(0, 4),
)
def test_near_duplicates_equal_the_naive_search(seeds, changes, max_distance):
    values = list(seeds)
    for position, bits in changes:
        values.append(seeds[position % len(seeds)] ^ sum(1 << bit for bit in bits))
    groups = list(range(len(values)))
    for one, first in enumerate(values):
        for other, second in enumerate(values):
            if (first ^ second).bit_count() <= max_distance:
                groups = [groups[one] if group == groups[other] else group for group in groups]
    expected = np.array(groups)[:, None] == np.array(groups)
    found = near_duplicate_groups(np.array(values, np.uint64), max_distance)
    np.testing.assert_array_equal(found[:, None] == found, expected)


def test_distance_out_of_range_is_refused():
    with pytest.raises(ValueError, match="max_distance=8"):
        near_duplicate_groups(np.zeros(2, np.uint64), 8)
