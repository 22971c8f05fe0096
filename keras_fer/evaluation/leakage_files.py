"""The leakage matrix on disk: `probes.json` for programs and `probes.html` for people."""

import itertools
import json
import os
from pathlib import Path

from keras_fer.atomic import atomic_file
from keras_fer.errors import FERError
from keras_fer.evaluation.leakage_matrix import LeakageMatrix
from keras_fer.evaluation.report import RunReport, write_report
from keras_fer.field_types import finite_json
from keras_fer.version import __version__

PROBES_FILE = "probes.json"
PROBES_PAGE = "probes.html"


def write_matrix(folder: str | os.PathLike, matrix: LeakageMatrix) -> None:
    """Writes both files into a folder that exists; each appears whole or not at all."""
    document = {**matrix.to_dict(), "written_by": f"keras-fer {__version__}"}
    with atomic_file(Path(folder) / PROBES_FILE) as temporary:
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    facts = matrix.dataset
    summary = [
        ("Model", matrix.model),
        ("Data set", f"{facts.get('source', '')} at {Path(facts.get('path', '')).name}"),
        ("Data hash", str(facts.get("content_hash", ""))[:16]),
        ("Learned from", f"{matrix.num_train:,} images, split {matrix.splits[0]}"),
        ("Judged on", f"{matrix.num_test:,} images, split {matrix.splits[1]}"),
        ("Seeds", str(max(probe.result.num_seeds for probe in matrix.probes))),
    ]
    title = f"What the representations of {matrix.model} tell"
    write_report(Path(folder) / PROBES_PAGE, RunReport(title, summary=summary, matrix=matrix))


def read_matrix(folder: str | os.PathLike) -> LeakageMatrix | None:
    """Returns the matrix that `write_matrix` left in a folder; None where there is none.

    Raises:
        FERError: if it is damaged.
    """
    path = Path(folder) / PROBES_FILE
    if not path.is_file():
        return None
    try:
        matrix = LeakageMatrix.from_dict(finite_json(path.read_text(encoding="utf-8")))
        if not (matrix.probes and matrix.factors):
            raise ValueError("it has no probes")
        for column, factor in itertools.product(matrix.columns, matrix.factors):
            matrix.probe(column, factor.name)
    except (FERError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FERError(
            f"{str(path)!r} cannot be read ({error}); remove it, or run `keras-fer probe` again."
        ) from error
    return matrix
