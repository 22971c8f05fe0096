"""Overlapping squares of a picture, for detectors that see a picture at one small size."""

import math
from collections.abc import Iterator

from keras_fer.runtime.preprocessing import Box

# Of the longer side of the picture; with these at most 45 tiles cover a square picture, fewer an oblong one.
TILE_SIDES = (1 / 2, 1 / 4)
# Of a tile's side. A face that fills no more than this is whole in one tile at least.
OVERLAP = 0.4


def tiles(height: int, width: int, smallest: int) -> Iterator[Box]:
    """Yields the tiles of a picture, larger ones first.

    For each share in `TILE_SIDES` squares of that share of the longer side cover the picture at equal
    distances, with at least `OVERLAP` of their side in common with the next one. Tiles may reach over the
    lower or right border of a picture that is lower or narrower than they are.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        smallest: tiles with a shorter side, pixels, are left out.
    """
    for share in TILE_SIDES:
        side = max(height, width) * share
        if side < smallest:
            return
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield Box(left, top, left + side, top + side)


def _starts(length: int, side: float) -> list[float]:
    """Returns where the tiles along an axis begin."""
    room = length - side
    if room <= 0:
        return [0.0]
    steps = math.ceil(room / (side * (1 - OVERLAP)) - 1e-9)
    return [room * step / steps for step in range(steps + 1)]
