"""A self-contained HTML page of sections, readable on paper, phone, light and dark."""

from collections.abc import Mapping, Sequence
from importlib import resources

from keras_fer.evaluation.markup import Html, element, joined


def html_page(
    title: str, kicker: str, sections: Mapping[str, Html | None], styles: Sequence[str] = ("report.css",)
) -> Html:
    """Returns a document that loads nothing: no script, font or picture from elsewhere.

    Args:
        title: heading of the page.
        kicker: a line above it.
        sections: content by heading; those without content are left out.
        styles: names of style sheets in `keras_fer.evaluation`.
    """
    folder = resources.files("keras_fer.evaluation")
    style = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in styles)
    shown = {heading: content for heading, content in sections.items() if content}
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        # Nothing may load, whatever a name or a note contains.
        element(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; img-src data:; style-src 'unsafe-inline'",
        ),
        element("title", title),
        element("style", Html(style)),
    )
    body = element(
        "body",
        element("header", element("p", kicker, class_="kicker"), element("h1", title)),
        _navigation(list(shown)),
        element("main", *(_section(heading, content) for heading, content in shown.items())),
    )
    return joined(Html("<!DOCTYPE html>\n"), element("html", head, body, lang="en"), Html("\n"))


def _section(title: str, content: Html) -> Html:
    anchor = _anchor(title)
    heading = element("h2", title, id=f"{anchor}-heading")
    return element("section", heading, content, id=anchor, aria_labelledby=f"{anchor}-heading")


def _navigation(titles: Sequence[str]) -> Html:
    links = [element("a", title, href=f"#{_anchor(title)}") for title in titles]
    return element("nav", *links, aria_label="Sections")


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
