import dataclasses
import hashlib
import re

import pytest

from keras_fer.export.bundle import model_card, write_bundle_files
from keras_fer.export.bundle_page import bundle_page, plot


def test_files(exported, tmp_path):
    report = exported[1]
    (tmp_path / "labels.txt").write_text("a\n")
    write_bundle_files(tmp_path, report)
    assert {path.name for path in tmp_path.iterdir()} == {
        "README.md", "index.html", "SHA256SUMS", "labels.txt"
    }  # fmt: skip
    sums = dict(line.split("  ")[::-1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {"README.md", "index.html", "labels.txt"}
    for name, digest in sums.items():
        assert digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_card(exported):
    card = model_card(exported[1])
    assert card.startswith("# stripes\n\nTells stripes apart.\n")
    for name in ("stripes_float32.tflite", "stripes_float16.tflite", "stripes_static_wi8_ai8.tflite"):
        assert f"| `{name}` | " in card
    assert "**Trained on**: Made for tests; no terms." in card
    assert "**Verified on**: 120 images of the test split" in card
    assert "keras-fer predict stripes_float32.tflite" in card


def test_page_has_a_row_per_file_and_escapes(exported):
    report = exported[1]
    hostile = dataclasses.replace(report.contract, name="<script>")
    page = bundle_page(dataclasses.replace(report, contract=hostile, warnings=("Slow & <b>",)))
    assert "<script>" not in page
    assert "Slow &amp; &lt;b&gt;" in page
    for file in report.files:
        # In the tables of files, latency, operators and recipes; the last one has the name of the file.
        assert page.count(f'<th scope="row">{file.recipe}</th>') >= 4
        assert f"<td>{file.file}</td>" in page
    assert page.count("<circle") == len(report.files)
    assert "FAILED" not in page


def test_failed_checks_are_on_the_page(exported):
    report = exported[1]
    (first, *others) = report.files
    broken = dataclasses.replace(first.checks[0], passed=False)
    files = (dataclasses.replace(first, checks=(broken,)), *others)
    assert "FAILED" in bundle_page(dataclasses.replace(report, files=files))


@pytest.mark.parametrize("labelled", [True, False])
def test_plot(exported, labelled):
    files = exported[1].files
    if not labelled:
        files = [dataclasses.replace(file, accuracy=None) for file in files]
    drawing = plot(files)
    assert ("accuracy, %" in drawing) == labelled
    assert drawing.count("<circle") == 3
    radii = [float(part.split('"')[0]) for part in drawing.split(' r="')[1:]]
    assert min(radii) < max(radii) == 20


def test_no_two_ticks_of_the_plot_look_the_same(exported):
    files = [dataclasses.replace(file, accuracy=0.999, median_ms=1.05) for file in exported[1].files]
    drawing = plot(files)
    heights = re.findall(r'dy="0.32em" text-anchor="end">([^<]*)<', drawing)
    assert heights == ["99.6", "99.7", "99.8", "99.9", "100.0", "100.1", "100.2"]
    times = re.findall(r'y="272" text-anchor="middle">([^<]*)<', drawing)
    assert times == ["0.0", "0.5", "1.0"]
