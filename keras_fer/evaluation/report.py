"""The report of a run: one self-contained HTML page, readable on paper, phone, light and dark."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from keras_fer.atomic import atomic_file
from keras_fer.evaluation import report_sections as sections
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_matrix import LeakageMatrix
from keras_fer.evaluation.markup import Html, element, joined
from keras_fer.evaluation.metrics import Evaluation
from keras_fer.evaluation.report_leakage import matrix_section
from keras_fer.evaluation.samples import Sample

STYLE_FILE = "report.css"


@dataclass(frozen=True)
class RunReport:
    """What a report shows; sections without content are left out.

    Args:
        title: heading of the page.
        summary: what the run was, as pairs of a name and a value: preset, data set, hash, seed, versions.
        config: the whole configuration, JSON types, nested as it is.
        history: one row per epoch, Keras log names to numbers; `epoch`, if there, counts from 0.
        evaluation: scores on images that training did not see.
        samples: right and wrong predictions, see `choose_samples`.
        probes: rows of `measure_leakage`, or None.
        matrix: what `measure_matrix` returned, or None.
        exports: one row per exported file, column names to values, all with the same columns; or None.
        notes: sentences that a reader must not miss.
    """

    title: str
    summary: Sequence[tuple[str, str]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    evaluation: Evaluation | None = None
    samples: Sequence[Sample] = ()
    probes: Sequence[RepresentationProbe] | None = None
    matrix: LeakageMatrix | None = None
    exports: Sequence[Mapping[str, Any]] | None = None
    notes: Sequence[str] = ()


def write_report(path: str | os.PathLike, report: RunReport) -> None:
    """Writes a report to `path`; the file appears whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(report_page(report), encoding="utf-8")


def report_page(report: RunReport) -> Html:
    """Returns a report as an HTML document that loads nothing: no script, font or picture from elsewhere."""
    style = resources.files("keras_fer.evaluation").joinpath(STYLE_FILE).read_text(encoding="utf-8")
    evaluation = report.evaluation
    contents = {
        "Key numbers": evaluation and sections.key_numbers(evaluation),
        "Notes": sections.notes([*report.notes, *(evaluation.notes if evaluation else ())]),
        "Run": sections.summary(report.summary),
        "Classes": evaluation and sections.class_table(evaluation),
        "Confusion": evaluation and sections.confusion_table(evaluation),
        "Predictions": sections.sample_gallery(report.samples),
        "Leakage": report.probes and sections.probe_table(report.probes),
        "Leakage matrix": report.matrix and matrix_section(report.matrix),
        "Training": sections.training_curves(report.history),
        "Exported files": report.exports and sections.export_table(report.exports),
        "Configuration": sections.configuration(report.config),
    }
    shown = {title: content for title, content in contents.items() if content}
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        # Nothing may load, whatever a name or a note contains.
        element(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; img-src data:; style-src 'unsafe-inline'",
        ),
        element("title", report.title),
        element("style", Html(style)),
    )
    body = element(
        "body",
        element("header", element("p", "keras-fer report", class_="kicker"), element("h1", report.title)),
        _navigation(list(shown)),
        element("main", *(_section(title, content) for title, content in shown.items())),
    )
    return joined(Html("<!DOCTYPE html>\n"), element("html", head, body, lang="en"), Html("\n"))


def _section(title: str, content: Html) -> Html:
    anchor = _anchor(title)
    heading = element("h2", title, id=f"{anchor}-heading")
    return element("section", heading, content, id=anchor, aria_labelledby=f"{anchor}-heading")


def _navigation(titles: Sequence[str]) -> Html:
    links = [element("a", title, href=f"#{_anchor(title)}") for title in titles]
    return element("nav", *links, aria_label="Sections")


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
