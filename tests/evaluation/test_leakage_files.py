import json

import pytest

from keras_fer.errors import FERError
from keras_fer.evaluation.leakage_files import PROBES_FILE, PROBES_PAGE, read_matrix, write_matrix


def test_what_was_written_is_read(leakage_matrix, tmp_path):
    write_matrix(tmp_path, leakage_matrix())
    assert sorted(path.name for path in tmp_path.iterdir()) == [PROBES_PAGE, PROBES_FILE]
    again = read_matrix(tmp_path)
    assert again.to_dict() == leakage_matrix().to_dict()
    assert json.loads((tmp_path / PROBES_FILE).read_text())["written_by"].startswith("keras-fer ")
    page = (tmp_path / PROBES_PAGE).read_text(encoding="utf-8")
    assert "What the representations of model tell" in page
    assert "<li>Careful.</li>" in page


def test_an_older_result_is_replaced(leakage_matrix, tmp_path):
    write_matrix(tmp_path, leakage_matrix())
    write_matrix(tmp_path, leakage_matrix(leaked=0.4))
    assert read_matrix(tmp_path).summary.leakage == 0.4
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_there(tmp_path):
    assert read_matrix(tmp_path) is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"model": "a", "splits": ["b"]}', '{"splits": 3}'])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    (tmp_path / PROBES_FILE).write_text(content)
    with pytest.raises(FERError, match=r"cannot be read .* run `keras-fer probe` again"):
        read_matrix(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["probes"].pop(),
        # Found by fuzzing: there was nothing to draw.
        lambda values: values["probes"].clear(),
        lambda values: (values["probes"].clear(), values["factors"].clear()),
        lambda values: values["probes"][0].update(width="a"),
        lambda values: values["probes"][0]["result"].update(leakage=float("nan")),
        lambda values: values["probes"][0]["result"].update(leakage_interval=["a", "b"]),
        lambda values: values["summary"].update(leakage="a"),
        lambda values: values["summary"].update(leakage_interval=[0.5]),
        lambda values: values["factors"][0].update(group="a"),
        lambda values: values.update(model=3),
        lambda values: values.update(notes="abc"),
    ],
)
def test_numbers_that_nobody_wrote_are_one_sentence(leakage_matrix, tmp_path, change):
    write_matrix(tmp_path, leakage_matrix())
    values = json.loads((tmp_path / PROBES_FILE).read_text())
    change(values)
    (tmp_path / PROBES_FILE).write_text(json.dumps(values))
    with pytest.raises(FERError, match="run `keras-fer probe` again"):
        read_matrix(tmp_path)


def test_an_end_that_is_not_known_is_shown(leakage_matrix, tmp_path):
    # Found by fuzzing: the report failed.
    write_matrix(tmp_path, leakage_matrix())
    values = json.loads((tmp_path / PROBES_FILE).read_text())
    values["summary"]["leakage_interval"] = [None, 0.5]
    (tmp_path / PROBES_FILE).write_text(json.dumps(values))
    write_matrix(tmp_path, read_matrix(tmp_path))
    assert read_matrix(tmp_path).summary.leakage_interval is None
