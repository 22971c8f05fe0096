from types import SimpleNamespace

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.runtime import window
from keras_fer.runtime.window import Window


class FakeError(Exception):
    pass


@pytest.fixture
def cv2(monkeypatch):
    fake = SimpleNamespace(
        error=FakeError,
        WINDOW_NORMAL=0,
        COLOR_RGB2BGR=4,
        calls=[],
        key=-1,
        cvtColor=lambda image, code: image[:, :, ::-1],
    )
    fake.namedWindow = lambda title, kind: fake.calls.append("open")
    fake.imshow = lambda title, image: fake.calls.append(tuple(image[0, 0].tolist()))
    fake.waitKey = lambda delay: fake.calls.append(delay) or fake.key
    fake.destroyWindow = lambda title: fake.calls.append("close")
    monkeypatch.setattr(window, "opencv", lambda purpose: fake)
    monkeypatch.setattr(window.sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    return fake


def test_pictures_are_shown_until_the_window_closes(cv2):
    with Window() as shown:
        assert shown.show(np.full((2, 2, 3), (1, 2, 3), np.uint8))
        assert shown.show(np.full((2, 2, 3), (4, 5, 6), np.uint8), wait=True)
    assert cv2.calls == ["open", (3, 2, 1), 1, (6, 5, 4), 0, "close"]


@pytest.mark.parametrize(("key", "go_on"), [(ord("q"), False), (27, False), (ord("x"), True), (-1, True)])
def test_q_and_escape_end_it(cv2, key, go_on):
    cv2.key = key
    with Window() as shown:
        assert shown.show(np.zeros((2, 2, 3), np.uint8)) is go_on


def test_no_display(cv2, monkeypatch):
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(
        FERError, match="There is no display to show a window on; write pictures by --annotate"
    ):
        Window()
    assert cv2.calls == []
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    Window()


def test_opencv_without_windows(cv2):
    def refuse(title, kind):
        raise FakeError("The function is not implemented")

    cv2.namedWindow = refuse
    with pytest.raises(FERError, match="This OpenCV was built without windows: install opencv-python"):
        Window()
