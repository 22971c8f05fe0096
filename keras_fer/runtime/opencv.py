"""OpenCV where it is installed: the one module of the runtime that imports it, and only when asked."""

import os
from types import ModuleType

from keras_fer.errors import FERError


def opencv(purpose: str, package: str = "opencv-python-headless") -> ModuleType:
    """Returns the module `cv2`.

    Args:
        purpose: what needs it, the beginning of a sentence.
        package: what pip is to install where it is missing.

    Raises:
        FERError: if OpenCV is not installed.
    """
    # Otherwise a file that is no video, or a camera that is not there, prints lines of C++ on stderr.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise FERError(
            f"{purpose} needs OpenCV, which cannot be imported ({error}). Get it by `pip install {package}`."
        ) from error
    if os.environ["OPENCV_LOG_LEVEL"] == "SILENT":
        # The variable is read at the first import only, which another part of the program may have made.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
