import json

import pytest

from keras_fer.errors import FERError
from keras_fer.training.run_tables import RunTables, read_tables, write_tables


def test_round_trip(tmp_path):
    path = tmp_path / "tables.json"
    assert read_tables(path) == RunTables([], [])
    tables = RunTables([], [{"file": "a.tflite", "size_bytes": 3, "fits": True, "accuracy": None}])
    write_tables(path, tables)
    assert read_tables(path) == tables


@pytest.mark.parametrize(
    "values",
    [
        *(
            [],
            3,
            {"probes": 3},
            {"probes": [1]},
            {"probes": [{}]},
            {"probes": [{"model": "a", "result": []}]},
        ),
        *({"exports": 3}, {"exports": [3]}, {"exports": [{"a": []}]}, {"exports": [{"a": 1}, {"b": 1}]}),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, values):
    (tmp_path / "tables.json").write_text(json.dumps(values))
    with pytest.raises(FERError, match=r"tables\.json' cannot be read"):
        read_tables(tmp_path / "tables.json")
