import math
import re

from keras_fer.evaluation.report_exports import export_table

ROW = {
    "file": "model_int8.tflite",
    "size_bytes": 1_234_567,
    "max_difference": 0.01234,
    "agreement": 0.9876,
    "accuracy": None,
    "median_ms": 0.8434,
}


def cells(table):
    """The texts of all cells, row by row."""
    rows = re.findall("<tr>(.*?)</tr>", table)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_every_number_has_its_unit():
    assert cells(export_table([ROW])) == [
        ["File", "Size", "Largest difference", "Same answer", "Accuracy", "Time"],
        ["model_int8.tflite", "1,235 kB", "0.0123", "98.8 %", "–", "0.843 ms"],
    ]


def test_what_the_columns_mean_is_said_below():
    table = export_table([ROW])
    assert "<b>Time</b>: median per image on the machine that exported, one thread." in table
    assert "<b>File</b>" not in table
    assert "legend" not in export_table([{"file": "a", "kind": "b"}])


def test_columns_that_are_not_known_keep_their_name():
    rows = [
        {"file": "<a>", "num_layers": 1200, "passed": True, "loss": math.nan, "tiny_bytes": 12, "kind": "&"},
        {"file": "b", "num_layers": 3, "passed": False, "loss": 0.5, "tiny_bytes": 9_999},
    ]
    assert cells(export_table(rows)) == [
        ["File", "num layers", "passed", "loss", "tiny bytes", "kind"],
        ["&lt;a&gt;", "1,200", "yes", "–", "12 bytes", "&amp;"],
        ["b", "3", "no", "0.5", "9,999 bytes", "–"],
    ]


def test_no_files_no_table():
    assert export_table([]) is None
