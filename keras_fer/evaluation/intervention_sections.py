"""The sections of an intervention study, for its own page and for the report of the run."""

import base64

from keras_fer.evaluation import intervention_tables as tables
from keras_fer.evaluation.cards import card, card_row
from keras_fer.evaluation.intervention_study import InterventionStudy
from keras_fer.evaluation.markup import Html, element, joined
from keras_fer.evaluation.summary_list import summary_list
from keras_fer.evaluation.swap import SwapResult

_PICTURES = {
    "swap_grid": "A grid of faces: rows are people, columns are expressions taken from other people; above "
    "as the model decodes them, below as the renderer makes them.",
    "traversal": "Rows of faces that go from neutral to each other expression in five steps.",
    "neighbours": "Faces with their five nearest neighbours in each representation, right ones framed green.",
    "maps": "Maps of both representations: every dot is a picture, coloured by expression and, where people "
    "are known, by person.",
}
_MAP_CAPTION = (
    "Every dot is a picture; PCA and t-SNE place pictures with similar representations side by side. Maps "
    "are for looking: sizes and distances of groups mean nothing, the tables are the evidence."
)


def study_sections(study: InterventionStudy) -> dict[str, Html | None]:
    """Returns sections by heading, in their order; None for what there is nothing of.

    Args:
        study: what was found.
    """
    swap = study.swap
    swap_section = None
    if swap is not None:
        swap_section = joined(_cards(swap), tables.swap_table(swap), _picture(study, "swap_grid"))
    changed = tables.interventions_table(study.interventions) if study.interventions else None
    retrieval = tables.retrieval_table(study.retrieval) if study.retrieval else None
    return {
        "Swap test": swap_section,
        "Walk from neutral": _picture(study, "traversal"),
        "One factor changed": changed,
        "Nearest neighbours": retrieval and joined(retrieval, _picture(study, "neighbours")),
        "Maps": joined(
            _image(study.figure.encode(), "svg+xml", "maps", "width:100%;max-width:860px"),
            element("p", _MAP_CAPTION, class_="caption"),
        ),
    }


def rendered_faces(study: InterventionStudy) -> Html | None:
    """What was rendered, as names and values; None where nothing was."""
    if study.options is None:
        return None
    options = study.options.to_dict()
    return summary_list((name.replace("_", " "), value) for name, value in options.items())


def _picture(study: InterventionStudy, name: str) -> Html | None:
    return _image(study.pictures[name], "png", name, "max-width:100%") if name in study.pictures else None


def _image(content: bytes, kind: str, name: str, width: str) -> Html:
    """An image that stands in the page; as an image an SVG file can do nothing but be seen.

    On a phone it scrolls sideways, since its words would be too small.
    """
    data = base64.b64encode(content).decode("ascii")
    image = element(
        "img",
        src=f"data:image/{kind};base64,{data}",
        alt=_PICTURES[name],
        class_="sheet",
        style=width,
        loading="lazy",
    )
    label = name.replace("_", " ")
    return element(
        "div", image, class_="scroll sheet-frame", tabindex=0, role="region", aria_label=f"Picture of {label}"
    )


def _cards(swap: SwapResult) -> Html:
    facts = (
        ("Expression arrives", swap.expression_transfer, "0 is chance, 1 the rendered truth"),
        ("Person stays", swap.identity_kept, "0 is chance, 1 the rendered truth"),
    )
    cards = [card(name, f"{value:.2f}" if value == value else "–", detail) for name, value, detail in facts]
    return card_row(cards, "margin-bottom:14px")
