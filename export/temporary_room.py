"""Room for the temporary files of a conversion."""

import contextlib
import tempfile
from collections.abc import Iterator

# More than the model of any backbone takes.
ROOM_BYTES = 64 * 2**20


@contextlib.contextmanager
def room_for_temporary_files() -> Iterator[None]:
    """Names the reason where a conversion fails because its temporary files cannot be written.

    TensorFlow then tries another way, and fails there with an error that has nothing to do with it.

    Raises:
        OSError: naming the folder.
    """
    try:
        yield
    except Exception as error:
        try:
            with tempfile.TemporaryFile() as file:
                file.write(bytes(ROOM_BYTES))
        except OSError as full:
            full.filename = tempfile.gettempdir()
            raise full from error
        raise
