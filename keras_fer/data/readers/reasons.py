"""Why a reader drops a record: the short reasons that are counted."""

MISSING_FILE = "missing file"
LEAVES_ROOT = "path leaves the root"
LISTED_TWICE = "listed twice"
MALFORMED_ROW = "malformed row"
MALFORMED_NAME = "file name is not valid text"
MALFORMED_LABEL = "label is not readable"
MALFORMED_PIXELS = "pixels are not readable"
MALFORMED_SOFT_LABEL = "soft label is not readable"
MISSING_ANNOTATION = "no readable annotation"
NO_BOX = "no face box"
EMPTY_BOX = "face box without area"
UNKNOWN_SPLIT = "unknown split"
UNKNOWN_CLASS = "label that is none of the classes"

OUTSIDE_TAXONOMY = "label outside the taxonomy"
NO_IMAGE_NAME = "no image name, no usable face"
NO_MAJORITY = "no majority of votes"
NO_EXPRESSION = "votes for unknown or no face"
HELD_OUT = "held out split"
LOW_CONFIDENCE = "confidence of the face box below the limit"

BY_PROTOCOL = frozenset(
    {OUTSIDE_TAXONOMY, NO_IMAGE_NAME, NO_MAJORITY, NO_EXPRESSION, HELD_OUT, LOW_CONFIDENCE}
)
"""Reasons that the protocol of the data set asks for: no defect of the copy on this disk.

They are counted like the others, but a limit on dropped records must leave them out: AffectNet
alone loses a third of its manual list to the ids 8–10.
"""
