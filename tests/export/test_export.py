import hashlib
import json

import pytest

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.export.checks import Limits
from keras_fer.export.export import ExportFailedError, export
from keras_fer.export.recipes import DEFAULT_RECIPES, FLOAT32

IMPOSSIBLE = Limits(float32_difference=-1.0)


@pytest.fixture
def export_float32(classifier, contract, stripes, tmp_path):
    """Returns a function that exports by one recipe to `out`."""
    images, labels = stripes(8)

    def run(**options):
        settings = {"images": images, "labels": labels, "recipes": [FLOAT32], "num_runs": 2, **options}
        return export(classifier, contract, tmp_path / "out", **settings)

    return run


def test_folder(exported, contract):
    folder, report = exported
    names = {f"stripes_{recipe.name}.tflite" for recipe in DEFAULT_RECIPES} | {
        "labels.txt",
        "contract.json",
        "report.json",
    }
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "labels.txt").read_text(encoding="utf-8").split() == list(contract.label_names)
    assert ModelContract.from_json((folder / "contract.json").read_text(encoding="utf-8")) == contract
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert document == report.to_dict()
    for file in document["files"]:
        assert file["sha256"] == hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest()
    assert document["passed"]
    assert document["calibration"] == {"num_images": 32, "split": "train"}
    assert document["verification"] == {"num_images": 120, "split": "test"}
    assert {"tensorflow", "keras", "ai-edge-litert", "python"} <= set(document["versions"])


def test_table(exported):
    report = exported[1]
    heading, *rows = report.table().splitlines()
    assert heading.split()[:3] == ["file", "size", "kB"]
    assert [row.split()[0] for row in rows[:3]] == [
        f"stripes_{recipe.name}.tflite" for recipe in DEFAULT_RECIPES
    ]
    assert all(row.endswith("passed") for row in rows[:3])


def test_failed_check_keeps_nothing(export_float32, tmp_path):
    with pytest.raises(ExportFailedError, match=r"stripes_float32.tflite.*nothing was kept") as failure:
        export_float32(limits=IMPOSSIBLE)
    assert list(tmp_path.iterdir()) == []
    lines = failure.value.report.table().splitlines()
    assert lines[1].endswith("FAILED")
    assert lines[2].startswith("FAILED stripes_float32.tflite: largest difference of a probability is ")
    assert lines[2].endswith("must be at most -1.")


def test_failed_check_keeps_the_folder_on_request(export_float32, tmp_path):
    with pytest.raises(ExportFailedError, match=r"see report.json"):
        export_float32(limits=IMPOSSIBLE, keep_failed=True)
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert not document["passed"]
    assert not document["files"][0]["passed"]


def test_without_labels_accuracy_is_not_checked(export_float32):
    report = export_float32(labels=None)
    assert report.files[0].accuracy is None
    assert "loss of accuracy" not in [check.name for check in report.files[0].checks]
    assert any("not checked" in sentence for sentence in report.warnings)


def test_output_in_use(export_float32, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(FERError, match="exists already"):
        export_float32()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_defect_on_the_way_leaves_nothing(export_float32, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_fer.export.export.verify", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_float32()
    assert list(tmp_path.iterdir()) == []


def test_swish_in_int8_is_warned_of(exported):
    import dataclasses

    from keras_fer.export.export import _warnings

    float32, _, int8 = exported[1].files
    swish = {"HARD_SWISH": 3, "CONV_2D": 2}
    assert _warnings([dataclasses.replace(float32, operators=swish), int8]) == []
    (sentence,) = _warnings([dataclasses.replace(int8, operators=swish)])
    assert sentence.startswith("stripes_static_wi8_ai8.tflite: this net uses HARD_SWISH")
    onnx = dataclasses.replace(int8, recipe="onnx_static_wi8_ai8", operators={"Conv": 2, "Sigmoid": 3})
    (sentence,) = _warnings([onnx])
    assert "this net uses Sigmoid, whose outliers" in sentence
