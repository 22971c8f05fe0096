import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_fer.evaluation.figures import (
    Series,
    grid_line,
    interval_bar,
    line_chart,
    number,
    tick_labels,
    ticks,
)


def points(chart):
    return [
        [tuple(map(float, point.split(","))) for point in line.split()]
        for line in re.findall(r'points="([^"]*)"', chart)
    ]


def test_golden_ticks():
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(0.31, 0.68) == [0.4, 0.5, 0.6]
    assert ticks(1, 14, 8) == [2, 4, 6, 8, 10, 12, 14]
    assert ticks(-3e-5, 3e-5) == [-3e-5, -2e-5, -1e-5, 0, 1e-5, 2e-5, 3e-5]
    assert ticks(5, 5) == [5]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 10))
def test_ticks_are_few_ascending_and_within(low, span, count):
    values = ticks(low, low + span, count)
    assert len(values) <= count + 1
    assert values == sorted(set(values))
    assert all(low - 1e-6 * span <= value <= low + span * (1 + 1e-6) for value in values)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([19.6, 19.65, 19.7], ["19.60", "19.65", "19.70"]),
        ([0, 0.5, 1], ["0.0", "0.5", "1.0"]),
        ([0, 20, 40], ["0", "20", "40"]),
        ([5], ["5"]),
        ([], []),
        ([0, 2e-5, 4e-5], ["0", "2.0e-5", "4.0e-5"]),
        ([0, 20_000], ["0", "2.0e4"]),
        ([20_000, 20_010, 20_020], ["20000", "20010", "20020"]),
    ],
)
def test_golden_tick_labels(values, labels):
    assert tick_labels(values) == labels


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.81234, "0.812"),
        (1.0, "1"),
        (12.345, "12.3"),
        (1234.5, "1234"),
        (0.00012, "1.2e-4"),
        (3.2e7, "3.2e7"),
        (-0.5, "-0.5"),
        (100.0, "100"),
        (math.nan, "–"),
    ],
)
def test_golden_numbers(value, text):
    assert number(value) == text


def test_a_grid_line_has_its_label_at_the_left():
    assert grid_line(12.34, "5 %", 40, 300) == (
        '<g><line class="grid" x1="40" x2="300" y1="12.3" y2="12.3"></line>'
        '<text x="34" y="12.3" dy="0.32em" text-anchor="end">5 %</text></g>'
    )


def test_a_line_rises_with_its_values_and_ends_at_the_edges():
    ((first, middle, last),) = points(
        line_chart([Series("training", [1, 2, 3], [0.0, 1.0, 0.5])], "accuracy")
    )
    assert (first[0], last[0]) == (46, 330)
    assert (first[1], middle[1]) == (166, 10)
    assert last[1] == pytest.approx((166 + 10) / 2)


def test_values_that_are_not_finite_leave_a_gap():
    chart = line_chart([Series("a", [1, 2, 3, 4, 5], [0, 1, math.nan, 1, math.inf])], "loss")
    assert [len(line) for line in points(chart)] == [2, 1]
    assert "nan" not in chart
    assert "inf" not in chart


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.0, 0.0], [-3.0, -3.0]])
def test_one_value_and_equal_values_are_drawn_inside(values):
    chart = line_chart([Series("a", list(range(1, len(values) + 1)), values)], "loss")
    for line in points(chart):
        for x, y in line:
            assert 46 <= x <= 330
            assert 10 <= y <= 166


def test_chart_says_what_it_shows_without_sight():
    chart = line_chart([Series("training", [1, 2], [0.25, 0.5], 1)], "accuracy <b>")
    assert 'role="img" aria-label="accuracy &lt;b&gt;"' in chart
    assert "<title>training, epoch 2: 0.5</title>" in chart
    assert "line line-1" in chart


def test_interval_bar():
    bar = interval_bar(0.5, 0.25, 0.75, chance=0.125)
    assert 'x1="25.0" x2="75.0"' in bar
    assert 'cx="50.0"' in bar
    assert 'x1="12.5" x2="12.5"' in bar
    assert interval_bar(math.nan, math.nan, math.nan) == ""
