"""What an ablation comes to: mean and spread over seeds, and paired differences to the baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_fer.evaluation.paired import RULE, paired_difference
from keras_fer.training.ablation_config import AblationConfig


@dataclass(frozen=True)
class Metric:
    """One column of the summary.

    Args:
        title: for people.
        scale: 100 for shares that are shown in per cent.
        digits: after the point.
        compared: whether it is compared with the baseline.
        span: smallest range of an axis of it, in the numbers that are shown.
    """

    title: str
    scale: float = 1.0
    digits: int = 3
    compared: bool = True
    span: float = 0.1


# The accuracy of a critic that was trained with the encoder is no evidence, and no metric.
METRICS = {
    "accuracy": Metric("Accuracy, %", 100, 1, span=5),
    "balanced_accuracy": Metric("Balanced accuracy, %", 100, 1, span=5),
    "linear_probe": Metric("Linear probe, %", 100, 1, span=5),
    "mlp_probe": Metric("MLP probe, %", 100, 1, span=5),
    "leakage": Metric("Leakage"),
    "effective_rank": Metric("Effective rank", 1, 1),
    "retention": Metric("Retention"),
    "utility": Metric("Utility"),
    "nuisance_leakage": Metric("Nuisance leakage"),
    "seconds": Metric("Training, s", 1, 0, compared=False),
}
LEGEND = {
    "accuracy": "of the expression, on images that training did not see",
    "balanced_accuracy": "the mean recall of the expressions there",
    "linear_probe": "balanced accuracy of a fresh linear probe of the expression on the non-expression "
    "representation",
    "mlp_probe": "the same of a fresh MLP",
    "leakage": "the stronger of the two probes, 0 at chance and 1 where it knows all",
    "effective_rank": "directions that the non-expression representation uses; low leakage at a low rank "
    "is collapse",
    "retention": "what fresh probes find of the expression in the expression representation, as leakage",
    "utility": "what fresh probes find of the other factors in the non-expression representation, their mean",
    "nuisance_leakage": "what they find of the other factors in the expression representation",
    "seconds": "wall-clock time of training, and of erasing where a variant does",
}


def summarize_ablation(config: AblationConfig, results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Sums up results.

    Args:
        config: of the ablation.
        results: by name of the run, as `AblationFolder.results` returns them; runs without one are left
            out and counted.

    Returns:
        JSON types. Each variant has the `width` of its non-expression representation, None while no run of
        it is finished, and whether any term moves that branch. `metrics` of each variant hold `values` by
        seed, `mean` and `sd` (ddof 1, None for a single seed); `differences` hold what
        `PairedDifference.to_dict` returns, over the seeds that both have; the baseline has none.
    """
    runs = config.runs()
    scores: dict[str, dict[int, Mapping[str, float]]] = {variant.name: {} for variant in config.variants}
    widths: dict[str, int | None] = dict.fromkeys(scores)
    moves = {run.variant: run.config.objective().moves_non_expression_branch for run in runs}
    for run in runs:
        if run.name in results:
            scores[run.variant][run.config.seed] = results[run.name]["metrics"]
            widths[run.variant] = results[run.name]["width"]
    any_result = next(iter(results.values()))
    names = [
        name for name in METRICS if any(name in found for of in scores.values() for found in of.values())
    ]
    return {
        "description": config.description,
        "dataset": config.dataset,
        "baseline": config.baseline,
        "seeds": list(config.seeds),
        "expected": dict(config.expected),
        "num_runs": len(runs),
        "num_finished": len(results),
        "unfinished": [run.name for run in runs if run.name not in results],
        "chance": any_result["chance"],
        "split": any_result["split"],
        "num_images": any_result["num_images"],
        "metrics": names,
        "variants": [
            {
                "name": variant.name,
                "erase": variant.erase,
                **variant.source(),
                "training": dict(variant.training),
                "moves_non_expression_branch": moves[variant.name],
                "width": widths[variant.name],
                "metrics": {
                    name: _spread({seed: found[name] for seed, found in own.items() if name in found})
                    for name in names
                },
                "differences": {}
                if variant.name == config.baseline
                else {
                    name: _difference(own, scores[config.baseline], name)
                    for name in names
                    if METRICS[name].compared
                },
            }
            for variant in config.variants
            for own in [scores[variant.name]]
        ],
        "rule": RULE,
    }


def _spread(values: Mapping[int, float]) -> dict[str, Any]:
    numbers = list(values.values())
    return {
        "values": {str(seed): value for seed, value in values.items()},
        "mean": float(np.mean(numbers)) if numbers else None,
        "sd": float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None,
    }


def _difference(
    own: Mapping[int, Mapping[str, float]], baseline: Mapping[int, Mapping[str, float]], name: str
) -> dict[str, Any]:
    seeds = [seed for seed in own if name in own[seed] and name in baseline.get(seed, {})]
    pairs = [[of[seed][name] for seed in seeds] for of in (own, baseline)]
    return paired_difference(*pairs).to_dict()
