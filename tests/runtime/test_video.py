from types import SimpleNamespace

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.runtime import video
from keras_fer.runtime.video import Frame, VideoSource, video_file

COLORS = [(200, 30, 10), (10, 200, 30), (30, 10, 200), (90, 90, 90)]


def frame(color, height=48, width=64):
    return np.full((height, width, 3), color, np.uint8)


def written(path, count=4, frame_rate=10):
    with video_file(path, frame_rate) as film:
        for number in range(count):
            film.write(frame(COLORS[number % 4]), number / frame_rate)
    return path


def read(path):
    with VideoSource(path) as source:
        return list(source)


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".MP4"])
def test_round_trip_keeps_colors_order_and_time(tmp_path, suffix):
    frames = read(written(tmp_path / f"film{suffix}"))
    assert [number for number, _, _ in frames] == [0, 1, 2, 3]
    np.testing.assert_allclose([time_s for _, time_s, _ in frames], [0, 0.1, 0.2, 0.3])
    for color, (_, _, image) in zip(COLORS, frames, strict=True):
        assert image.dtype == np.uint8
        assert image.shape == (48, 64, 3)
        assert np.abs(image.reshape(-1, 3).mean(axis=0) - color).max() < 12


def test_frames_are_read_when_they_are_asked_for(tmp_path):
    with VideoSource(written(tmp_path / "film.avi", 100)) as source:
        assert source.frame_rate == pytest.approx(10)
        assert source.name == str(tmp_path / "film.avi")
        assert next(iter(source)).number == 0


def test_video_runs_at_the_speed_of_the_clock(tmp_path):
    # At 10 per second a frame that comes late is repeated, one that comes early is left out.
    path = tmp_path / "film.avi"
    with video_file(path, 10) as film:
        for color, time_s in zip(COLORS, (0, 0.34, 0.43, 0.44), strict=True):
            film.write(frame(color), time_s)
    means = [image.reshape(-1, 3).mean(axis=0) for _, _, image in read(path)]
    nearest = [int(np.abs(np.array(COLORS) - mean).sum(axis=1).argmin()) for mean in means]
    assert nearest == [0, 1, 1, 1, 2]


def test_video_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "film.avi"
    with pytest.raises(RuntimeError, match="stopped"), video_file(path, 10) as film:
        film.write(frame(COLORS[0]), 0)
        raise RuntimeError("stopped")
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_size(tmp_path):
    with (
        pytest.raises(ValueError, match=r"\(64, 48\)\. Received: \(30, 20\)"),
        video_file(tmp_path / "film.avi", 10) as film,
    ):
        film.write(frame(COLORS[0]), 0)
        film.write(frame(COLORS[0], 20, 30), 0.1)


def test_names_that_no_video_can_have(tmp_path):
    with (
        pytest.raises(FERError, match=r"A video is written to \.avi, \.mkv, \.mp4"),
        video_file(tmp_path / "film.gif", 10),
    ):
        pass
    with (
        pytest.raises(FERError, match=r"There is no folder .*missing' for the video"),
        video_file(tmp_path / "missing" / "film.avi", 10),
    ):
        pass


def test_what_is_no_video(tmp_path, capfd):
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    with pytest.raises(FERError, match=r"text\.mp4' is not a video that OpenCV can read"):
        VideoSource(text)
    with pytest.raises(FERError, match=r"There is no video '.*missing\.mp4'"):
        VideoSource(tmp_path / "missing.mp4")
    # A pattern of file names would be read as a sequence of images.
    with pytest.raises(FERError, match="There is no video"):
        VideoSource(tmp_path / "%02d.png")
    assert capfd.readouterr().err == ""


def test_missing_camera_is_one_sentence(capfd):
    with pytest.raises(FERError, match=r"There is no camera number 99, or another program uses it"):
        VideoSource(99)
    assert capfd.readouterr().err == ""


def test_without_opencv(monkeypatch, tmp_path):
    def missing(purpose):
        raise FERError(f"{purpose} needs OpenCV")

    monkeypatch.setattr(video, "opencv", missing)
    with pytest.raises(FERError, match=r"^Reading 'camera:0' needs OpenCV"):
        VideoSource(0)
    with (
        pytest.raises(FERError, match=r"^Writing '.*film\.avi' needs OpenCV"),
        video_file(tmp_path / "film.avi", 5),
    ):
        pass


class FakeCapture:
    """A camera that gives `count` blue-first frames and states a rate."""

    def __init__(self, source, count=3, rate=0.0):
        self.source, self.count, self.rate, self.set_values, self.released = source, count, rate, {}, False

    def isOpened(self):
        return True

    def set(self, name, value):
        self.set_values[name] = value

    def get(self, name):
        return self.rate

    def read(self):
        self.count -= 1
        return self.count >= 0, np.full((4, 6, 3), (1, 2, 3), np.uint8) if self.count >= 0 else None

    def release(self):
        self.released = True


@pytest.fixture
def fake_opencv(monkeypatch):
    fake = SimpleNamespace(
        captures=[],
        options={},
        CAP_PROP_BUFFERSIZE=38,
        CAP_PROP_FPS=5,
        COLOR_BGR2RGB=4,
        cvtColor=lambda image, code: image[:, :, ::-1],
    )

    def capture(source):
        fake.captures.append(FakeCapture(source, **fake.options))
        return fake.captures[-1]

    fake.VideoCapture = capture
    monkeypatch.setattr(video, "opencv", lambda purpose: fake)
    return fake


def test_camera_is_timed_by_the_clock(fake_opencv, monkeypatch):
    clock = iter([100.0, 100.5, 101.0, 103.0])
    monkeypatch.setattr(video.time, "monotonic", lambda: next(clock))
    with VideoSource(2) as camera:
        frames = list(camera)
    assert [(number, time_s) for number, time_s, _ in frames] == [(0, 0.5), (1, 1.0), (2, 3.0)]
    assert isinstance(frames[0], Frame)
    np.testing.assert_array_equal(frames[0].image[0, 0], (3, 2, 1))
    (capture,) = fake_opencv.captures
    assert capture.source == 2
    assert capture.set_values == {38: 1}
    assert capture.released
    assert camera.name == "camera:2"


@pytest.mark.parametrize(("stated", "used"), [(0.0, 25), (-1, 25), (90_000, 25), (29.97, 29.97)])
def test_frame_rates_that_nobody_can_believe(fake_opencv, stated, used):
    fake_opencv.options = {"rate": stated}
    assert VideoSource(0).frame_rate == used


def test_camera_without_frames(fake_opencv):
    fake_opencv.options = {"count": 0}
    with pytest.raises(FERError, match="'camera:0' gives no frame"), VideoSource(0) as camera:
        list(camera)
