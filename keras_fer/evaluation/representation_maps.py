"""Maps of both representations, coloured by expression and by person where people are known."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from keras_fer.evaluation.embedding import embedding
from keras_fer.evaluation.embedding_figure import COLOURS, Cloud, embedding_figure
from keras_fer.evaluation.markup import Html
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION

_NAMED_PEOPLE = 10


def representation_maps(
    codes: Mapping[str, np.ndarray],
    labels: np.ndarray,
    label_names: Sequence[str],
    people: np.ndarray | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Html:
    """Draws a map of each representation, once per colouring.

    Args:
        codes: `(n, width)` by name, among them both representations, at least 8 rows.
        labels: int `(n,)`, positions in `label_names`, −1 for none.
        label_names: names of the expressions; those beyond the tenth share a pale colour.
        people: int `(n,)`, −1 for unknown; None where nobody is known. The ten with the most pictures
            get a colour.
        seed: of the maps.
        progress: called with maps done and to do.

    Returns:
        An SVG: a row of panels per colouring.
    """
    titles = {
        EXPRESSION_REPRESENTATION: (
            "Expression representation",
            ("colours should part", "colours should mix"),
        ),
        NON_EXPRESSION_REPRESENTATION: (
            "Non-expression representation",
            ("colours should mix", "colours may part"),
        ),
    }
    places = {}
    for done, name in enumerate(titles, start=1):
        places[name] = embedding(codes[name], seed)
        if progress is not None:
            progress(done, len(titles))
    named = list(label_names[: len(COLOURS)])
    colourings = [("expression", np.where(labels < len(named), labels, -1), named)]
    if people is not None and (people >= 0).any():
        colourings.append(("person", *_most_seen(people)))
    rows = [
        [
            Cloud(title, f"coloured by {what}: {hints[number]}", places[name], groups, names)
            for name, (title, hints) in titles.items()
        ]
        for number, (what, groups, names) in enumerate(colourings)
    ]
    label = f"Maps of both representations, coloured by {' and by '.join(what for what, _, _ in colourings)}"
    return embedding_figure(rows, label)


def _most_seen(people: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Groups of the people with the most pictures, in the order of their numbers, and their names."""
    numbers, counts = np.unique(people[people >= 0], return_counts=True)
    chosen = np.sort(numbers[np.argsort(-counts, kind="stable")[:_NAMED_PEOPLE]])
    groups = np.full(len(people), -1)
    for group, number in enumerate(chosen):
        groups[people == number] = group
    return groups, [f"person {number + 1}" for number in chosen]
