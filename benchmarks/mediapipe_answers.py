"""Prints MediaPipe's answers as `keras-fer predict --format json` prints ours: for `check_mediapipe.py`.

Runs in an environment with `mediapipe` and without keras_fer: python mediapipe_answers.py MODEL IMAGES
"""

import json
import sys

from mediapipe import Image
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions


def main() -> None:
    """Prints a line per image, the labels in the order of the model's outputs."""
    model, *images = sys.argv[1:]
    options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=model))
    with ImageClassifier.create_from_options(options) as classifier:
        for path in images:
            (head,) = classifier.classify(Image.create_from_file(path)).classifications
            categories = sorted(head.categories, key=lambda category: category.index)
            scores = {category.category_name: category.score for category in categories}
            print(json.dumps({"path": path, "probabilities": scores}))


if __name__ == "__main__":
    main()
