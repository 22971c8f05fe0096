import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_fer.evaluation.intervention_study import InterventionStudy
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.metrics import evaluate_predictions
from keras_fer.evaluation.probes import ProbeResult
from keras_fer.evaluation.report import RunReport, report_page, write_report
from keras_fer.evaluation.samples import Sample

HOSTILE = "<script>alert('x')</script>\"'&"
VOID = {"meta", "img", "br"}


class PageReader(HTMLParser):
    """Checks that elements are closed in order, and collects what the page holds."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def evaluation_of(names=("happiness", "fear", "anger")):
    labels = np.array([0, 0, 0, 0, 1, 1])
    return evaluate_predictions(labels, np.eye(3)[[0, 0, 0, 1, 1, 0]], names)


def sample(label="fear", prediction="fear", probability=0.75):
    return Sample(np.zeros((8, 8, 3), np.uint8), label, prediction, probability)


def probe_row(**changes):
    result = ProbeResult(
        linear_mean=0.5,
        linear_sd=0.0,
        mlp_mean=0.625,
        mlp_sd=0.02,
        control_mean=0.13,
        control_sd=0.01,
        leakage=0.571,
        chance=0.125,
        num_classes=8,
        num_train=6000,
        num_test=1500,
        num_seeds=3,
        converged=True,
    )
    row = RepresentationProbe("baseline", "non_expression_representation", result, 23.4, 64)
    return replace(row, **changes)


HISTORY = [
    {"epoch": 0.0, "expression_accuracy": 0.25, "val_expression_accuracy": 0.5, "critic_accuracy": 0.2},
    {"epoch": 1.0, "expression_accuracy": 0.75, "val_expression_accuracy": 0.625, "critic_accuracy": 0.3},
]


def full_report(name="happiness"):
    return RunReport(
        title=f"Run {name}",
        summary=[("preset", name), (name, "3")],
        config={"preset": name, "objective": {"weights": [1, 2], name: name}},
        history=[*HISTORY, {"epoch": 2.0, name: 1.0}],
        evaluation=replace(evaluation_of((name, "fear", "anger")), split="test"),
        samples=[sample(), sample(name, "fear"), sample("fear", name)],
        probes=[probe_row(model=name), probe_row(model="untrained", representation=name, floor=True)],
        exports=[{"file": name, name: 3}, {"file": "b", name: None}],
        notes=[name],
    )


def test_shows_the_numbers():
    text = PageReader(report_page(full_report())).text
    for shown in (
        "66.7 %",  # accuracy, 4 of 6
        "30.0 – 90.3 %",  # its Wilson interval
        "6 images of the test split, 3 classes.",
        "62.5 %",  # balanced accuracy (3/4 + 1/2) / 2, and the MLP probe
        "No images of anger",
        "0.57",
        "23.4 of 64",
        "Chance, here 12.5 %,",
        "floor",
        "validation 0.625, best 0.625 in epoch 2",
        "objective.weights",
    ):
        assert shown in text


def test_only_what_should_not_be_known_is_called_a_leak():
    shown = "In the expression representation the expression is meant to be found"
    wanted = probe_row(representation="expression_representation")
    assert shown in report_page(RunReport("a", probes=[probe_row(), wanted]))
    assert shown not in report_page(RunReport("a", probes=[probe_row()]))


def test_confusion_has_counts_and_row_shares():
    page = report_page(RunReport("a", evaluation=evaluation_of()))
    assert "<b>75</b><small>3</small>" in page
    assert 'title="happiness taken for fear: 1 of 4"' in page
    assert "--share:0.250" in page


def test_every_string_is_escaped():
    page = report_page(full_report(HOSTILE))
    reader = PageReader(page)
    assert "script" not in reader.tags
    assert HOSTILE in reader.text
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_loads_nothing_from_elsewhere():
    page = report_page(full_report())
    reader = PageReader(page)
    assert not {"script", "link", "iframe", "object", "base"} & set(reader.tags)
    for name, value in reader.attributes:
        if name in ("src", "href", "srcset", "action", "style"):
            assert value.startswith(("data:image/png;base64,", "#", "--share:")), (name, value)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert ("content", policy) in reader.attributes
    assert "url(" not in page
    assert "@import" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_interventions_stand_in_the_report():
    found = InterventionStudy(None, None, (), (), {}, "<svg onload='alert(1)'/>", ("Rendered <b>.",))
    page = report_page(RunReport("a", study=found, notes=["Careful."]))
    assert 'id="maps"' in page
    assert "alert" not in page  # The file is an image of the page, not a part of it.
    assert "<li>Careful.</li><li>Interventions: Rendered &lt;b&gt;.</li>" in page


def test_links_within_the_page_have_a_target():
    attributes = PageReader(report_page(full_report())).attributes
    targets = {value for name, value in attributes if name == "id"}
    assert {value[1:] for name, value in attributes if name == "href"} <= targets
    assert len([value for name, value in attributes if name == "id"]) == len(targets)


def test_the_critic_is_not_presented_as_evidence():
    page = report_page(RunReport("a", history=HISTORY))
    assert "critic accuracy (not evidence)" in page
    assert "Only fresh probes do." in page
    assert "the accuracy of a critic that learns together with the encoder says nothing" in page
    without = report_page(RunReport("a", history=[{"expression_accuracy": 0.5}]))
    assert "critic" not in PageReader(without).text
    # Least of all among the scores.
    assert page.index("Second player") < page.index("critic accuracy")


def test_sections_without_content_are_left_out():
    page = report_page(RunReport("Nothing yet"))
    assert re.findall("<h2", page) == []
    # One epoch whose numbers are not finite has no curve.
    assert "<svg" not in report_page(RunReport("a", history=[{"epoch": 0, "loss": float("nan")}]))


def test_unknown_quantities_get_a_chart_of_their_own():
    page = report_page(RunReport("a", history=[{"valence_error": 1.0, "val_valence_error": 2.0}] * 2))
    assert page.count("<svg") == 1
    assert "valence error" in page


def test_right_and_wrong_predictions_are_told_apart_without_colour():
    text = PageReader(report_page(RunReport("a", samples=[sample(), sample("anger", "fear")]))).text
    assert "✓ fear 75.0 %" in text
    assert "✗ fear label: anger 75.0 %" in text
    only_right = PageReader(report_page(RunReport("a", samples=[sample()]))).text
    assert "Wrong" not in only_right


def test_images_have_a_description():
    page = report_page(RunReport("a", samples=[sample("anger", "fear")]))
    assert 'alt="anger, predicted fear"' in page


def test_write_report_replaces_the_whole_file(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(path, RunReport("Größe ≤ 1"))
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n<html")
    assert "Größe ≤ 1" in path.read_text(encoding="utf-8")
    with pytest.raises(AttributeError):
        write_report(path, RunReport("a", evaluation="no evaluation"))
    assert "Größe ≤ 1" in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_notes_of_the_probes_say_where_they_are_from_beside_others(leakage_matrix):
    page = report_page(RunReport("a", evaluation=evaluation_of(), matrix=leakage_matrix()))
    assert "<li>Probes: Careful.</li>" in page
