"""What converters print, held back."""

import contextlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back what the converter prints, from Python and from C++; an exception brings it along."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log, warnings.catch_warnings():
        # About the deprecation of its own interpreter, and about statistics it then takes from images.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"tensorflow\.")
        os.dup2(log.fileno(), 2)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except Exception as error:
            log.seek(0)
            error.add_note(log.read()[-4000:].decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
