"""CPU time of an export, recipe by recipe, against the conversion alone.

    python benchmarks/export_time.py [--rounds 3] [--backbone residual_small] [--image-size 48]

An export converts, writes the contract into the file, compares the file with the Keras model on 256 images
and measures its latency 100 times; the limit is TensorFlow's converter by itself. An untrained net with
random pictures: the time does not depend on weights, so checks that fail are ignored. Export and conversion
take turns within each round, and medians over the rounds are shown; the first round loads what is needed and
does not count. CPU seconds of the process, all threads.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.export.export import ExportFailedError, export
from keras_fer.export.recipes import RECIPES
from keras_fer.export.tflite_conversion import convert
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.models.backbones import backbone
from keras_fer.models.building import disentangling_model

RECIPE_NAMES = ("float32", "float16", "dynamic_wi8_afp32", "static_wi8_ai8")


def cpu_seconds(run: Callable[[], object]) -> float:
    """Returns the CPU time of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default="residual_small")
    parser.add_argument("--image-size", type=int, default=48)
    options = parser.parse_args()
    size = options.image_size
    classifier = disentangling_model(backbone(options.backbone, size), 8, objective="baseline").classifier
    contract = ModelContract(label_names=EXPRESSIONS_8, image_size=size, name="net")
    images = np.random.default_rng(0).integers(0, 256, (256, size, size, 3), np.uint8)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in RECIPE_NAMES}
    for turn in range(options.rounds + 1):
        for name, values in seconds.items():
            recipe = RECIPES[name]

            def whole(recipe=recipe) -> None:
                with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ExportFailedError):
                    export(
                        classifier, contract, Path(folder) / "out",
                        images=images, calibration_images=images, recipes=[recipe],
                    )  # fmt: skip

            both = (
                cpu_seconds(whole),
                cpu_seconds(lambda recipe=recipe: convert(classifier, contract, recipe, images)),
            )
            if turn:
                values.append(both)
    print(f"{options.backbone}, {size} px, {len(images)} images to calibrate and to compare on")
    print(f"{'recipe':20}{'export CPU-s':>14}{'conversion':>12}{'ratio':>7}")
    for name, values in seconds.items():
        exported, converted = (statistics.median(kind) for kind in zip(*values, strict=True))
        ratio = statistics.median(least / own for own, least in values)
        print(f"{name:20}{exported:14.2f}{converted:12.2f}{ratio:7.2f}")


if __name__ == "__main__":
    main()
