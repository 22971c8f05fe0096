"""Pictures of what a decoder makes: the grid of swaps beside the rendered truth, and a walk."""

from collections.abc import Sequence

import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.held_out import Use, held_out_scene, swapped
from keras_fer.data.synthetic.rendering import render_together
from keras_fer.evaluation.face_codec import FaceCodec
from keras_fer.evaluation.picture_sheet import MUTED, SMALL, TEXT, TITLE, PictureSheet
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.labels import EXPRESSIONS_8

_SIDE, _GAP, _MARGIN, _NAMES = 96, 4, 18, 118
_STEP_SIDE = 80
NEUTRAL = EXPRESSIONS_8.index("neutral")
WALK = (0.0, 0.25, 0.5, 0.75, 1.0)


def swap_grid(codec: FaceCodec, faces: SyntheticConfig, num_people: int = 6) -> bytes:
    """Shows swaps: rows are people, columns are expressions, each taken from somebody else.

    Args:
        codec: the frozen model.
        faces: gives size, difficulty and seed.
        num_people: rows, at most 8, since each person shows another expression.

    Returns:
        A PNG: the decoded panel, and below it the rendered truth with the same headings.
    """
    count = len(EXPRESSIONS_8)
    givers = [held_out_scene(faces, Use.PICTURE, 100 + label, label, 100 + label) for label in range(count)]
    bases = [held_out_scene(faces, Use.PICTURE, row, (3 * row + 1) % count, row) for row in range(num_people)]
    shown_a, shown_b = (render_together(faces, scenes) for scenes in (givers, bases))
    truth = render_together(faces, [swapped(base, giver) for base in bases for giver in givers])
    of_a, of_b = (
        codec.encode(shown_a)[EXPRESSION_REPRESENTATION],
        codec.encode(shown_b)[NON_EXPRESSION_REPRESENTATION],
    )
    decoded = codec.decode(np.tile(of_a, (num_people, 1)), np.repeat(of_b, count, axis=0))

    panel_height = 58 + (num_people + 1) * (_SIDE + _GAP) + 20 + 26
    sheet = PictureSheet(
        2 * _MARGIN + _NAMES + (count + 1) * (_SIDE + _GAP) + 10, 2 * panel_height + 2 * _MARGIN
    )
    gray = " Gray, as the network sees them." if decoded.shape[-1] == 1 else ""
    panels = (
        (
            "Swapped by the model",
            f"Each face: the person on the left, with the expression of the face at the top.{gray}",
            decoded,
        ),
        (
            "The truth, rendered",
            "What a perfect swap would show: the person on the left with exactly those facial muscles.",
            codec.targets(truth),
        ),
    )
    heads, sides = codec.targets(shown_a), codec.targets(shown_b)
    shows = [EXPRESSIONS_8[scene.expression.label] for scene in bases]
    for number, (title, subtitle, pictures) in enumerate(panels):
        top = _MARGIN + number * panel_height
        sheet.text(_MARGIN, top, title, TITLE)
        sheet.text(_MARGIN, top + 27, subtitle, TEXT, MUTED)
        _grid(sheet, top + 58, heads, sides, pictures.reshape(num_people, count, *pictures.shape[1:]), shows)
    return sheet.png()


def _grid(
    sheet: PictureSheet,
    top: int,
    heads: np.ndarray,
    sides: np.ndarray,
    cells: np.ndarray,
    shows: Sequence[str],
) -> None:
    """One panel: expressions along the top, people along the left, the results between."""
    step, left = _SIDE + _GAP, _MARGIN + _NAMES
    sheet.text(_MARGIN, top + 30, "the expression\nis taken from:", SMALL, MUTED)
    for column, (name, picture) in enumerate(zip(EXPRESSIONS_8, heads, strict=True)):
        x = left + 10 + (column + 1) * step
        sheet.picture(x, top, picture, _SIDE)
        sheet.text(x + _SIDE / 2, top + _SIDE + 2, name, SMALL, centred=True)
    first = top + step + 20
    sheet.line(_MARGIN, first - 4, left + 6 + (len(heads) + 1) * step, first - 4)
    sheet.line(left + step + 2, top, left + step + 2, first + len(cells) * step)
    for row, (picture, name) in enumerate(zip(sides, shows, strict=True)):
        y = first + row * step
        sheet.text(_MARGIN, y + 32, f"person {row + 1},\nhere {name}", SMALL)
        sheet.picture(left, y, picture, _SIDE)
        for column, cell in enumerate(cells[row]):
            sheet.picture(left + 10 + (column + 1) * step, y, cell, _SIDE)


def traversal(
    codec: FaceCodec, faces: SyntheticConfig, class_means: np.ndarray, num_people: int = 3
) -> bytes:
    """Shows walks of the expression representation from neutral to each other expression.

    Args:
        codec: the frozen model.
        faces: gives size, difficulty and seed.
        class_means: `(8, width)`, mean expression representation of each expression.
        num_people: people whose non-expression representation is held.

    Returns:
        A PNG: a row per expression, a block of columns per person.
    """
    bases = [held_out_scene(faces, Use.PICTURE, 20 + row, NEUTRAL, 20 + row) for row in range(num_people)]
    shown = render_together(faces, bases)
    held = codec.encode(shown)[NON_EXPRESSION_REPRESENTATION]
    targets = [label for label in range(len(EXPRESSIONS_8)) if label != NEUTRAL]
    start = class_means[NEUTRAL]
    walks = np.stack([start + share * (class_means[label] - start) for label in targets for share in WALK])
    decoded = codec.decode(np.tile(walks, (num_people, 1)), np.repeat(held, len(walks), axis=0))
    decoded = decoded.reshape(num_people, len(targets), len(WALK), *decoded.shape[1:])

    step, left, head = _STEP_SIDE + 2, _MARGIN + _NAMES, 74
    block, first = len(WALK) * step + 18, _MARGIN + 74 + _STEP_SIDE + 30
    sheet = PictureSheet(
        left + num_people * block + _MARGIN - 18, first + len(targets) * (step + 6) + _MARGIN
    )
    sheet.text(_MARGIN, _MARGIN, "From neutral to each expression", TITLE)
    sheet.text(
        _MARGIN,
        _MARGIN + 27,
        "Only the expression representation moves, from the mean of neutral faces to the mean of each "
        "expression; the person is held.",
        TEXT,
        MUTED,
    )
    for person, picture in enumerate(codec.targets(shown)):
        x = left + person * block
        sheet.picture(x, _MARGIN + head - 16, picture, _STEP_SIDE)
        sheet.text(x + _STEP_SIDE + 10, _MARGIN + head + 8, f"person {person + 1}\nas rendered", SMALL)
        for column, share in enumerate(WALK):
            x_middle = x + column * step + _STEP_SIDE / 2
            sheet.text(x_middle, first - 20, f"{share:.0%}", SMALL, MUTED, centred=True)
            for row in range(len(targets)):
                sheet.picture(
                    x + column * step, first + row * (step + 6), decoded[person, row, column], _STEP_SIDE
                )
    for row, label in enumerate(targets):
        sheet.text(_MARGIN, first + row * (step + 6) + 22, f"neutral to\n{EXPRESSIONS_8[label]}", TEXT)
    return sheet.png()
