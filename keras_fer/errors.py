"""The error that a user can repair."""

# Longer messages repeat what a file holds; begin and end say what is wrong with it.
_LONGEST = 2000


class FERError(Exception):
    """Something the user gave cannot be used; the message says what, why and how to repair it.

    The command line shows the message as one line and exits with code 1, without a traceback.
    Every other exception is a defect of this package and keeps its traceback.

    Messages repeat names and values out of files that nobody vouches for. Characters that a terminal would
    obey rather than show are escaped, and the middle of a very long message is left out.
    """

    def __str__(self) -> str:
        text = super().__str__()
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST - 500]} … {text[-500:]}"
        return "".join(
            char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")
            for char in text
        )
