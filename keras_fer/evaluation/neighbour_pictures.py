"""A picture of nearest neighbours: what each representation takes for alike."""

import numpy as np

from keras_fer.evaluation.gallery import Gallery
from keras_fer.evaluation.picture_sheet import MUTED, RIGHT, SMALL, TEXT, TITLE, WRONG, PictureSheet
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.evaluation.retrieval import nearest_of_other_groups
from keras_fer.labels import EXPRESSIONS_8

_SIDE, _GAP, _MARGIN, _ROW = 84, 12, 18, 128
_NEIGHBOURS = 5


def neighbour_sheet(
    gallery: Gallery, codes: dict[str, np.ndarray], num_queries: int = 6, seed: int = 0
) -> bytes:
    """Shows pictures with their five nearest neighbours in both representations.

    Args:
        gallery: the pictures.
        codes: both representations of the gallery by name.
        num_queries: rows, of different expressions and people.
        seed: of the choice.

    Returns:
        A PNG; right neighbours have a green frame, wrong ones an orange one and a cross.
    """
    expression = nearest_of_other_groups(codes[EXPRESSION_REPRESENTATION], gallery.people, _NEIGHBOURS)
    person = nearest_of_other_groups(codes[NON_EXPRESSION_REPRESENTATION], gallery.labels, _NEIGHBOURS)
    queries = _queries(gallery, num_queries, seed)
    block = _NEIGHBOURS * (_SIDE + _GAP) + 26
    first_left, top = _MARGIN + _SIDE + _GAP + 26, _MARGIN + 118
    sheet = PictureSheet(first_left + 2 * block, top + len(queries) * _ROW + _MARGIN)
    sheet.text(_MARGIN, _MARGIN, "Nearest neighbours among people whom the model never saw", TITLE)
    sheet.text(
        _MARGIN,
        _MARGIN + 27,
        "Green: shares what this representation is for.  Orange with an x: does not.",
        TEXT,
        MUTED,
    )
    sheet.text(_MARGIN, top - 24, "picture", TEXT)
    heads = (
        "Expression representation\nnearest faces of other people: same expression?",
        "Non-expression representation\nnearest faces with other expressions: same person?",
    )
    for number, head in enumerate(heads):
        sheet.text(first_left + number * block, top - 48, head, TEXT)
    for row, query in enumerate(queries):
        y = top + row * _ROW
        _face(sheet, _MARGIN, y, gallery, query, None)
        for column in range(_NEIGHBOURS):
            alike = (
                (expression[query, column], gallery.labels),
                (person[query, column], gallery.people),
            )
            for number, (neighbour, wanted) in enumerate(alike):
                x = first_left + number * block + column * (_SIDE + _GAP)
                _face(sheet, x, y, gallery, int(neighbour), bool(wanted[neighbour] == wanted[query]))
    return sheet.png()


def _queries(gallery: Gallery, count: int, seed: int) -> list[int]:
    """Draws pictures, each of another expression and, where there are enough, another person."""
    order = np.random.default_rng(seed).permutation(len(gallery.labels))
    labels = np.random.default_rng(seed + 1).permutation(len(EXPRESSIONS_8))
    chosen: list[int] = []
    for label in labels[:count].tolist():
        rows = order[gallery.labels[order] == label]
        new = rows[~np.isin(gallery.people[rows], gallery.people[chosen])]
        chosen.append(int((new if len(new) else rows)[0]))
    return chosen


def _face(sheet: PictureSheet, left: int, top: int, gallery: Gallery, row: int, right: bool | None) -> None:
    """One picture with its expression and person below; framed by whether it is right."""
    colour = None if right is None else RIGHT if right else WRONG
    sheet.picture(left, top, gallery.images[row], _SIDE, colour)
    mark = "x " if right is False else ""
    caption = f"{mark}{EXPRESSIONS_8[gallery.labels[row]]}\nperson {gallery.people[row] + 1}"
    sheet.text(left, top + _SIDE + 5, caption, SMALL, colour or MUTED)
