import itertools
import math
import re

import pytest

from keras_fer.evaluation.scatter import _LABEL_SIZE, NUM_COLORS, PointGroup, scatter_chart, swatch

# The frame of the drawing in its own units.
LEFT, RIGHT, TOP, BOTTOM = 58, 544, 14, 314


def group(name, *points):
    x, y = zip(*points, strict=True) if points else ((), ())
    return PointGroup(name, x, y, [f"seed {index}" for index in range(len(points))])


def chart(*groups):
    return scatter_chart(groups, "leakage", "accuracy", "Accuracy against leakage")


def circles(svg, kind):
    """Returns class and centre of the circles of a kind."""
    found = re.findall(rf'<circle class="{kind} (\S+)" cx="([\d.]+)" cy="([\d.]+)"', svg)
    return [(color, float(x), float(y)) for color, x, y in found]


def lines(svg, kind):
    found = re.findall(rf'<line class="{kind}[^"]*"([^>]*)>', svg)
    return [{key: float(value) for key, value in re.findall(r'(\w\d)="([\d.]+)"', text)} for text in found]


def test_points_lie_where_their_numbers_say():
    svg = chart(group("a", (0.0, 10.0)), group("b", (1.0, 20.0)), group("c", (0.5, 15.0)))
    first, second, third = circles(svg, "point")
    # 8 % of the range is left free at each side, and the larger y is higher up.
    width, height = RIGHT - LEFT, BOTTOM - TOP
    assert first[1:] == pytest.approx((LEFT + width * 0.08 / 1.16, BOTTOM - height * 0.08 / 1.16), abs=0.06)
    assert second[1:] == pytest.approx((RIGHT - width * 0.08 / 1.16, TOP + height * 0.08 / 1.16), abs=0.06)
    assert third[1:] == pytest.approx(((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2), abs=0.06)
    assert [color for color, _, _ in (first, second, third)] == ["group-0", "group-1", "group-2"]
    assert "<title>b, seed 0: 1, 20</title>" in svg


def test_the_cross_is_one_standard_deviation():
    svg = chart(group("a", (0.0, 0.0), (1.0, 3.0), (2.0, 6.0)), group("b", (5.0, 0.0)))
    horizontal, vertical = lines(svg, "deviation")
    assert horizontal["x2"] - horizontal["x1"] == pytest.approx(2 * (RIGHT - LEFT) / (5 * 1.16), abs=0.2)
    assert vertical["y2"] - vertical["y1"] == pytest.approx(2 * 3 * (BOTTOM - TOP) / (6 * 1.16), abs=0.2)
    (_, x, y), _ = circles(svg, "disc")
    assert horizontal["y1"] == pytest.approx(y, abs=0.06)
    assert vertical["x1"] == pytest.approx(x, abs=0.06)


def test_limits_hold_the_whole_cross():
    """Two points have a standard deviation of 0.71 of their distance, beyond the points themselves."""
    horizontal, vertical = lines(chart(group("a", (0.0, 0.0), (1.0, 10.0))), "deviation")
    # Both ends are 8 % of the drawn range away from the frame.
    assert horizontal["x1"] == pytest.approx(LEFT + (RIGHT - LEFT) * 0.08 / 1.16, abs=0.06)
    assert horizontal["x2"] == pytest.approx(RIGHT - (RIGHT - LEFT) * 0.08 / 1.16, abs=0.06)
    assert sorted((vertical["y1"], vertical["y2"])) == pytest.approx(
        [TOP + (BOTTOM - TOP) * 0.08 / 1.16, BOTTOM - (BOTTOM - TOP) * 0.08 / 1.16], abs=0.06
    )


def test_a_smallest_span_keeps_close_points_close():
    groups = [group("a", (0.40, 19.6)), group("b", (0.40, 19.8))]
    near = scatter_chart(groups, "leakage", "rank", "Rank", (0.1, 6.4))
    (_, x1, y1), (_, x2, y2) = circles(near, "point")
    assert (x1, x2) == (pytest.approx((LEFT + RIGHT) / 2, abs=0.06),) * 2
    assert y1 - y2 == pytest.approx((BOTTOM - TOP) * 0.2 / (6.4 * 1.16), abs=0.11)
    assert (y1 + y2) / 2 == pytest.approx((TOP + BOTTOM) / 2, abs=0.06)
    # What is further apart is drawn as without.
    assert scatter_chart(groups, "leakage", "rank", "Rank", (0, 0.1)) == scatter_chart(
        groups, "leakage", "rank", "Rank"
    )


def test_neighbouring_ticks_differ():
    svg = chart(group("a", (0.401, 19.56)), group("b", (0.409, 19.79)))
    labels = re.findall(r'text-anchor="(?:end|middle)">(-?[\d.]+)<', svg.replace("disc-number", ""))
    labels = [label for label in labels if "." in label]
    assert len(labels) > 8
    assert len(set(labels)) == len(labels)


def test_numbers_never_cover_each_other_and_are_tied_to_their_means():
    groups = [group(str(index), (0.5, 1.0), (0.5, 0.0)) for index in range(12)]
    svg = chart(*groups)
    discs = [place[1:] for place in circles(svg, "disc")]
    assert len(discs) == 12
    for one, other in itertools.combinations(discs, 2):
        assert math.dist(one, other) >= _LABEL_SIZE
    assert all(LEFT < x < RIGHT and TOP < y < BOTTOM for x, y in discs)
    assert len(lines(svg, "tie")) == 11
    assert re.findall(r'<text class="disc-number"[^>]*>(\d+)<', svg) == [str(index) for index in range(1, 13)]


def test_what_cannot_be_drawn_is_left_out_and_keeps_its_number():
    svg = chart(group("a", (math.nan, 1.0)), group("b", (0.0, 1.0), (0.5, math.inf)), group("c"))
    assert [color for color, _, _ in circles(svg, "point")] == ["group-1"]
    assert re.findall(r'<text class="disc-number"[^>]*>(\d+)<', svg) == ["2"]
    assert lines(svg, "deviation") == []
    assert chart(group("a", (math.nan, 1.0)), group("b")) is None


@pytest.mark.parametrize("value", [0.0, 0.5, -3.0])
def test_equal_values_are_in_the_middle(value):
    (point,) = circles(chart(group("a", (value, value))), "point")
    assert point[1:] == pytest.approx(((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2), abs=0.06)


def test_names_are_escaped_and_titles_shown():
    svg = scatter_chart([group("<b>", (0.0, 1.0))], "x & y", "z", "a < b")
    assert "<b>" not in svg
    assert "x &amp; y" in svg
    assert 'aria-label="a &lt; b"' in svg


def test_colours_repeat_and_numbers_do_not():
    assert swatch(0) == '<span class="mark group-0">1</span>'
    assert swatch(NUM_COLORS) == f'<span class="mark group-0">{NUM_COLORS + 1}</span>'
