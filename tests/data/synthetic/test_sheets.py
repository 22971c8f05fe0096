import numpy as np
import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.sheets import (
    FACTOR_VALUES,
    action_unit_sheet,
    expression_sheet,
    factor_sheet,
    full_expression,
    grid,
)
from keras_fer.labels import EXPRESSIONS_8

CONFIG = SyntheticConfig(num_images=240, image_size=32)


def test_expression_sheet_has_a_row_per_person():
    sheet = expression_sheet(CONFIG, identities=(0, 5))
    assert sheet.shape == (16 + 2 * (16 + 32), 8 * 32, 3)
    assert sheet.dtype == np.uint8


def test_action_unit_sheet():
    assert action_unit_sheet(CONFIG, steps=3).shape == (16 + 19 * (16 + 32), 3 * 32, 3)


def test_factor_sheet_varies_every_factor():
    sheet = factor_sheet(CONFIG)
    assert sheet.shape == (len(FACTOR_VALUES) * (16 + 32), 8 * 32, 3)
    for position, factor in enumerate(FACTOR_VALUES):
        row = sheet[position * 48 + 16 : position * 48 + 48].astype(int)
        assert np.abs(row[:, :32] - row[:, -32:]).max() > 5, factor
    assert factor_sheet(CONFIG, values={"yaw": (0.0, 0.3)}).shape == (48, 64, 3)


@pytest.mark.parametrize("label", range(8))
def test_full_expressions_are_symmetric_but_contempt(label):
    units = full_expression(label, 0.8).action_units
    assert units.max() <= 0.8 + 1e-6
    symmetric = np.array_equal(units[:, 0], units[:, 1])
    assert symmetric == (EXPRESSIONS_8[label] != "contempt")


def test_grid_places_images():
    images = [[np.full((32, 32, 3), 10 * row + column, np.uint8) for column in range(2)] for row in range(2)]
    table = grid(images, (), ("a", "b"))
    assert table[16 + 5, 40, 0] == 1
    assert table[2 * 16 + 32 + 5, 5, 0] == 10
