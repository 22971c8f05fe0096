"""What every reader yields: one face, or the reason why it was dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_fer.runtime.preprocessing import Box

__all__ = ["SPLITS", "Box", "Record"]

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Record:
    """One face of a data set.

    Args:
        source: path of the image relative to the root of the data set, or `file.csv#row`; unique.
        split: one of `SPLITS`. Readers use `train` and `test` (what the data set calls test or
            validation); `prepare` carves `validation` from `train`.
        image: the image file, or its pixels as uint8 `(height, width)` or `(height, width, 3)`.
        label: position in the reader's label names; −1 where there is none.
        box: the face in the image, or None if the image is the face crop.
        soft_label: probabilities or votes over the label names, or None.
        valence_arousal: two numbers in [−1, 1], NaN where absent, or None.
        subject: identity of the person as the data set writes it, or None.
        factors: further known numbers, such as head pose, by name.
        training_only: whether it is not to judge, such as an image whose annotators disagree; `prepare`
            moves it to `validation` only with an image that it nearly equals.
        dropped: why the reader cannot use this record, a short reason that can be counted, such as
            `"label outside the taxonomy"`; None for a usable record.
    """

    source: str
    split: str
    image: Path | np.ndarray | None = None
    label: int = -1
    box: Box | None = None
    soft_label: tuple[float, ...] | None = None
    valence_arousal: tuple[float, float] | None = None
    subject: str | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    training_only: bool = False
    dropped: str | None = None
