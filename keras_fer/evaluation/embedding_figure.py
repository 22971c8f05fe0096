"""Maps of representations, coloured by group, with a legend: one SVG that stands alone and in a page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_fer.evaluation.markup import Html, element

# The colours of Okabe and Ito, which most readers tell apart also with colour blindness, and three more.
COLOURS = (
    *("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7"),
    *("#56b4e9", "#7a4a1e", "#111111", "#a8b400", "#7b3fb3"),
)
_REST = "#d5d9de"
_SIDE, _GAP, _MARGIN = 330, 26, 22
_HEADING, _LEGEND_ROW, _DOT = 46, 20, 4.4
_FONT = "system-ui, 'Liberation Sans', Arial, sans-serif"
_INK, _MUTED, _LINE = "#16202c", "#5a6675", "#dde2e9"
_SWATCH_WIDTH = 108


@dataclass(frozen=True, eq=False)
class Cloud:
    """One panel.

    Args:
        title: what is shown.
        subtitle: what to look for.
        places: `(n, 2)` in [0, 1], right and up.
        groups: int `(n,)`, positions in `names`; −1 for points of no group, drawn pale and below.
        names: of the groups, at most as many as there are `COLOURS`.
    """

    title: str
    subtitle: str
    places: np.ndarray
    groups: np.ndarray
    names: Sequence[str]


def embedding_figure(rows: Sequence[Sequence[Cloud]], label: str) -> Html:
    """Draws panels; those of a row share the legend below it.

    Args:
        rows: the same number of panels in each row; all of a row with the same names.
        label: what the figure shows, for screen readers.

    Raises:
        ValueError: if there are more groups than colours.
    """
    for cloud in (cloud for row in rows for cloud in row):
        if len(cloud.names) > len(COLOURS):
            raise ValueError(f"There are {len(COLOURS)} colours. Received: {len(cloud.names)} groups")
    width = 2 * _MARGIN + len(rows[0]) * (_SIDE + _GAP) - _GAP
    parts: list[Html] = []
    top: float = _MARGIN
    for row in rows:
        for column, cloud in enumerate(row):
            parts.append(_panel(cloud, _MARGIN + column * (_SIDE + _GAP), top))
        top += _HEADING + _SIDE + 12
        legend, height = _legend(row[0].names, bool((row[0].groups < 0).any()), width, top)
        parts.append(legend)
        top += height + _GAP
    height = top - _GAP + _MARGIN
    return element(
        "svg",
        element("rect", width=width, height=height, fill="#ffffff"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=label,
        font_family=_FONT,
        style="display:block;width:100%;max-width:860px;height:auto",
    )


def _panel(cloud: Cloud, left: float, top: float) -> Html:
    frame = element(
        "rect",
        x=left,
        y=top + _HEADING,
        width=_SIDE,
        height=_SIDE,
        rx=8,
        fill="none",
        stroke=_LINE,
    )
    order = [-1, *range(len(cloud.names))]
    return element(
        "g",
        _text(cloud.title, left, top + 14, 15, _INK, weight=600),
        _text(cloud.subtitle, left, top + 34, 12.5, _MUTED),
        frame,
        *(_dots(cloud, group, left, top + _HEADING) for group in order if (cloud.groups == group).any()),
    )


def _dots(cloud: Cloud, group: int, left: float, top: float) -> Html:
    """All points of a group as one path: a line of no length with round ends is a dot."""
    inner = _SIDE - 20
    places = np.clip(cloud.places[cloud.groups == group], 0, 1)
    path = "".join(f"M{left + 10 + inner * x:.1f} {top + 10 + inner * (1 - y):.1f}h0" for x, y in places)
    name = cloud.names[group] if group >= 0 else "others"
    return element(
        "path",
        element("title", name),
        d=path,
        fill="none",
        stroke=COLOURS[group] if group >= 0 else _REST,
        stroke_width=_DOT,
        stroke_linecap="round",
        stroke_opacity=0.85,
    )


def _legend(names: Sequence[str], has_rest: bool, width: float, top: float) -> tuple[Html, float]:
    entries = list(zip(names, COLOURS, strict=False)) + ([("others", _REST)] if has_rest else [])
    per_row = max(1, int((width - 2 * _MARGIN) // _SWATCH_WIDTH))
    parts = []
    for position, (name, colour) in enumerate(entries):
        row, column = divmod(position, per_row)
        x, y = _MARGIN + column * _SWATCH_WIDTH, top + row * _LEGEND_ROW
        parts.append(element("circle", cx=x + 6, cy=y + 9, r=5, fill=colour))
        parts.append(_text(name, x + 17, y + 13.5, 13, _INK))
    return element("g", *parts), _LEGEND_ROW * -(-len(entries) // per_row)


def _text(text: str, x: float, y: float, size: float, colour: str, weight: int | None = None) -> Html:
    return element("text", text, x=x, y=y, font_size=size, fill=colour, font_weight=weight)
