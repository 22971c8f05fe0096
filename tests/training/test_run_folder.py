from pathlib import Path

import pytest

from keras_fer.errors import FERError
from keras_fer.training.run_folder import environment, judged_dataset, read_config, read_history, write_json


def test_json_round_trip(tmp_path):
    config = {"dataset": "é", "values": [1, None]}
    write_json(tmp_path / "config.json", config)
    assert read_config(tmp_path) == config


@pytest.mark.parametrize(
    "content",
    [
        *(None, "", "{", "\xff", "[" * 100_000, "[]", "3", "{}", '{"dataset": 3}', '{"dataset": "\\ud800"}'),
        *('{"dataset": "\\u0000"}', '{"dataset": "a", "erased": 1}', '{"dataset": "a", "erased": {}}'),
    ],
)
def test_a_folder_without_a_config_is_no_run(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(FERError, match="not a run folder"):
        read_config(tmp_path)


def test_history_is_numbers_and_empty_without_a_file(tmp_path):
    assert read_history(tmp_path) == []
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n0,1.5,\n1,1.25,2\n")
    assert read_history(tmp_path) == [{"epoch": 0, "loss": 1.5}, {"epoch": 1, "loss": 1.25, "val_loss": 2}]


@pytest.mark.parametrize(
    "content",
    [
        *(b"epoch,loss\n0,a\n", b"epoch,loss\n0,1,2\n", b"\xff", b"epoch,loss\n0,1\0\n1,'2"),
        # A report cannot draw these.
        *(b"epoch,loss\nnan,1\n", b"epoch,loss\n-1,1\n", b"epoch,loss\n1e99,1\n", b"epoch,loss\n0,-1e308\n"),
    ],
)
def test_a_damaged_history_is_one_sentence(tmp_path, content):
    (tmp_path / "history.csv").write_bytes(content)
    with pytest.raises(FERError, match=r"history\.csv' cannot be read"):
        read_history(tmp_path)


def test_a_loss_that_is_not_finite_is_history(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n0,nan,inf\n")
    assert str(read_history(tmp_path)) == "[{'epoch': 0.0, 'loss': nan, 'val_loss': inf}]"


def test_an_erased_run_is_judged_on_what_it_was_erased_with():
    assert judged_dataset({"dataset": "a"}) == Path("a")
    assert judged_dataset({"dataset": "a", "erased": {"dataset": "b"}}) == Path("b")


def test_environment_names_versions():
    found = environment()
    assert found["packages"]["numpy"]
    assert set(found) == {"python", "platform", "packages", "git_revision"}
