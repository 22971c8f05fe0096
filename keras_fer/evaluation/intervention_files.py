"""The files of an intervention study: numbers, pictures, and a page that shows both."""

import base64
import json
from pathlib import Path
from typing import Any

from keras_fer.atomic import atomic_file
from keras_fer.evaluation import intervention_tables as tables
from keras_fer.evaluation.intervention_study import InterventionStudy
from keras_fer.evaluation.markup import Html, element, joined
from keras_fer.evaluation.page import html_page
from keras_fer.evaluation.swap import SwapResult

NUMBERS, PAGE, FIGURE = "interventions.json", "interventions.html", "embedding.svg"

_PICTURES = {
    "swap_grid": "A grid of faces: rows are people, columns are expressions taken from other people; above "
    "as the model decodes them, below as the renderer makes them.",
    "traversal": "Rows of faces that go from neutral to each other expression in five steps.",
    "neighbours": "Faces with their five nearest neighbours in each representation, right ones framed green.",
}


def study_text(study: InterventionStudy) -> str:
    """Returns all tables as text."""
    parts = [] if study.swap is None else [tables.swap_text(study.swap)]
    parts += [tables.interventions_text(study.interventions), tables.retrieval_text(study.retrieval)]
    parts += [f"Note: {note}" for note in study.notes]
    return "\n\n".join(parts)


def study_document(study: InterventionStudy, title: str) -> dict[str, Any]:
    """Returns all numbers as plain JSON types, under a title."""
    return {"title": title, **study.to_dict()}


def study_page(study: InterventionStudy, title: str) -> Html:
    """Returns the study as an HTML document that loads nothing.

    Args:
        study: what was found.
        title: heading of the page.
    """
    swap, options = study.swap, study.options.to_dict()
    notes = element("ul", *(element("li", note) for note in study.notes), class_="notes")
    swap_section = None
    if swap is not None:
        swap_section = joined(_cards(swap), tables.swap_table(swap), _picture(study, "swap_grid"))
    sections: dict[str, Html | None] = {
        "Notes": notes if study.notes else None,
        "Swap test": swap_section,
        "Walk from neutral": _picture(study, "traversal"),
        "One factor changed": tables.interventions_table(study.interventions),
        "Nearest neighbours": joined(tables.retrieval_table(study.retrieval), _picture(study, "neighbours")),
        "Maps": joined(study.figure, element("p", _MAP_CAPTION, class_="caption")),
        "Faces": _facts(options),
    }
    return html_page(title, "keras-fer interventions", sections)


_MAP_CAPTION = (
    "Every dot is a picture; PCA and t-SNE place pictures with similar representations side by side. Maps "
    "are for looking: sizes and distances of groups mean nothing, the tables above are the evidence."
)


def write_study(folder: Path, study: InterventionStudy, title: str) -> list[Path]:
    """Writes numbers, pictures and page; each file appears whole or not at all.

    Args:
        folder: an existing folder.
        study: what was found.
        title: heading of the page.

    Returns:
        The files.
    """
    numbers = json.dumps(study_document(study, title), indent=2, ensure_ascii=False, allow_nan=False)
    contents = {
        NUMBERS: numbers.encode() + b"\n",
        **{f"{name}.png": png for name, png in study.pictures.items()},
        FIGURE: str(study.figure).encode(),
        PAGE: str(study_page(study, title)).encode(),
    }
    for name, content in contents.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_bytes(content)
    return [folder / name for name in contents]


def _picture(study: InterventionStudy, name: str) -> Html | None:
    if name not in study.pictures:
        return None
    data = base64.b64encode(study.pictures[name]).decode("ascii")
    # The white paper of the picture, on a dark page too.
    style = "display:block;max-width:100%;height:auto;margin-top:18px;border-radius:8px"
    return element("img", src=f"data:image/png;base64,{data}", alt=_PICTURES[name], style=style)


def _cards(swap: SwapResult) -> Html:
    facts = (
        ("Expression arrives", swap.expression_transfer, "0 is chance, 1 the rendered truth"),
        ("Person stays", swap.identity_kept, "0 is chance, 1 the rendered truth"),
    )
    cards = [
        element(
            "div",
            element("div", name, class_="name"),
            element("div", f"{value:.2f}" if value == value else "–", class_="value"),
            element("div", detail, class_="detail"),
            class_="card",
        )
        for name, value, detail in facts
    ]
    return element("div", *cards, class_="cards", style="margin-bottom:14px")


def _facts(options: dict[str, Any]) -> Html:
    rows = [
        element("div", element("dt", name.replace("_", " ")), element("dd", str(value)))
        for name, value in options.items()
    ]
    return element("dl", *rows, class_="summary")
