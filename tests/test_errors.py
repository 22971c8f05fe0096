from keras_fer.errors import FERError


def test_a_message_is_as_it_was_written():
    assert str(FERError("There is no “é” 3 × 4.")) == "There is no “é” 3 × 4."


def test_a_message_cannot_command_a_terminal():
    shown = str(FERError("a\x1b[2Jb\nc\r\u202ed\ud800"))
    assert shown == r"a\x1b[2Jb\nc\r\u202ed\ud800"
    assert shown.isprintable()


def test_a_long_message_keeps_begin_and_end():
    shown = str(FERError(f"begin {'a' * 10**6} end"))
    assert shown.startswith("begin")
    assert shown.endswith("end")
    assert len(shown) < 2100
