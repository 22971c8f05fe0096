"""The swap test: a face with the expression of another one, decoded, against the rendered truth.

For two pictures a and b of different people with different expressions the decoder gets the expression
representation of a and the non-expression representation of b. A perfect model then makes the picture
that the renderer makes of b with exactly the action units of a. How near it comes is judged

- by an oracle, which learned from real renders what expression and which of the people a picture
  shows; its rate on the rendered truth is the ceiling, see `oracle`;
- by PSNR and SSIM to the rendered truth, over all pixels and over those that the expression changes.

Two references stand beside it: the reconstruction of b without a swap, and b decoded with the mean
expression representation, which shows what the non-expression representation brings along.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.rendering import render_together
from keras_fer.errors import FERError
from keras_fer.evaluation.face_codec import FaceCodec
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.metrics import wilson_interval
from keras_fer.evaluation.oracle import Judge
from keras_fer.evaluation.picture_quality import psnr_db, ssim
from keras_fer.evaluation.plain_json import plain
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.evaluation.swap_pairs import SwapPair, swap_pairs
from keras_fer.field_types import require_field_types
from keras_fer.labels import EXPRESSIONS_8

KINDS = TRUTH, SWAP, MEAN_EXPRESSION, RECONSTRUCTION = "truth", "swap", "mean_expression", "reconstruction"

# Pairs that are rendered and held at a time.
_CHUNK = 256
# Of 255 levels: a pixel by which b and the truth differ more than this is changed by the expression.
_CHANGED_LEVELS = 8


@dataclass(frozen=True)
class SwapScores:
    """How pictures of one kind were judged. Rates are shares of the pairs; intervals are 95 %.

    Args:
        expression_of_a: the oracle sees the expression that a gives.
        expression_of_b: the oracle sees the expression that b had.
        identity_of_b: the oracle sees the person of b.
        psnr_db: to the rendered truth, mean over the pairs; NaN for the truth itself.
        changed_psnr_db: the same over the pixels that the expression changes.
        ssim: to the rendered truth, mean over the pairs; NaN for the truth itself.
    """

    expression_of_a: float
    expression_of_a_interval: Interval
    expression_of_b: float
    identity_of_b: float
    identity_of_b_interval: Interval
    psnr_db: float
    changed_psnr_db: float
    ssim: float


@dataclass(frozen=True)
class SwapResult:
    """What the swap test found.

    Args:
        scores: by kind of picture: the rendered `"truth"` (the ceiling), the `"swap"`, b with the
            `"mean_expression"`, and the `"reconstruction"` of b without a swap.
        chance_expression: rate of a judge that guesses the expression.
        chance_identity: rate of a judge that guesses the person.
        oracle_expression: accuracy of the oracle on the real renders of b.
        oracle_identity: the same for the person.
        own_psnr_db: of the reconstruction to its own picture, mean over the pairs.
        own_ssim: the same.
        num_pairs: pairs of pictures.
        num_people: people between whom the oracle decides.
    """

    scores: Mapping[str, SwapScores]
    chance_expression: float
    chance_identity: float
    oracle_expression: float
    oracle_identity: float
    own_psnr_db: float
    own_ssim: float
    num_pairs: int
    num_people: int

    @property
    def expression_transfer(self) -> float:
        """How much of the expression arrives: the swap on the scale from chance (0) to the truth (1)."""
        swap, truth = (self.scores[kind].expression_of_a for kind in (SWAP, TRUTH))
        return _between(swap, self.chance_expression, truth)

    @property
    def identity_kept(self) -> float:
        """How much of the person of b stays, on the same scale."""
        swap, truth = (self.scores[kind].identity_of_b for kind in (SWAP, TRUTH))
        return _between(swap, self.chance_identity, truth)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SwapResult":
        """Builds a result from what `to_dict` returned."""
        scores = {kind: _read_scores(rates) for kind, rates in values["scores"].items()}
        if not {SWAP, TRUTH} <= set(scores) <= set(KINDS):
            raise FERError(f"A swap test has scores of {', '.join(KINDS)}. Received: {list(scores)}")
        rest = {item.name: _read(values[item.name]) for item in fields(cls) if item.name != "scores"}
        require_field_types(cls, rest, "A swap test")
        return cls(scores=scores, **rest)

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as plain JSON types; NaN becomes None."""
        summary = {name: getattr(self, name) for name in ("expression_transfer", "identity_kept")}
        scores = {kind: vars(rates) for kind, rates in self.scores.items()}
        rest = {name: value for name, value in vars(self).items() if name != "scores"}
        return plain({**summary, **rest, "scores": scores})


def _read_scores(values: Mapping[str, Any]) -> SwapScores:
    read = {name: _read(value) for name, value in values.items()}
    require_field_types(SwapScores, read, "A swap test")
    return SwapScores(**read)


def _between(value: float, chance: float, ceiling: float) -> float:
    return (value - chance) / (ceiling - chance) if ceiling > chance else float("nan")


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return Interval.from_json(value)
    return float("nan") if value is None else value


def swap_test(
    codec: FaceCodec,
    judge: Judge,
    faces: SyntheticConfig,
    mean_expression: np.ndarray,
    num_pairs: int,
    num_people: int,
    progress: Callable[[int, int], None] | None = None,
) -> SwapResult:
    """Swaps the expressions of pairs of pictures and judges what the decoder makes of it.

    Args:
        codec: the frozen model.
        judge: an oracle that knows the people of `faces`, see `trained_oracle`.
        faces: gives size, difficulty and seed.
        mean_expression: `(width,)`, mean expression representation over pictures of all expressions.
        num_pairs: pairs, at least 1.
        num_people: people that the oracle knows, at least 2.
        progress: called with pairs done and to do.
    """
    pairs = swap_pairs(faces, num_pairs, num_people)
    columns: dict[str, list[dict[str, np.ndarray]]] = {}
    for start in range(0, num_pairs, _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        for kind, judged in _judged_chunk(codec, judge, faces, mean_expression, chunk).items():
            columns.setdefault(kind, []).append(judged)
        if progress is not None:
            progress(start + len(chunk), num_pairs)
    values = {
        kind: {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for kind, parts in columns.items()
    }
    return SwapResult(
        scores={kind: _scores(values[kind]) for kind in (TRUTH, SWAP, MEAN_EXPRESSION, RECONSTRUCTION)},
        chance_expression=1 / len(EXPRESSIONS_8),
        chance_identity=1 / num_people,
        **{name: float(column.mean()) for name, column in values["own"].items()},
        num_pairs=num_pairs,
        num_people=num_people,
    )


def _judged_chunk(
    codec: FaceCodec,
    judge: Judge,
    faces: SyntheticConfig,
    mean_expression: np.ndarray,
    pairs: Sequence[SwapPair],
) -> dict[str, dict[str, np.ndarray]]:
    """Renders, decodes and judges some pairs: an array `(n,)` per kind of picture and score."""
    labels_a = np.array([pair.a.expression.label for pair in pairs])
    labels_b = np.array([pair.b.expression.label for pair in pairs])
    people, scenes_b = np.array([pair.person for pair in pairs]), [pair.b for pair in pairs]
    renders_b = render_together(faces, scenes_b)
    truths = codec.targets(render_together(faces, [pair.truth for pair in pairs]))
    own = codec.targets(renders_b)
    of_a = codec.encode(render_together(faces, [pair.a for pair in pairs]))[EXPRESSION_REPRESENTATION]
    of_b = codec.encode(renders_b)
    held = of_b[NON_EXPRESSION_REPRESENTATION]
    decoded = {
        SWAP: codec.decode(of_a, held),
        MEAN_EXPRESSION: codec.decode(np.tile(mean_expression, (len(held), 1)), held),
        RECONSTRUCTION: codec.decode(of_b[EXPRESSION_REPRESENTATION], held),
    }
    changed = np.abs(truths - own).max(axis=3) > _CHANGED_LEVELS / 127.5
    judged = {}
    for kind, pictures in {TRUTH: truths, **decoded}.items():
        seen = judge(pictures, scenes_b)
        judged[kind] = {
            "expression_of_a": seen.expressions == labels_a,
            "expression_of_b": seen.expressions == labels_b,
            "identity_of_b": seen.people == people,
        }
        if kind != TRUTH:
            judged[kind] |= {
                "psnr_db": psnr_db(pictures, truths),
                "changed_psnr_db": psnr_db(pictures, truths, changed),
                "ssim": ssim(pictures, truths),
            }
    seen = judge(own, scenes_b)
    judged["own"] = {
        "oracle_expression": seen.expressions == labels_b,
        "oracle_identity": seen.people == people,
        "own_psnr_db": psnr_db(decoded[RECONSTRUCTION], own),
        "own_ssim": ssim(decoded[RECONSTRUCTION], own),
    }
    return judged


def _scores(columns: Mapping[str, np.ndarray]) -> SwapScores:
    def share(name: str) -> tuple[float, Interval]:
        hits = columns[name]
        return float(hits.mean()), wilson_interval(int(hits.sum()), len(hits))

    def mean(name: str) -> float:
        known = columns.get(name, np.empty(0))
        known = known[~np.isnan(known)]
        return float(known.mean()) if len(known) else float("nan")

    expression, expression_interval = share("expression_of_a")
    identity, identity_interval = share("identity_of_b")
    return SwapScores(
        expression_of_a=expression,
        expression_of_a_interval=expression_interval,
        expression_of_b=share("expression_of_b")[0],
        identity_of_b=identity,
        identity_of_b_interval=identity_interval,
        psnr_db=mean("psnr_db"),
        changed_psnr_db=mean("changed_psnr_db"),
        ssim=mean("ssim"),
    )
