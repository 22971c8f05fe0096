"""The error that a user can repair."""


class FERError(Exception):
    """Something the user gave cannot be used; the message says what, why and how to repair it.

    The command line shows the message as one line and exits with code 1, without a traceback.
    Every other exception is a defect of this package and keeps its traceback.
    """
