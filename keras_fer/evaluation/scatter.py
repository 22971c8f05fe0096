"""Two scores of several variants against each other, as SVG: a point per seed, mean ± standard deviation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keras_fer.evaluation.figures import grid_line, number, tick_labels, ticks
from keras_fer.evaluation.markup import Html, element

STYLE_FILE = "scatter.css"
NUM_COLORS = 8

_WIDTH, _HEIGHT = 560, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 14, 46
_LABEL_SIZE = 17  # of the disc that holds the number of a group
_PADDING = 0.08  # of the range, beyond the outermost point


@dataclass(frozen=True)
class PointGroup:
    """Points that belong together, such as the seeds of one variant.

    Args:
        name: shown in tooltips; the chart shows the position in the list, from 1.
        x, y: one number each per point; a point of which one is not finite is left out.
        names: of the points, such as `"seed 0"`.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    names: Sequence[str]

    def finite(self) -> list[tuple[float, float, str]]:
        """Returns the points that can be drawn."""
        points = zip(self.x, self.y, self.names, strict=True)
        return [point for point in points if math.isfinite(point[0]) and math.isfinite(point[1])]


def scatter_chart(
    groups: Sequence[PointGroup],
    x_title: str,
    y_title: str,
    label: str,
    spans: tuple[float, float] = (0.0, 0.0),
) -> Html | None:
    """Draws each group as small points, their mean, and a cross of one standard deviation (ddof 1).

    Args:
        groups: their numbers in the chart are 1, 2, …
        x_title, y_title: of the axes.
        label: what the chart shows, for screen readers.
        spans: the smallest range of each axis, x and y; without one, differences of no weight would fill
            the drawing.

    Returns:
        The drawing, or None where no point is finite.
    """
    drawn = [(index, group.name, group.finite()) for index, group in enumerate(groups)]
    drawn = [item for item in drawn if item[2]]
    if not drawn:
        return None
    members_of = [np.array([point[:2] for point in members]) for _, _, members in drawn]
    limits = [_range([points[:, axis] for points in members_of], spans[axis]) for axis in (0, 1)]
    axes = _Axes(*limits[0], *limits[1])
    dots = [dot for index, name, members in drawn for dot in _dots(axes, index, name, members)]
    centres = [_centre(axes, members) for _, _, members in drawn]
    crosses = [
        mark for (index, _, _), centre in zip(drawn, centres, strict=True) for mark in _cross(index, centre)
    ]
    discs = [
        _disc(index, name, centre, place)
        for (index, name, _), centre, place in zip(drawn, centres, _places(centres), strict=True)
    ]
    return element(
        "svg",
        *_grid(axes, x_title, y_title),
        *dots,
        *crosses,
        *discs,
        class_="chart scatter",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=label,
    )


def swatch(index: int) -> Html:
    """Returns the disc with which the group at a position of the list is marked, for a legend or table."""
    return element("span", str(index + 1), class_=f"mark {_color(index)}")


@dataclass(frozen=True)
class _Axes:
    """From data to the coordinates of the drawing."""

    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - self.left) / (self.right - self.left)

    def y(self, value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (self.high - value) / (self.high - self.low)


@dataclass(frozen=True)
class _Centre:
    """Mean and standard deviation of a group, in coordinates of the drawing."""

    x: float
    y: float
    half_width: float
    half_height: float


def _range(groups: Sequence[np.ndarray], span: float) -> tuple[float, float]:
    """The limits of an axis: points, crosses and some room, at least `span` wide."""
    ends = [end for values in groups for end in (values.min(), values.max(), *_deviation(values))]
    low, high = float(min(ends)), float(max(ends))
    missing = max(0.0, span - (high - low)) / 2
    low, high = low - missing, high + missing
    padding = _PADDING * (high - low) or 0.1 * abs(high) or 1.0
    return low - padding, high + padding


def _deviation(values: np.ndarray) -> tuple[float, float]:
    """The ends of a cross: mean ± standard deviation (ddof 1); the mean itself for a single point."""
    half = values.std(ddof=1) if len(values) > 1 else 0.0
    return values.mean() - half, values.mean() + half


def _color(index: int) -> str:
    return f"group-{index % NUM_COLORS}"


def _grid(axes: _Axes, x_title: str, y_title: str) -> Iterator[Html]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    heights, widths = ticks(axes.low, axes.high), ticks(axes.left, axes.right)
    for value, label in zip(heights, tick_labels(heights), strict=True):
        yield grid_line(axes.y(value), label, _LEFT, right)
    for value, label in zip(widths, tick_labels(widths), strict=True):
        x = f"{axes.x(value):.1f}"
        yield element("line", class_="grid", x1=x, x2=x, y1=_TOP, y2=bottom)
        yield element("text", label, x=x, y=bottom + 17, text_anchor="middle")
    middle = (_LEFT + right) / 2
    yield element("text", x_title, class_="axis", x=middle, y=_HEIGHT - 8, text_anchor="middle")
    centre = f"14,{(_TOP + bottom) / 2:.0f}"
    yield element(
        "text",
        y_title,
        class_="axis",
        transform=f"translate({centre}) rotate(-90)",
        dy="0.32em",
        text_anchor="middle",
    )


def _dots(axes: _Axes, index: int, name: str, members: Sequence[tuple[float, float, str]]) -> Iterator[Html]:
    for x, y, point in members:
        tooltip = element("title", f"{name}, {point}: {number(x)}, {number(y)}")
        yield element(
            "circle",
            tooltip,
            class_=f"point {_color(index)}",
            cx=f"{axes.x(x):.1f}",
            cy=f"{axes.y(y):.1f}",
            r=4,
        )


def _centre(axes: _Axes, members: Sequence[tuple[float, float, str]]) -> _Centre:
    left, right = _deviation(np.array([axes.x(point[0]) for point in members]))
    top, bottom = _deviation(np.array([axes.y(point[1]) for point in members]))
    return _Centre(
        float(left + right) / 2, float(top + bottom) / 2, float(right - left) / 2, float(bottom - top) / 2
    )


def _cross(index: int, centre: _Centre) -> Iterator[Html]:
    """The standard deviations; none for a single point."""
    for half, position, axis in (
        (centre.half_width, centre.x, "x"),
        (centre.half_height, centre.y, "y"),
    ):
        if half < 0.5:
            continue
        ends = f"{position - half:.1f}", f"{position + half:.1f}"
        across = f"{centre.y if axis == 'x' else centre.x:.1f}"
        other = "y" if axis == "x" else "x"
        yield element(
            "line",
            class_=f"deviation {_color(index)}",
            **{f"{axis}1": ends[0], f"{axis}2": ends[1], f"{other}1": across, f"{other}2": across},
        )


def _places(centres: Sequence[_Centre]) -> list[tuple[float, float]]:
    """Returns where the discs go: at their means, or as near as leaves each of them readable."""
    taken: list[tuple[float, float]] = []
    for centre in centres:
        taken.append(min(_candidates(centre), key=lambda place: _cost(place, centre, taken)))
    return taken


def _candidates(centre: _Centre) -> Iterator[tuple[float, float]]:
    yield centre.x, centre.y
    half = _LABEL_SIZE / 2
    for ring in range(1, 7):
        for step in range(12):
            angle = math.tau * step / 12
            x = centre.x + ring * half * math.cos(angle)
            y = centre.y + ring * half * math.sin(angle)
            if _LEFT + half <= x <= _WIDTH - _RIGHT - half and _TOP + half <= y <= _HEIGHT - _BOTTOM - half:
                yield x, y


def _cost(place: tuple[float, float], centre: _Centre, taken: Sequence[tuple[float, float]]) -> float:
    """The distance to the mean; overlaps cost more than any distance."""
    overlaps = sum(max(0.0, _LABEL_SIZE + 1 - math.dist(place, other)) for other in taken)
    return math.dist(place, (centre.x, centre.y)) + 1000 * overlaps


def _disc(index: int, name: str, centre: _Centre, place: tuple[float, float]) -> Html:
    """The number of a group, tied to its mean where it had to move."""
    x, y = (f"{value:.1f}" for value in place)
    moved = math.dist(place, (centre.x, centre.y)) > 1
    tie = element(
        "line", class_=f"tie {_color(index)}", x1=f"{centre.x:.1f}", y1=f"{centre.y:.1f}", x2=x, y2=y
    )
    return element(
        "g",
        element("title", name),
        tie if moved else None,
        element("circle", class_=f"disc {_color(index)}", cx=x, cy=y, r=_LABEL_SIZE / 2),
        element("text", str(index + 1), class_="disc-number", x=x, y=y, dy="0.35em", text_anchor="middle"),
    )
