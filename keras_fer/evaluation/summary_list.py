"""Names and what they stand for, as a list of a page."""

from collections.abc import Iterable

from keras_fer.evaluation.markup import Html, element


def summary_list(items: Iterable[tuple[str, object]]) -> Html | None:
    """Returns names and values; None where there are none."""
    rows = [element("div", element("dt", str(name)), element("dd", str(value))) for name, value in items]
    return element("dl", *rows, class_="summary") if rows else None
