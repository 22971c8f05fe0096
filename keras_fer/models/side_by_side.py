"""Several matrices as one, in an order that both sides know: what the bank of critics stores."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import keras
from keras import ops


def side_by_side(matrices: Iterable):
    """Returns matrices `(rows, width)` as one, detached, in the precision of losses."""
    parts = [ops.cast(ops.stop_gradient(part), keras.config.floatx()) for part in matrices]
    return ops.concatenate(parts, axis=-1)


def split(matrix, widths: Mapping[str, int]) -> dict[str, Any]:
    """Takes apart by name what stood side by side, in the order of `widths`."""
    ends = itertools.accumulate(widths.values())
    return {name: matrix[:, end - widths[name] : end] for name, end in zip(widths, ends, strict=True)}
