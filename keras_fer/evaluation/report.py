"""The report of a run: one self-contained HTML page, readable on paper, phone, light and dark."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_fer.atomic import atomic_file
from keras_fer.evaluation import report_sections as sections
from keras_fer.evaluation.intervention_sections import study_sections
from keras_fer.evaluation.intervention_study import InterventionStudy
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_matrix import LeakageMatrix
from keras_fer.evaluation.markup import Html
from keras_fer.evaluation.metrics import Evaluation
from keras_fer.evaluation.page import html_page
from keras_fer.evaluation.report_calibration import CalibrationFacts, calibration_section
from keras_fer.evaluation.report_leakage import matrix_section
from keras_fer.evaluation.samples import Sample
from keras_fer.evaluation.summary_list import summary_list


@dataclass(frozen=True)
class RunReport:
    """What a report shows; sections without content are left out.

    Args:
        title: heading of the page.
        summary: what the run was, as pairs of a name and a value: preset, data set, hash, seed, versions.
        config: the whole configuration, JSON types, nested as it is.
        history: one row per epoch, Keras log names to numbers; `epoch`, if there, counts from 0.
        evaluation: scores on images that training did not see.
        calibration: confidences of the same images, or None.
        samples: right and wrong predictions, see `choose_samples`.
        probes: rows of `measure_leakage`, or None.
        matrix: what `measure_matrix` returned, or None.
        study: what `intervention_study` returned, or None.
        exports: one row per exported file, column names to values, all with the same columns; or None.
        notes: sentences that a reader must not miss.
    """

    title: str
    summary: Sequence[tuple[str, str]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    evaluation: Evaluation | None = None
    calibration: CalibrationFacts | None = None
    samples: Sequence[Sample] = ()
    probes: Sequence[RepresentationProbe] | None = None
    matrix: LeakageMatrix | None = None
    study: InterventionStudy | None = None
    exports: Sequence[Mapping[str, Any]] | None = None
    notes: Sequence[str] = ()


def write_report(path: str | os.PathLike, report: RunReport) -> None:
    """Writes a report to `path`; the file appears whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(report_page(report), encoding="utf-8")


def report_page(report: RunReport) -> Html:
    """Returns a report as an HTML document that loads nothing: no script, font or picture from elsewhere."""
    evaluation = report.evaluation
    classes = len(evaluation.label_names) if evaluation else None
    notes = [*report.notes, *(evaluation.notes if evaluation else ())]
    about = "Probes: " if evaluation else ""
    notes += [f"{about}{note}" for note in (report.matrix.notes if report.matrix else ())]
    notes += [f"Interventions: {note}" for note in (report.study.notes if report.study else ())]
    contents: dict[str, Html | None] = {
        "Key numbers": sections.key_numbers(evaluation) if evaluation else None,
        "Notes": sections.notes(notes),
        "Run": summary_list(report.summary),
        "Classes": sections.class_table(evaluation) if evaluation else None,
        "Confusion": sections.confusion_table(evaluation) if evaluation else None,
        "Calibration": calibration_section(report.calibration) if report.calibration else None,
        "Predictions": sections.sample_gallery(report.samples),
        "Leakage": sections.probe_table(report.probes) if report.probes else None,
        "Leakage matrix": matrix_section(report.matrix) if report.matrix else None,
        **(study_sections(report.study) if report.study else {}),
        "Training": sections.training_curves(report.history, classes),
        "Exported files": sections.export_table(report.exports) if report.exports else None,
        "Configuration": sections.configuration(report.config),
    }
    return html_page(report.title, "keras-fer report", contents)
