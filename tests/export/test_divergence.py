import math

import numpy as np
import pytest

from keras_fer.export.divergence import divergence


def test_divergence_by_hand():
    certain, even = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    assert divergence(certain, even) == pytest.approx(math.log(2))
    assert divergence(np.vstack([certain, even]), np.vstack([even, even])) == pytest.approx(math.log(2) / 2)
    assert divergence(even, even) == 0
    # ½ ln(½ / 1) + ½ ln(½ / 1e-12), no infinity
    assert divergence(even, certain) == pytest.approx(0.5 * math.log(0.5) + 0.5 * math.log(0.5 / 1e-12))
