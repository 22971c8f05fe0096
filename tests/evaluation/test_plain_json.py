import json
import math

import numpy as np
import pytest

from keras_fer.evaluation.interval import UNKNOWN, Interval
from keras_fer.evaluation.plain_json import plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 0.5),
        (3, 3),
        (True, True),
        ("nan", "nan"),
        (None, None),
        (math.nan, None),
        (-math.inf, None),
        (np.float32(0.5), 0.5),
        (np.float32("nan"), None),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([0.5, np.nan]), [0.5, None]),
        (Interval(0.0, 1.0), [0.0, 1.0]),
        (UNKNOWN, [None, None]),
        ({"a": ({"b": math.inf}, [math.nan])}, {"a": [{"b": None}, [None]]}),
    ],
)
def test_json_types(value, expected):
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)
