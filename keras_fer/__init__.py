"""Facial expression recognition with disentangled representations, from training to device.

The public names below load when first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from keras_fer.version import __version__

if TYPE_CHECKING:
    from keras_fer.contract import ModelContract
    from keras_fer.data.prepared import open_prepared
    from keras_fer.errors import FERError
    from keras_fer.models.building import disentangling_model
    from keras_fer.models.disentangling import DisentanglingModel
    from keras_fer.models.loading import load_model
    from keras_fer.runtime.detectors import face_detector
    from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
    from keras_fer.runtime.recognizer import ExpressionRecognizer
    from keras_fer.runtime.shipped_models import shipped_model

_PUBLIC = {
    "DisentanglingModel": "keras_fer.models.disentangling",
    "ExpressionRecognizer": "keras_fer.runtime.recognizer",
    "FERError": "keras_fer.errors",
    "FaceExpressionRecognizer": "keras_fer.runtime.face_recognizer",
    "ModelContract": "keras_fer.contract",
    "disentangling_model": "keras_fer.models.building",
    "face_detector": "keras_fer.runtime.detectors",
    "load_model": "keras_fer.models.loading",
    "open_prepared": "keras_fer.data.prepared",
    "shipped_model": "keras_fer.runtime.shipped_models",
}

__all__ = [
    "DisentanglingModel",
    "ExpressionRecognizer",
    "FERError",
    "FaceExpressionRecognizer",
    "ModelContract",
    "__version__",
    "disentangling_model",
    "face_detector",
    "load_model",
    "open_prepared",
    "shipped_model",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'keras_fer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
