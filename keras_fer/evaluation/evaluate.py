"""Evaluates a model on a split of a prepared data set; labels are matched by name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.evaluation.metrics import Evaluation, evaluate_predictions
from keras_fer.evaluation.recognizers import Recognizer
from keras_fer.evaluation.restriction import kept_shares, shared_classes
from keras_fer.runtime.preprocessing import face_crop


@dataclass(frozen=True)
class EvaluatedPredictions:
    """Predictions on a split, with their scores.

    Args:
        evaluation: the scores.
        indices: int64 `(n,)`, rows of the data set that were judged.
        labels: int64 `(n,)`, positions in `evaluation.label_names`.
        probabilities: float64 `(n, K)` over `evaluation.label_names`.
    """

    evaluation: Evaluation
    indices: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def model_views(images: np.ndarray, crop_size: int, image_size: int) -> np.ndarray:
    """Returns what a model sees of stored images: the centre square, resized, in three channels.

    Args:
        images: uint8 `(n, height, width, channels)`, 1 or 3 channels.
        crop_size: side of the centre square, stored pixels.
        image_size: side of the result, pixels.

    Returns:
        uint8 `(n, image_size, image_size, 3)`.
    """
    top, left = (images.shape[1] - crop_size) // 2, (images.shape[2] - crop_size) // 2
    views = images[:, top : top + crop_size, left : left + crop_size]
    if crop_size != image_size and len(views):
        views = np.stack([face_crop(view, None, image_size) for view in views])
    return np.repeat(views, 3, axis=3) if views.shape[3] == 1 else views


def view_batches(
    dataset: PreparedDataset, indices: np.ndarray, image_size: int, batch_size: int = 128
) -> Iterator[np.ndarray]:
    """Yields `model_views` of rows of a data set, `batch_size` at a time, so that memory stays small."""
    for start in range(0, len(indices), batch_size):
        images = dataset.images(indices[start : start + batch_size])
        yield model_views(images, dataset.crop_size, image_size)


def evaluate(
    recognizer: Recognizer,
    dataset: PreparedDataset,
    split: str = "test",
    only: Sequence[str] | None = None,
    batch_size: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> EvaluatedPredictions:
    """Evaluates a model on the labelled images of a split.

    Classes are matched by name. If the model knows classes that the data set lacks, it is judged on
    those they share (`kept_shares`), and the result says so.

    Args:
        recognizer: see `open_recognizer`.
        dataset: a prepared data set.
        split: `"train"`, `"validation"` or `"test"`.
        only: judge no class outside these names.
        batch_size: images that are held in memory at a time.
        progress: called with the number of images done and to do.

    Raises:
        FERError: if fewer than two classes are shared or the split has no image of them.
    """
    names = recognizer.contract.label_names
    shared = shared_classes(names, dataset.label_names, only)
    rows = dataset.indices(split)
    # The extra entry is for label −1, which stands for none.
    model_labels = np.array([*shared.label_ids, -1], np.int64)[dataset.labels[rows]]
    indices, labels = rows[model_labels >= 0], model_labels[model_labels >= 0]
    if len(indices) == 0:
        raise FERError(
            f"The {split} split of {str(dataset.path)!r} has no image with a label to judge; "
            "choose another split (--split) or prepare the data set with one."
        )
    probabilities = np.empty((len(indices), len(names)), np.float64)
    done = 0
    for views in view_batches(dataset, indices, recognizer.contract.image_size, batch_size):
        probabilities[done : done + len(views)] = recognizer.recognize(views)
        done += len(views)
        if progress is not None:
            progress(done, len(indices))
    if not np.isfinite(probabilities).all():
        raise FERError("The model gives values that are not finite: it is damaged or was trained to NaN.")
    # The shared names stand in the order of the model's.
    labels = np.searchsorted([names.index(name) for name in shared.names], labels)
    probabilities = kept_shares(probabilities, names, shared.names)
    notes = _notes(dataset, rows, shared.left_out)
    notes += _overlap_notes(dataset, split, indices, probabilities.argmax(axis=1) == labels)
    scores = evaluate_predictions(labels, probabilities, shared.names, view=shared.view, notes=notes)
    scores = replace(scores, dataset=dataset_facts(dataset), split=split)
    return EvaluatedPredictions(scores, indices, labels, probabilities)


def _notes(dataset: PreparedDataset, rows: np.ndarray, left_out: Sequence[str]) -> list[str]:
    """Says which images of the split were not judged."""
    notes = []
    unlabelled = int((dataset.labels[rows] < 0).sum())
    if unlabelled:
        notes.append(f"{unlabelled} images without a label were left out.")
    if left_out:
        ids = [dataset.label_names.index(name) for name in left_out]
        count = int(np.isin(dataset.labels[rows], ids).sum())
        notes.append(f"{count} images of {', '.join(left_out)} were left out: this view does not judge them.")
    return notes


def _overlap_notes(dataset: PreparedDataset, split: str, indices: np.ndarray, right: np.ndarray) -> list[str]:
    """Says how many judged images stand in the splits that are learned from too, and what the others give."""
    learned = {"test": ("train", "validation"), "validation": ("train",)}.get(split, ())
    hashes = [dataset.pixel_hashes[dataset.indices(name)] for name in learned]
    seen = np.isin(dataset.pixel_hashes[indices], np.concatenate(hashes) if hashes else [])
    if not seen.any():
        return []
    place = f"of these images are pixel by pixel in the {' or '.join(learned)} split too"
    if seen.all():
        return [f"All {place}."]
    others = f"on the {(~seen).sum()} others the accuracy is {right[~seen].mean():.2%}"
    return [f"{seen.sum()} {place}; {others}."]


def dataset_facts(dataset: PreparedDataset) -> dict:
    """Returns what must stand beside every score on a data set: which data, release, crop and hash."""
    config = dataset.info.get("config", {})
    facts = {
        "path": str(dataset.path),
        "source": dataset.info.get("source"),
        "release": config.get("release"),
        "description": dataset.info.get("description"),
        "crop_margin": config.get("crop_margin"),
        "crop_size": dataset.crop_size,
        "content_hash": dataset.content_hash,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}
