"""A judge of pictures that knows the renderer: who is shown, with which expression.

The oracle learns from *real* renders of the very people of the test, in other pictures, at the size and
in the grey levels of the decoder. It never sees an encoder, a decoder or anything that they made. It
knows how each picture was taken, since the renderer does: the pose is undone first, and what is left of
a face, seen from the front with even contrast, needs no more than a linear classifier (principal
components, then linear discriminants). That takes seconds, and reads more from a render than a net that
learns for minutes. What it gets right on real renders is the ceiling of every rate that it gives.

Telling a few known people apart (a closed set) asks less than verifying strangers, and that is the
point: the ceiling is high, chance is exactly one in so many, and both stand beside the rate.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from keras_fer.atomic import atomic_file
from keras_fer.data.luma import LUMA
from keras_fer.data.prepared_format import UNREADABLE, stored_arrays
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.frontal import COLUMNS, ROWS, frontal_views
from keras_fer.data.synthetic.generator import GENERATOR_VERSION
from keras_fer.data.synthetic.held_out import Use, held_out_scene
from keras_fer.data.synthetic.rendering import render_together
from keras_fer.data.synthetic.scene import Scene, intervene
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8

# Changes with what is learned and how: an oracle of another version is made anew.
ORACLE_VERSION = 1
# Decoded pictures are softer than renders; an oracle that knows sharp ones only would judge the blur.
_SOFTEST = 35.0
_COMPONENTS = 300
# Contrast is evened out over about a quarter of the face; below this many of 255 levels it is noise.
_NEIGHBOURHOOD, _LEAST_CONTRAST = 6.0, 8.0
# Every class needs examples beyond its mean for the spread within classes.
MIN_IMAGES_EACH = 2


@dataclass(frozen=True)
class OracleConfig:
    """What an oracle depends on; equal configurations give equal oracles.

    Args:
        difficulty: of the rendered faces.
        render_size: pixels per side of a render.
        view_size: pixels per side of what the model sees of it.
        picture_size: pixels per side of what the decoder makes.
        num_people: people told apart, at least 2.
        num_images: renders to learn from, at least 2 per person and expression.
        seed: of people and pictures.

    Raises:
        FERError: if there are too few images.
    """

    difficulty: str
    render_size: int
    view_size: int
    picture_size: int
    num_people: int
    num_images: int
    seed: int

    def __post_init__(self) -> None:
        needed = MIN_IMAGES_EACH * max(self.num_people, len(EXPRESSIONS_8))
        if self.num_images < needed:
            raise FERError(
                f"An oracle for {self.num_people} people needs at least {needed} images to learn from. "
                f"Received: num_images={self.num_images}."
            )

    @property
    def faces(self) -> SyntheticConfig:
        """The faces that it knows."""
        return SyntheticConfig(image_size=self.render_size, difficulty=self.difficulty, seed=self.seed)

    @property
    def file_name(self) -> str:
        """Name of the file that keeps the oracle; another configuration has another name."""
        facts = {**asdict(self), "generator": GENERATOR_VERSION, "oracle": ORACLE_VERSION}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return f"oracle-{digest[:12]}.npz"


@dataclass(frozen=True, eq=False)
class Judgement:
    """What an oracle says of pictures.

    Args:
        expressions: int `(n,)`, positions in `EXPRESSIONS_8`.
        people: int `(n,)`, numbers of people.
    """

    expressions: np.ndarray
    people: np.ndarray


# Pictures, float (n, size, size, channels) in [−1, 1], and the scenes that they ought to show; of a
# scene the oracle uses how it was taken, and neither who nor what.
Judge = Callable[[np.ndarray, Sequence[Scene]], Judgement]


@dataclass(frozen=True, eq=False)
class Oracle:
    """Two linear classifiers of frontal views; call it as a `Judge`.

    Args:
        expression_weights: `(1 + ROWS · COLUMNS, 8)`, the first row is the offset.
        person_weights: `(1 + ROWS · COLUMNS, people)`.
    """

    expression_weights: np.ndarray
    person_weights: np.ndarray

    def __call__(self, pictures: np.ndarray, scenes: Sequence[Scene]) -> Judgement:
        """Says which expression and which person each picture shows."""
        views = _even_views(pictures, scenes)
        return Judgement(
            *(
                (views @ weights[1:] + weights[0]).argmax(axis=1)
                for weights in (self.expression_weights, self.person_weights)
            )
        )


def oracle_scenes(faces: SyntheticConfig, num_people: int, num_images: int) -> list[Scene]:
    """Draws what an oracle learns from: all people with all expressions, half of them softer than usual.

    Args:
        faces: gives difficulty and seed.
        num_people: persons 0 to `num_people` − 1 of `held_out_scene`.
        num_images: scenes, person by person.
    """
    rng = np.random.default_rng([faces.seed, num_images])
    scenes = []
    for number in range(num_images):
        person = number * num_people // num_images
        scene = held_out_scene(faces, Use.ORACLE, person, number % len(EXPRESSIONS_8), number)
        softness = float(rng.uniform(0, _SOFTEST))
        scenes.append(intervene(scene, "blur", softness) if number // len(EXPRESSIONS_8) % 2 else scene)
    return scenes


def trained_oracle(
    config: OracleConfig,
    targets: Callable[[np.ndarray], np.ndarray],
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Oracle:
    """Trains an oracle, or takes the one that an earlier call left in a folder.

    Args:
        config: see there.
        targets: from renders, uint8 `(n, render_size, render_size, 3)`, to what the decoder is to make
            of them, float `(n, picture_size, picture_size, channels)` in [−1, 1].
        cache: folder that keeps oracles; None keeps none.
        progress: called with renders done and to do.

    Raises:
        FERError: if the file of an earlier call is damaged.
    """
    file = None if cache is None else cache / config.file_name
    if file is not None and file.is_file():
        return _loaded(file, config.num_people)
    scenes = oracle_scenes(config.faces, config.num_people, config.num_images)
    pictures = targets(render_together(config.faces, scenes, progress))
    labels = np.array([scene.expression.label for scene in scenes])
    people = np.arange(config.num_images) * config.num_people // config.num_images
    oracle = fitted_oracle(pictures, scenes, labels, people)
    if file is not None:
        with atomic_file(file) as temporary:
            np.savez(temporary, **vars(oracle))
    return oracle


def fitted_oracle(
    pictures: np.ndarray, scenes: Sequence[Scene], labels: np.ndarray, people: np.ndarray
) -> Oracle:
    """Fits both classifiers.

    Args:
        pictures: `(n, size, size, channels)` in [−1, 1].
        scenes: `(n,)`, what they show.
        labels: int `(n,)`, positions in `EXPRESSIONS_8`, each at least twice.
        people: int `(n,)`, numbers of people from 0 on, each at least twice.
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from threadpoolctl import threadpool_limits

    views = _even_views(pictures, scenes)
    with threadpool_limits(1):
        size = min(_COMPONENTS, len(views) - 1, views.shape[1])
        components = PCA(size, svd_solver="randomized", random_state=0).fit(views)
        reduced = components.transform(views).astype(np.float64)
        weights = []
        for wanted in (labels, people):
            classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(reduced, wanted)
            # Of two classes scikit-learn keeps one row: the score of the second over the first.
            rows, offsets = classifier.coef_, classifier.intercept_
            if len(rows) == 1:
                rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
            of_views = components.components_.T @ rows.T
            weights.append(np.concatenate([[offsets - components.mean_ @ of_views], of_views]))
    return Oracle(*(values.astype(np.float32) for values in weights))


def _even_views(pictures: np.ndarray, scenes: Sequence[Scene]) -> np.ndarray:
    """Frontal grey views with the local mean taken off and the local contrast evened, float32 rows."""
    grey = pictures[..., 0] if pictures.shape[3] == 1 else pictures @ np.array(LUMA, np.float32)
    views = frontal_views((grey + 1) * 127.5, [scene.nuisance for scene in scenes])
    for view in views:
        view -= cv2.GaussianBlur(view, (0, 0), _NEIGHBOURHOOD)
        view /= np.sqrt(cv2.GaussianBlur(view**2, (0, 0), _NEIGHBOURHOOD)) + np.float32(_LEAST_CONTRAST)
    return views.reshape(len(views), -1)


def _loaded(file: Path, num_people: int) -> Oracle:
    try:
        oracle = Oracle(**stored_arrays(file))
        for weights, num_classes in (
            (oracle.expression_weights, len(EXPRESSIONS_8)),
            (oracle.person_weights, num_people),
        ):
            if weights.shape != (1 + ROWS * COLUMNS, num_classes) or weights.dtype != np.float32:
                raise ValueError(f"weights of shape {weights.shape} and type {weights.dtype}")
            if not np.isfinite(weights).all():
                raise ValueError("weights that are not finite")
    except (*UNREADABLE, TypeError) as error:
        raise FERError(f"{str(file)!r} is damaged ({error}); remove it, and it is made anew.") from error
    return oracle
