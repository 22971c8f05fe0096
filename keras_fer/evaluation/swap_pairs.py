"""Pairs of scenes whose expressions are swapped."""

from dataclasses import dataclass

import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.held_out import Use, held_out_scene, swapped
from keras_fer.data.synthetic.scene import Scene
from keras_fer.labels import EXPRESSIONS_8


@dataclass(frozen=True)
class SwapPair:
    """Two scenes of different people with different expressions.

    Args:
        number: of the pair.
        person: number of the person of `b`.
        a: gives the expression.
        b: gives everything else.
    """

    number: int
    person: int
    a: Scene
    b: Scene

    @property
    def truth(self) -> Scene:
        """The scene that a perfect swap shows: `b` with exactly the action units of `a`."""
        return swapped(self.b, self.a)


def swap_pairs(faces: SyntheticConfig, num_pairs: int, num_people: int) -> list[SwapPair]:
    """Draws pairs.

    All ordered pairs of expressions are equally frequent, as far as the number allows; the people of b
    follow one another, so that each is painted once.

    Args:
        faces: gives difficulty and seed.
        num_pairs: pairs, at least 1.
        num_people: persons 0 to `num_people` − 1 of `held_out_scene`, at least 2.

    Raises:
        ValueError: if there are fewer than 2 people.
    """
    if num_people < 2:
        raise ValueError(f"`num_people` must be at least 2. Received: num_people={num_people}")
    count = len(EXPRESSIONS_8)
    rng = np.random.default_rng([faces.seed, num_pairs, num_people])
    ordered = [(first, second) for first in range(count) for second in range(count) if first != second]
    rows = [ordered[number % len(ordered)] for number in range(num_pairs)]
    rng.shuffle(rows)
    pairs = []
    for number, (label_a, label_b) in enumerate(rows):
        person = number * num_people // num_pairs
        other = (person + int(rng.integers(1, num_people))) % num_people
        pairs.append(
            SwapPair(
                number,
                person,
                a=held_out_scene(faces, Use.SWAP_EXPRESSION, other, label_a, number),
                b=held_out_scene(faces, Use.SWAP_BASE, person, label_b, number),
            )
        )
    return pairs
