"""Text in NumPy arrays that come from files."""

import numpy as np

_LARGEST_CODE_POINT = 0x10FFFF


def is_readable_text(array: np.ndarray) -> bool:
    """Returns whether an array is readable as far as it is text.

    A file can hold four bytes that are no character: NumPy takes them, and Python fails when it gets them.
    """
    if array.dtype.kind != "U" or not array.dtype.itemsize:
        return True
    code_points = (
        np.ascontiguousarray(array).reshape(-1).view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
    )
    return not np.any(code_points > _LARGEST_CODE_POINT)
