"""Pictures of people whom no encoder has seen, all with every expression: what neighbours are sought in."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.held_out import Use, held_out_scene
from keras_fer.data.synthetic.rendering import render_together
from keras_fer.labels import EXPRESSIONS_8


@dataclass(frozen=True, eq=False)
class Gallery:
    """Rendered pictures and who does what on them.

    Args:
        images: uint8 `(n, size, size, 3)`.
        labels: int `(n,)`, positions in `EXPRESSIONS_8`.
        people: int `(n,)`, numbers of people.
    """

    images: np.ndarray
    labels: np.ndarray
    people: np.ndarray


def rendered_gallery(
    faces: SyntheticConfig,
    num_people: int,
    num_each: int,
    progress: Callable[[int, int], None] | None = None,
) -> Gallery:
    """Renders `num_each` pictures of each person with each expression, every one taken in another way.

    Args:
        faces: gives size, difficulty and seed.
        num_people: persons 0 to `num_people` − 1 of `held_out_scene`.
        num_each: pictures per person and expression.
        progress: called with pictures done and to do.
    """
    per_person = len(EXPRESSIONS_8) * num_each
    numbers = np.arange(num_people * per_person)
    people, labels = numbers // per_person, numbers % len(EXPRESSIONS_8)
    scenes = [
        held_out_scene(faces, Use.GALLERY, int(person), int(label), int(number))
        for number, person, label in zip(numbers, people, labels, strict=True)
    ]
    return Gallery(render_together(faces, scenes, progress), labels, people)
