"""Cards: the few numbers that a reader of a page looks for first."""

from collections.abc import Sequence

from keras_fer.evaluation.markup import Html, element


def card(name: str, value: str, *details: str | None) -> Html:
    """Returns a card.

    Args:
        name: of the number, above it.
        value: the number.
        details: lines below it; None is left out.
    """
    return element(
        "div",
        element("div", name, class_="name"),
        element("div", value, class_="value"),
        *(element("div", detail, class_="detail") for detail in details if detail is not None),
        class_="card",
    )


def card_row(cards: Sequence[Html], style: str | None = None) -> Html:
    """Returns cards side by side; the first stands out.

    Args:
        cards: as `card` returns them.
        style: of the row, beside that of the page.
    """
    return element("div", *cards, class_="cards", style=style)
