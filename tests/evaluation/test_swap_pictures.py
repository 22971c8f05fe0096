import io

import numpy as np
from PIL import Image

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.evaluation.face_codec import FaceCodec
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.evaluation.swap_pictures import NEUTRAL, WALK, swap_grid, traversal
from keras_fer.labels import EXPRESSIONS_8

FACES = SyntheticConfig(image_size=32, difficulty="easy")


class Fake:
    """Decodes to a flat grey: 8 · expression + person, which the cells of a grid must show in order."""

    def __init__(self):
        self.calls = []
        self.codec = FaceCodec(self.encode, self.decode, self.targets, (32, 32, 1))

    def encode(self, renders):
        numbers = np.arange(len(renders), dtype=np.float32)[:, None]
        return {EXPRESSION_REPRESENTATION: numbers, NON_EXPRESSION_REPRESENTATION: numbers}

    def decode(self, expression, held):
        self.calls.append((expression.copy(), held.copy()))
        grey = (8 * np.asarray(expression)[:, 0] + held[:, 0]) / 127.5 - 1
        return np.tile(grey[:, None, None, None], (1, 32, 32, 1)).astype(np.float32)

    @staticmethod
    def targets(renders):
        return renders[..., :1] / 127.5 - 1


def flat_cells(png):
    """Returns the grey of every flat picture in reading order, row by row."""
    found = np.asarray(Image.open(io.BytesIO(png)))[..., 0].astype(int)
    size = 40
    cells = []
    for top in range(0, found.shape[0] - size, 2):
        row = []
        for left in range(0, found.shape[1] - size, 2):
            patch = found[top : top + size, left : left + size]
            if patch[0, 0] < 200 and (patch == patch[0, 0]).all():
                row.append(int(patch[0, 0]))
        if row:
            cells.append(tuple(dict.fromkeys(row)))
    return list(dict.fromkeys(cells))


def test_rows_are_people_and_columns_expressions():
    fake = Fake()
    png = swap_grid(fake.codec, FACES, num_people=3)
    ((expression, held),) = fake.calls
    assert expression[:, 0].tolist() == list(range(8)) * 3
    assert held[:, 0].tolist() == np.repeat([0, 1, 2], 8).tolist()
    assert flat_cells(png) == [tuple(8 * column + row for column in range(8)) for row in range(3)]


def test_the_walk_goes_from_neutral_to_the_mean_of_each_expression():
    fake = Fake()
    means = 3.0 + np.arange(8, dtype=np.float64)[:, None] * 2.0
    png = traversal(fake.codec, FACES, means, num_people=2)
    ((expression, held),) = fake.calls
    others = [label for label in range(len(EXPRESSIONS_8)) if label != NEUTRAL]
    walks = [3.0 + 2.0 * NEUTRAL + share * 2.0 * (label - NEUTRAL) for label in others for share in WALK]
    np.testing.assert_allclose(expression[:, 0], walks * 2)
    assert held[:, 0].tolist() == np.repeat([0, 1], len(walks)).tolist()
    assert Image.open(io.BytesIO(png)).width > 2 * len(WALK) * 80
