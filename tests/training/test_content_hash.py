import pytest

from keras_fer.data.prepared import open_prepared
from keras_fer.errors import FERError
from keras_fer.training.content_hash import content_hash, model_hash

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_models_count_by_their_bytes(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    assert model_hash(str(run)) is None
    for name in ("model.keras", "exported.tflite"):
        (run / name).write_bytes(b"abc")
        assert model_hash(str(run / name)) == content_hash(str(run / name)) == ABC
    assert model_hash(str(run)) == content_hash(str(run)) == ABC
    (run / "model.keras").write_bytes(b"abd")
    assert content_hash(str(run)) != ABC
    (run / "notes.txt").write_bytes(b"abc")
    assert model_hash(str(run / "notes.txt")) is model_hash(str(tmp_path / "none.keras")) is None


def test_data_count_by_what_they_hold(prepared_folder, tmp_path):
    assert content_hash(str(prepared_folder)) == open_prepared(prepared_folder).content_hash
    assert model_hash(str(prepared_folder)) is None
    with pytest.raises(FERError, match="none"):
        content_hash(str(tmp_path / "none"))
