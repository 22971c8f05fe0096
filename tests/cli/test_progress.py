import io
import sys

from keras_fer.cli.progress import progress_bar, stage_bars


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_bar_on_a_terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar("Working") as progress:
        progress(64, 100)
        progress(100, 100)
    assert "Working" in stream.getvalue()
    assert "64/100" in stream.getvalue()
    assert "100/100" in stream.getvalue()


def test_only_the_label_elsewhere(capsys):
    with progress_bar("Working") as progress:
        progress(64, 100)
        progress(100, 100)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Working\n"


def test_one_bar_after_the_other(capsys):
    with stage_bars() as progress:
        progress("First", 1, 2)
        progress("First", 2, 2)
        progress("Second", 1, 1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "First\nSecond\n"
