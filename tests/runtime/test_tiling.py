import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_fer.runtime.tiling import OVERLAP, tiles


def test_tiles_by_hand():
    # Halves: side 200, at least 80 in common: 3 steps along 400, 2 along 300. Quarters would have side 100.
    assert list(tiles(300, 400, smallest=128)) == [
        (left, top, left + 200, top + 200) for top in (0, 100) for left in (0, 100, 200)
    ]


def test_quarters_follow_the_halves():
    found = list(tiles(400, 400, smallest=100))
    assert [tile.right - tile.left for tile in found] == [200] * 9 + [100] * 36


@pytest.mark.parametrize(("height", "width"), [(255, 255), (1, 1), (200, 10)])
def test_small_pictures_have_no_tiles(height, width):
    assert list(tiles(height, width, smallest=128)) == []


def test_tiles_reach_over_a_narrow_picture():
    found = list(tiles(100, 1000, smallest=300))
    assert {(tile.top, tile.bottom) for tile in found} == {(0, 500)}
    assert found[0].left == 0
    assert found[-1].right == 1000


@given(
    st.integers(256, 5000),
    st.integers(256, 5000),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.01, 1),
)
def test_every_small_face_is_whole_in_a_tile_and_tiles_are_few(height, width, across, down, share):
    found = list(tiles(height, width, smallest=1))
    assert len(found) <= 45
    for side in {round(tile.right - tile.left, 3) for tile in found}:
        face = min(OVERLAP * share * side, height, width)
        left, top = across * (width - face), down * (height - face)
        assert any(
            tile.left <= left + 1e-6
            and tile.top <= top + 1e-6
            and tile.right >= left + face - 1e-6
            and tile.bottom >= top + face - 1e-6
            for tile in found
            if round(tile.right - tile.left, 3) == side
        )
