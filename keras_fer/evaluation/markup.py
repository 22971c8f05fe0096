"""HTML elements that escape everything which is not HTML already."""

from html import escape

_VOID = {"br", "img", "meta", "wbr"}


class Html(str):
    """A string that is HTML: made by `element` or `joined`, or a constant of this package."""

    __slots__ = ()


def element(tag: str, /, *children: str | Html | None, **attributes: object) -> Html:
    """Returns one element.

    Args:
        tag: name of the element.
        children: `Html` is inserted as it is, any other string escaped, None left out.
        attributes: an underscore at the end is removed and others become hyphens (`class_`,
            `aria_label`); None leaves the attribute out.
    """
    text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{text}>")
    return Html(f"<{tag}{text}>{joined(*children)}</{tag}>")


def joined(*children: str | Html | None) -> Html:
    """Returns children one after the other, escaped as `element` does."""
    return Html(
        "".join(
            child if isinstance(child, Html) else escape(child) for child in children if child is not None
        )
    )


def unbroken(text: str) -> str:
    """Returns text that stays on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
