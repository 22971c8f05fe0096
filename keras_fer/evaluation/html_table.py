"""A table of a page, which scrolls by itself where it is wider than the screen."""

from collections.abc import Sequence

from keras_fer.evaluation.markup import Html, element


def html_table(columns: Sequence[str], rows: Sequence[Sequence[Html]], name: str, class_: str = "") -> Html:
    """Returns a table; it scrolls also from the keyboard, and the page never does sideways.

    Args:
        columns: headings.
        rows: cells, `td` or `th`, as many per row as there are columns.
        name: what it shows, for screen readers.
        class_: of the table, for the style sheet.
    """
    head = element("thead", element("tr", *(element("th", column, scope="col") for column in columns)))
    body = element("tbody", *(element("tr", *cells) for cells in rows))
    table = element("table", head, body, class_=class_ or None)
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Table {name}")
