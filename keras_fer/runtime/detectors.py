"""Face detectors by name."""

import os

from keras_fer.errors import FERError
from keras_fer.runtime import blazeface
from keras_fer.runtime.blazeface import BlazeFace
from keras_fer.runtime.faces import FaceDetector
from keras_fer.runtime.haar import HaarFace
from keras_fer.runtime.yunet import YuNet

# `none` takes every picture for the crop of one face.
DETECTORS = ("auto", "blazeface", "haar", "yunet", "none")


def face_detector(
    name: str = "auto",
    model: str | os.PathLike | None = None,
    small_faces: bool = True,
    num_threads: int = 1,
) -> FaceDetector | None:
    """Builds a face detector.

    Args:
        name: `"blazeface"`, `"haar"` (OpenCV 4), `"yunet"` (OpenCV and a model file), `"none"`; `"auto"` for
            BlazeFace if its model is installed, else Haar if OpenCV 4 is.
        model: model file of the detector; YuNet has none of its own, BlazeFace takes it in the place of the
            installed one.
        small_faces: whether BlazeFace searches tiles of the picture as well; the others find small faces
            anyway.
        num_threads: CPU threads for BlazeFace, at least 1.

    Returns:
        The detector; None for `"none"`.

    Raises:
        FERError: if the detector cannot be had; the message says how to get it.
        ValueError: if there is no such detector.
    """
    if name not in DETECTORS:
        raise ValueError(f"`name` is one of {', '.join(DETECTORS)}. Received: name={name!r}")
    if model is not None and name not in ("blazeface", "yunet"):
        raise FERError(f"A model file belongs to the detector blazeface or yunet, not to {name}.")
    if name == "none":
        return None
    if name == "haar":
        return HaarFace()
    if name == "yunet":
        if model is None:
            raise FERError(
                "The YuNet detector needs its model file, face_detection_yunet_*.onnx of OpenCV's model zoo: "
                "name it, in the command line by --detector-model."
            )
        return YuNet(model)
    if name == "blazeface" or blazeface.installed_model() is not None:
        return BlazeFace(model, small_faces=small_faces, num_threads=num_threads)
    try:
        return HaarFace()
    except FERError:
        raise FERError(
            "No face detector is installed. Get one that needs neither TensorFlow nor OpenCV by "
            f"`{blazeface.INSTALL}`, or say --detector none if every image is the crop of one face."
        ) from None
