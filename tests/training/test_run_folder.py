from pathlib import Path

import pytest

from keras_fer.errors import FERError
from keras_fer.training.run_folder import environment, judged_dataset, read_config, read_history, write_json


def test_json_round_trip(tmp_path):
    write_json(tmp_path / "config.json", {"name": "é", "values": [1, None]})
    assert read_config(tmp_path) == {"name": "é", "values": [1, None]}


@pytest.mark.parametrize("content", [None, "", "{", "\xff"])
def test_a_folder_without_a_config_is_no_run(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(FERError, match="not a run folder"):
        read_config(tmp_path)


def test_history_is_numbers_and_empty_without_a_file(tmp_path):
    assert read_history(tmp_path) == []
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n0,1.5,\n1,1.25,2\n")
    assert read_history(tmp_path) == [{"epoch": 0, "loss": 1.5}, {"epoch": 1, "loss": 1.25, "val_loss": 2}]


def test_an_erased_run_is_judged_on_what_it_was_erased_with():
    assert judged_dataset({"dataset": "a"}) == Path("a")
    assert judged_dataset({"dataset": "a", "erased": {"dataset": "b"}}) == Path("b")


def test_environment_names_versions():
    found = environment()
    assert found["packages"]["numpy"]
    assert set(found) == {"python", "platform", "packages", "git_revision"}
