"""Figures of the report as SVG that takes its colours from the page, so that it suits light and dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keras_fer.evaluation.markup import Html, element

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 24
_MOST_POINTS_WITH_TOOLTIP = 150


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        name: shown in tooltips and to screen readers.
        steps: positions on the horizontal axis, such as epochs.
        values: one number per step; those that are not finite leave a gap.
        style: number of the style of the page, 0 or 1.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    style: int = 0


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Returns at most `count` + 1 round numbers, multiples of 1, 2 or 5 times a power of ten, in [low, high].

    Args:
        low, high: finite, low ≤ high.
        count: largest number of steps, at least 1.
    """
    span = high - low
    if span <= abs(high) * 1e-12:
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= raw), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(position * step, 12) for position in range(first, last + 1)]


def number(value: float) -> str:
    """Writes a number for people, with about three digits."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    if 0.001 <= abs(value) < 10_000:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")


def tick_labels(values: Sequence[float]) -> list[str]:
    """Writes what `ticks` returned, all with the digits of their step, so that no two look the same."""
    labels = [number(value) for value in values]
    if len(values) < 2:
        return labels
    places = max(0, -math.floor(math.log10(values[1] - values[0]) + 1e-9))
    if len(set(labels)) == len(labels) and (places > 4 or max(map(abs, values)) >= 10_000):
        return labels
    return [f"{value:.{places}f}" for value in values]


def grid_line(height: float, label: str, left: float, right: float) -> Html:
    """Draws a line across a chart, with what it stands for to the left of it.

    Args:
        height: where it lies, from the top.
        label: its text, see `tick_labels`.
        left, right: its ends.
    """
    y = f"{height:.1f}"
    return element(
        "g",
        element("line", class_="grid", x1=left, x2=right, y1=y, y2=y),
        element("text", label, x=left - 6, y=y, dy="0.32em", text_anchor="end"),
    )


def line_chart(series: Sequence[Series], label: str, unit: str = "epoch") -> Html:
    """Draws lines over a common axis, labelled at whole steps.

    Args:
        series: at least one, with at least one finite value between them.
        label: what the chart shows, for screen readers.
        unit: what the steps are, for tooltips.
    """
    points = [(x, y) for line in series for x, y in zip(line.steps, line.values, strict=True)]
    finite = [y for _, y in points if math.isfinite(y)]
    low, high = min(finite), max(finite)
    if high - low < 1e-9 * max(1.0, abs(high)):
        padding = abs(high) * 0.1 or 1.0
        low, high = low - padding, high + padding
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    scale = _Scale(first, last, low, high)
    values = ticks(low, high)
    grid = [
        grid_line(scale.y(value), label, _LEFT, _WIDTH - _RIGHT)
        for value, label in zip(values, tick_labels(values), strict=True)
    ]
    labels = [_step_label(scale, step) for step in _whole(ticks(first, last, 8))]
    lines = [mark for line in series for mark in _marks(scale, line, unit)]
    return element(
        "svg",
        *grid,
        *labels,
        *lines,
        class_="chart",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=label,
    )


def interval_bar(value: float, low: float, high: float, chance: float | None = None) -> Html:
    """Draws a share and its interval on a line from 0 to 1, with a tick at chance; empty for NaN."""
    if not all(math.isfinite(number) for number in (value, low, high)):
        return Html("")
    marks = [
        element("line", class_="track", x1=0, x2=100, y1=6, y2=6),
        element("line", class_="range", x1=f"{100 * low:.1f}", x2=f"{100 * high:.1f}", y1=6, y2=6),
        element("circle", class_="dot", cx=f"{100 * value:.1f}", cy=6, r=3.5),
    ]
    if chance is not None:
        marks.insert(1, element("line", class_="chance", x1=100 * chance, x2=100 * chance, y1=1, y2=11))
    return element("svg", *marks, class_="interval", viewBox="-4 0 108 12", aria_hidden="true")


@dataclass(frozen=True)
class _Scale:
    """From data to the coordinates of the drawing."""

    first: float
    last: float
    low: float
    high: float

    def x(self, step: float) -> float:
        inner = _WIDTH - _LEFT - _RIGHT
        span = self.last - self.first
        return _LEFT + inner * ((step - self.first) / span if span else 0.5)

    def y(self, value: float) -> float:
        inner = _HEIGHT - _TOP - _BOTTOM
        return _TOP + inner * (self.high - value) / (self.high - self.low)


def _whole(steps: Sequence[float]) -> list[float]:
    return [step for step in steps if step == round(step)]


def _step_label(scale: _Scale, step: float) -> Html:
    return element("text", f"{step:g}", x=f"{scale.x(step):.1f}", y=_HEIGHT - 6, text_anchor="middle")


def _marks(scale: _Scale, line: Series, unit: str) -> list[Html]:
    """The runs of finite values as lines, a dot at the last value, and a tooltip for each value."""
    marks: list[Html] = []
    run: list[str] = []
    dots: list[Html] = []
    for step, value in [*zip(line.steps, line.values, strict=True), (0.0, math.nan)]:
        if math.isfinite(value):
            x, y = f"{scale.x(step):.1f}", f"{scale.y(value):.1f}"
            run.append(f"{x},{y}")
            tooltip = element("title", f"{line.name}, {unit} {number(step)}: {number(value)}")
            dots.append(element("circle", tooltip, class_="hover", cx=x, cy=y, r=7))
            final = element("circle", class_=f"dot line-{line.style}", cx=x, cy=y, r=3)
        elif run:
            marks.append(element("polyline", class_=f"line line-{line.style}", points=" ".join(run)))
            run = []
    if dots:
        marks.append(final)
    return [*marks, *(dots if len(dots) <= _MOST_POINTS_WITH_TOOLTIP else [])]
