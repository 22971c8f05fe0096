import click
import pytest

from keras_fer.cli.model_path import ModelPath
from keras_fer.runtime.shipped_models import DEFAULT, shipped_model


def test_an_installed_model_by_its_name():
    assert ModelPath().convert(DEFAULT, None, None) == shipped_model().path


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT).touch()
    assert str(ModelPath().convert(DEFAULT, None, None)) == DEFAULT


def test_what_is_neither():
    with pytest.raises(click.BadParameter, match="'ferplus' does not exist"):
        ModelPath().convert("ferplus", None, None)
