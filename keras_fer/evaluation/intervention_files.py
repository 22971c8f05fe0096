"""The files of an intervention study: numbers, pictures, and a page that shows both."""

import json
from pathlib import Path
from typing import Any

from keras_fer.atomic import atomic_file
from keras_fer.errors import FERError
from keras_fer.evaluation import intervention_tables as tables
from keras_fer.evaluation.intervention_sections import rendered_faces, study_sections
from keras_fer.evaluation.intervention_study import InterventionStudy
from keras_fer.evaluation.markup import Html
from keras_fer.evaluation.page import html_page
from keras_fer.evaluation.report_sections import notes as notes_list
from keras_fer.field_types import finite_json

NUMBERS, PAGE, FIGURE = "interventions.json", "interventions.html", "embedding.svg"


def study_text(study: InterventionStudy) -> str:
    """Returns all tables as text."""
    parts = [] if study.swap is None else [tables.swap_text(study.swap)]
    if study.interventions:
        parts.append(tables.interventions_text(study.interventions))
    if study.retrieval:
        parts.append(tables.retrieval_text(study.retrieval))
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
    sections = {"Notes": notes_list(study.notes), **study_sections(study), "Faces": rendered_faces(study)}
    return html_page(title, "keras-fer interventions", sections)


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
        FIGURE: study.figure.encode(),
        PAGE: str(study_page(study, title)).encode(),
    }
    for name, content in contents.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_bytes(content)
    return [folder / name for name in contents]


def read_study(folder: Path) -> InterventionStudy | None:
    """Returns the study that `write_study` left in a folder; None where there is none.

    Raises:
        FERError: if a file of it is damaged or gone.
    """
    path = folder / NUMBERS
    if not path.is_file():
        return None
    try:
        values = finite_json(path.read_text(encoding="utf-8"))
        names = ["neighbours"] if values["retrieval"] else []
        names += ["swap_grid", "traversal"] if values["swap"] else []
        pictures = {name: (folder / f"{name}.png").read_bytes() for name in names}
        return InterventionStudy.from_dict(values, pictures, (folder / FIGURE).read_text(encoding="utf-8"))
    except (FERError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FERError(
            f"{str(path)!r} cannot be read ({error}); remove it, or run `keras-fer intervene` again."
        ) from error
