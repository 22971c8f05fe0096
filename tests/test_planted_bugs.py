"""Whether the bugs that `planted_bugs.py` plants still have a place to be planted in."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUGS = runpy.run_path(str(ROOT / "tests/planted_bugs.py"))["BUGS"]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_what_a_planted_bug_replaces_occurs_once(bug):
    assert (ROOT / bug.file).read_text(encoding="utf-8").count(bug.old) == 1
    assert bug.new != bug.old
