import sys

import pytest

from keras_fer.errors import FERError
from keras_fer.runtime.opencv import opencv


def test_returns_the_module():
    assert opencv("A test").__name__ == "cv2"


def test_without_opencv_one_sentence_says_what_needs_it_and_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FERError, match=r"^Juggling needs OpenCV, .* Get it by `pip install opencv-python-h"):
        opencv("Juggling")


@pytest.mark.parametrize("already", [None, "DEBUG"])
def test_opencv_is_told_to_be_silent_unless_the_user_says_otherwise(monkeypatch, already):
    import os

    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    if already:
        monkeypatch.setenv("OPENCV_LOG_LEVEL", already)
    opencv("A test")
    assert os.environ["OPENCV_LOG_LEVEL"] == (already or "SILENT")


def test_silent_also_where_something_else_imported_opencv_before(monkeypatch):
    import cv2

    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    before = cv2.utils.logging.getLogLevel()
    try:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
        opencv("A test")
        assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_SILENT
    finally:
        cv2.utils.logging.setLogLevel(before)
