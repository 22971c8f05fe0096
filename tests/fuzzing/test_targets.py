"""Every target over its corpus, without a fuzzer: what was found once must not come back."""

from pathlib import Path

import fuzz_parsers
import pytest
from fuzz_target import checked
from targets import TARGETS

from keras_fer.errors import FERError

CORPUS = Path(fuzz_parsers.__file__).parent / "corpus"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", TARGETS)
def test_every_input_gives_a_result_or_one_sentence(name, tmp_path):
    target = TARGETS[name]
    target.setup(tmp_path)
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs
    endings = [checked(target.run, path.read_bytes(), tmp_path) for path in inputs]
    assert None in endings, "no input reaches the end"


def test_every_target_has_a_corpus_and_a_command():
    assert tuple(TARGETS) == fuzz_parsers.NAMES == tuple(TARGETS)
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < 2**20


def test_any_other_exception_is_a_finding(tmp_path):
    def broken(data, folder):
        raise KeyError("a")

    def refused(data, folder):
        raise FERError("No.")

    with pytest.raises(KeyError):
        checked(broken, b"", tmp_path)
    assert str(checked(refused, b"", tmp_path)) == "No."
