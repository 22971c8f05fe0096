"""How far a representation moves when exactly one factor of the picture changes.

Only a renderer can change one thing and nothing else, so no probe has to be trained for this: the
pictures differ in one factor, and the distance of their representations is all due to it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.held_out import Use, held_out_scene
from keras_fer.data.synthetic.one_factor import FACTORS, first_that_differs, with_factor_of
from keras_fer.data.synthetic.rendering import render_scenes
from keras_fer.data.synthetic.scene import Scene
from keras_fer.evaluation.bootstrap import ratio_interval
from keras_fer.evaluation.face_codec import Encoder
from keras_fer.evaluation.interval import UNKNOWN, Interval
from keras_fer.evaluation.plain_json import plain
from keras_fer.field_types import require_field_types
from keras_fer.labels import EXPRESSIONS_8

# Scenes beyond those of the test from which a rare value, such as an occlusion, is taken.
_MOST_DONORS = 2000


@dataclass(frozen=True)
class Sensitivity:
    """How much of the distance between two unrelated pictures one factor makes.

    Args:
        representation: name of the representation.
        factor: what was changed, a key of `one_factor.FACTORS`.
        value: S, see `sensitivity`; 0 is invariant, 1 as far as two unrelated pictures are apart; NaN for
            a representation that never moves.
        interval: 95 %, over the pairs.
        num_pairs: pairs of pictures.
    """

    representation: str
    factor: str
    value: float
    interval: Interval
    num_pairs: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Sensitivity":
        """Builds a row from what `to_dict` returned."""
        value = values["value"]
        require_field_types(cls, {**values, "value": 0.0 if value is None else value}, "An intervention")
        return cls(
            **{
                **values,
                "value": float("nan") if values["value"] is None else values["value"],
                "interval": Interval.from_json(values["interval"]),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as plain JSON types; NaN becomes None."""
        return plain(vars(self))


def sensitivity(
    originals: np.ndarray, changed: np.ndarray, unrelated: np.ndarray, seed: int = 0
) -> tuple[float, Interval]:
    """Returns S = E‖c(x) − c(x')‖² / E‖c(x) − c(x_random)‖² with its 95 % bootstrap interval.

    Args:
        originals: c(x), `(n, width)`.
        changed: c(x'), where x' is x but for one factor.
        unrelated: c(x_random), where x_random is drawn independently of x, so that now and then the two
            have an expression or a pair of glasses in common.
        seed: of the bootstrap over the n pairs.

    Raises:
        ValueError: if the shapes differ.
    """
    originals, changed, unrelated = (np.asarray(rows, np.float64) for rows in (originals, changed, unrelated))
    if originals.ndim != 2 or not originals.shape == changed.shape == unrelated.shape:
        raise ValueError(
            "The three representations must have one shape (n, width). "
            f"Received: {originals.shape}, {changed.shape}, {unrelated.shape}"
        )
    moved = np.square(originals - changed).sum(axis=1)
    apart = np.square(originals - unrelated).sum(axis=1)
    if apart.sum() == 0:
        return float("nan"), UNKNOWN
    return float(moved.sum() / apart.sum()), ratio_interval(moved, apart, seed=seed)


def one_factor_scenes(
    faces: SyntheticConfig, num_pairs: int, factors: Sequence[str] = tuple(FACTORS)
) -> list[list[Scene]]:
    """Draws scenes, and for each scene one more per factor that differs from it in that factor alone.

    Every scene is of another person, and the new value is that of another scene, so that values are as
    frequent as in a data set among those that differ.

    Args:
        faces: gives difficulty and seed.
        num_pairs: scenes to start from, at least 2.
        factors: keys of `FACTORS`.

    Returns:
        For each pair the scene, followed by the changed ones in the order of `factors`.

    Raises:
        ValueError: if there are fewer than 2 pairs.
    """
    if num_pairs < 2:
        raise ValueError(f"`num_pairs` must be at least 2. Received: num_pairs={num_pairs}")
    labels = np.arange(num_pairs + _MOST_DONORS) % len(EXPRESSIONS_8)
    np.random.default_rng([faces.seed, num_pairs]).shuffle(labels)

    def drawn(number: int) -> Scene:
        return held_out_scene(faces, Use.INTERVENTION, number, int(labels[number]), number)

    scenes = [drawn(number) for number in range(num_pairs)]
    more: list[Scene] = []
    groups = []
    for row, scene in enumerate(scenes):
        group, others = [scene], scenes[row + 1 :] + scenes[:row]
        for factor in factors:
            donor = first_that_differs(scene, factor, others)
            donor = donor or first_that_differs(scene, factor, more)
            while donor is None and len(more) < _MOST_DONORS:
                more.append(drawn(num_pairs + len(more)))
                donor = first_that_differs(scene, factor, more[-1:])
            # No difficulty is without any variation; the scene itself would count as an invariance.
            if donor is None:
                raise ValueError(f"No scene differs in this factor. Received: factor={factor!r}")
            group.append(with_factor_of(scene, factor, donor))
        groups.append(group)
    return groups


def measure_interventions(
    encode: Encoder,
    faces: SyntheticConfig,
    num_pairs: int,
    factors: Sequence[str] = tuple(FACTORS),
    num_workers: int | None = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Sensitivity]:
    """Measures how far each representation moves under each factor.

    Args:
        encode: the frozen encoder; nothing else is known of it.
        faces: gives size, difficulty and seed of the faces.
        num_pairs: pairs per factor, at least 2.
        factors: keys of `FACTORS`.
        num_workers: processes that render; None for all cores.
        progress: called with pictures done and to do.

    Returns:
        A row per representation and factor, representation by representation.
    """
    groups = one_factor_scenes(faces, num_pairs, factors)
    scenes = [scene for group in groups for scene in group]
    batches = [dict(encode(images)) for images in render_scenes(faces, scenes, num_workers, progress)]
    return list(_rows(batches, num_pairs, factors, faces.seed))


def _rows(
    batches: Sequence[Mapping[str, np.ndarray]], num_pairs: int, factors: Sequence[str], seed: int
) -> Iterator[Sensitivity]:
    for name in batches[0]:
        rows = np.concatenate([batch[name] for batch in batches])
        pairs = rows.reshape(num_pairs, 1 + len(factors), -1)
        originals = pairs[:, 0]
        # Scenes are drawn one by one, of one person each: the next one is any other picture.
        unrelated = np.roll(originals, -1, axis=0)
        for position, factor in enumerate(factors, start=1):
            value, interval = sensitivity(originals, pairs[:, position], unrelated, seed)
            yield Sensitivity(name, factor, value, interval, num_pairs)
