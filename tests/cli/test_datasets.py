import json

from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.data.readers import SOURCES


def test_every_source_is_listed():
    result = CliRunner().invoke(main, ["datasets"])
    assert result.exit_code == 0
    assert [line for line in result.output.splitlines() if line[0] != " "] == ["synthetic", *SOURCES]
    assert "fer2013new.csv with FER2013Train/" in result.output
    assert max(map(len, result.output.splitlines())) <= 100


def test_json():
    result = CliRunner().invoke(main, ["datasets", "--format", "json"])
    entries = json.loads(result.output)
    assert list(entries) == ["synthetic", *SOURCES]
    assert entries["rafdb"]["licence"] == SOURCES["rafdb"].licence
