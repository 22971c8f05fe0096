"""The summary of an ablation as files: JSON, Markdown, and a page with plots."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_fer.atomic import atomic_file
from keras_fer.evaluation import scatter
from keras_fer.evaluation.html_table import html_table
from keras_fer.evaluation.markup import Html, element, joined, unbroken
from keras_fer.evaluation.page import html_page
from keras_fer.evaluation.scatter import PointGroup, scatter_chart, swatch
from keras_fer.evaluation.summary_list import summary_list
from keras_fer.training.ablation_summary import LEGEND, METRICS
from keras_fer.training.ablation_text import (
    facts,
    markdown,
    p_text,
    settings_text,
    signed_number,
    spread_text,
    untouched,
)
from keras_fer.training.run_folder import write_json

SUMMARY = "summary"


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Writes `summary.json`, `summary.md` and `summary.html`; each appears whole or not at all."""
    write_json(folder / f"{SUMMARY}.json", summary)
    for suffix, text in ((".md", markdown(summary)), (".html", ablation_page(summary))):
        with atomic_file(folder / f"{SUMMARY}{suffix}") as temporary:
            temporary.write_text(text, encoding="utf-8")


def ablation_page(summary: Mapping[str, Any]) -> Html:
    """Returns the page of a summary.

    Args:
        summary: what `summarize_ablation` returns.
    """
    sections = {
        "Runs": joined(*(element("p", sentence) for sentence in facts(summary))),
        "Leakage": _plots(summary),
        "Scores": _scores(summary),
        f"Differences to {summary['baseline']}": _differences(summary),
        "Expected": _expected(summary),
        "Settings": _settings(summary),
    }
    title = summary["description"] or "Ablation"
    return html_page(title, "keras-fer ablation", sections, ("report.css", scatter.STYLE_FILE))


def _plots(summary: Mapping[str, Any]) -> Html | None:
    """Accuracy against leakage, and what else the representation is good for against leakage."""
    kept = "utility" if "utility" in summary["metrics"] else "effective_rank"
    # Of so many directions that there could be.
    rank_span = max(variant["width"] or 1 for variant in summary["variants"]) / 10
    charts = []
    for name in ("accuracy", kept):
        groups = [
            PointGroup(
                variant["name"],
                [
                    METRICS["leakage"].scale * value
                    for value in variant["metrics"]["leakage"]["values"].values()
                ],
                [METRICS[name].scale * value for value in variant["metrics"][name]["values"].values()],
                [f"seed {seed}" for seed in variant["metrics"]["leakage"]["values"]],
            )
            for variant in summary["variants"]
        ]
        title = METRICS[name].title
        spans = METRICS["leakage"].span, rank_span if name == "effective_rank" else METRICS[name].span
        chart = scatter_chart(groups, "Leakage (0 is chance)", title, f"{title} against leakage", spans)
        if chart is not None:
            better = "Up and to the left is better."
            heading = element(
                "figcaption", element("b", f"{title} against leakage"), element("small", better)
            )
            charts.append(element("figure", heading, chart, class_="panel"))
    if not charts:
        return None
    legend = [
        element("li", swatch(index), variant["name"]) for index, variant in enumerate(summary["variants"])
    ]
    caption = (
        "A pale point is a run with one seed, a number the mean of its variant, a cross one standard "
        "deviation over the seeds. Where numbers would cover each other, a line leads to the mean."
    )
    return joined(
        element("div", *charts, class_="scatters"),
        element("ul", *legend, class_="legend-list"),
        element("p", caption, class_="caption"),
    )


def _scores(summary: Mapping[str, Any]) -> Html:
    names = summary["metrics"]
    rows = [
        [
            _variant(index, variant["name"]),
            *(_score(spread_text(variant["metrics"][name], METRICS[name])) for name in names),
        ]
        for index, variant in enumerate(summary["variants"])
    ]
    legend = [element("li", element("b", METRICS[name].title), f": {LEGEND[name]}.") for name in names]
    note = untouched(summary)
    return joined(
        _table(names, rows, "of scores"),
        element("p", note, class_="caption") if note else None,
        element("ul", *legend, class_="legend"),
    )


def _score(text: str) -> Html:
    """The mean, and under it the standard deviation."""
    mean, *deviation = text.split(" ± ")
    return element("td", mean, *(element("small", unbroken(f"± {number}")) for number in deviation))


def _differences(summary: Mapping[str, Any]) -> Html | None:
    names = [name for name in summary["metrics"] if METRICS[name].compared]
    rows = [
        [
            _variant(index, variant["name"]),
            *(_difference(variant["differences"][name], name) for name in names),
        ]
        for index, variant in enumerate(summary["variants"])
        if variant["name"] != summary["baseline"]
    ]
    if not rows:
        return None
    table = _table(names, rows, f"of differences to {summary['baseline']}")
    return joined(table, element("p", summary["rule"], class_="caption"))


def _difference(difference: Mapping[str, Any], name: str) -> Html:
    metric = METRICS[name]
    if difference["mean"] is None:
        return element("td", "–")
    details = []
    if difference["interval"] is not None:
        low, high = (signed_number(end, metric) for end in difference["interval"])
        details = [f"{low} to {high}", unbroken(f"p {p_text(difference['p_value'])}")]
    verdict = difference["verdict"]
    return element(
        "td",
        signed_number(difference["mean"], metric),
        *(element("small", detail) for detail in details),
        element("small", verdict, class_=verdict if verdict in ("higher", "lower") else None),
    )


def _variant(index: int, name: str) -> Html:
    # A name breaks behind its words.
    words = re.split(r"(?<=[_,])(?=.)", name)
    breaks = [piece for word in words for piece in (element("wbr"), word)][1:]
    return element("th", swatch(index), *breaks, scope="row")


def _table(names: Sequence[str], rows: Sequence[Sequence[Html]], what: str) -> Html:
    titles = [element("span", METRICS[name].title) for name in names]
    return html_table(["Variant", *titles], rows, what, "ablation")


def _expected(summary: Mapping[str, Any]) -> Html | None:
    return summary_list(summary["expected"].items())


def _settings(summary: Mapping[str, Any]) -> Html:
    rows = [
        element("tr", element("th", variant["name"], scope="row"), element("td", settings_text(variant)))
        for variant in summary["variants"]
    ]
    return element("table", element("tbody", *rows), class_="configuration")
