import io

import numpy as np
from PIL import Image

from keras_fer.evaluation.gallery import Gallery
from keras_fer.evaluation.neighbour_pictures import neighbour_sheet
from keras_fer.evaluation.picture_sheet import RIGHT, WRONG
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION

LABELS = np.tile(np.arange(8), 12)
PEOPLE = np.repeat(np.arange(6), 16)
GALLERY = Gallery(np.zeros((96, 16, 16, 3), np.uint8), LABELS, PEOPLE)


def frames(png):
    """Returns how many pictures have a frame of each colour: 5 rows of 3 pixels are found per frame."""
    found = np.asarray(Image.open(io.BytesIO(png)))
    counts = {}
    for name, colour in (("right", RIGHT), ("wrong", WRONG)):
        row = (found == colour).all(axis=2)
        # The upper edge of a frame is a line of 90 pixels, three of them below each other.
        lines = sum(
            1
            for line in row
            for run in np.split(line, np.flatnonzero(np.diff(line)) + 1)
            if run[0] and len(run) == 90
        )
        counts[name] = lines // 6
    return counts


def test_frames_say_which_neighbours_are_right():
    codes = {EXPRESSION_REPRESENTATION: np.eye(8)[LABELS], NON_EXPRESSION_REPRESENTATION: np.eye(6)[PEOPLE]}
    assert frames(neighbour_sheet(GALLERY, codes, num_queries=4)) == {"right": 40, "wrong": 0}


def test_exchanged_representations_are_all_wrong():
    far = {
        EXPRESSION_REPRESENTATION: -np.eye(8)[(LABELS + 1) % 8],
        NON_EXPRESSION_REPRESENTATION: np.eye(8)[LABELS],
    }
    # Nearest in expression: never one's own; nearest in person: no tie with people, some are right.
    counts = frames(neighbour_sheet(GALLERY, far, num_queries=4))
    assert sum(counts.values()) == 40
    assert counts["wrong"] > 0


def test_more_queries_than_people_and_expressions():
    codes = {EXPRESSION_REPRESENTATION: np.eye(8)[LABELS], NON_EXPRESSION_REPRESENTATION: np.eye(6)[PEOPLE]}
    png = neighbour_sheet(GALLERY, codes, num_queries=20)
    assert frames(png) == {"right": 80, "wrong": 0}
