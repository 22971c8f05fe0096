"""What casts doubt on the numbers of a leakage matrix."""

from collections.abc import Iterator, Sequence

from keras_fer.evaluation.factors import EXPRESSION
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.probes import ProbeResult
from keras_fer.evaluation.representation_names import FACE_FEATURES, non_expression_name

# Below this share of the width a representation counts as collapsing.
_COLLAPSED_SHARE = 0.25
_FEW_CLUSTERS = 20


def is_chance(result: ProbeResult) -> bool:
    """Returns whether the probes found nothing, or nothing that their interval tells from chance."""
    return result.leakage <= 0 or result.leakage_interval.low <= 0


def doubts(probes: Sequence[RepresentationProbe]) -> Iterator[str]:
    """Yields sentences that a reader of the matrix must not miss.

    Args:
        probes: of one model and its floors, for every factor.
    """
    rows = [row for row in probes if not row.floor]
    name = non_expression_name({row.representation for row in rows})
    known = [row for row in rows if (row.representation, row.factor) == (FACE_FEATURES, EXPRESSION)]
    if known and is_chance(known[0].result):
        yield (
            "The face features do not tell the expression beyond chance: the network has not learned it, and "
            "what was never known cannot leak. Train longer before you read anything from the leakage."
        )
    judged = [row for row in rows if row.representation == name]
    for rank, width in {(row.effective_rank, row.width): None for row in judged}:
        if rank < _COLLAPSED_SHARE * width:
            yield (
                f"The non-expression representation uses {rank:.1f} of {width} directions. If that is "
                "collapse, little leaks since little is left, no success: see what it tells of other factors."
            )
    few = {row.factor: row.result.num_clusters for row in probes if row.result.num_clusters < _FEW_CLUSTERS}
    if few:
        yield f"Intervals over {min(few.values())} people or images are rough: {', '.join(few)}."
    for row in probes:
        if not row.result.converged:
            yield f"The linear probe of {row.factor} in {row.representation} of {row.model} did not converge."
