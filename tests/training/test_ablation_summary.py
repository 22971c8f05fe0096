import json

import pytest

from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_summary import LEGEND, METRICS, summarize_ablation

BASE = {"accuracy": 0.5, "leakage": 0.4, "seconds": 10.0}


def config(seeds=(0, 1, 2)):
    return AblationConfig.from_dict(
        {
            "dataset": "faces",
            "description": "What helps?",
            "seeds": list(seeds),
            "base": {"preset": "baseline"},
            "variants": {"plain": {}, "better": {"epochs": 20}, "unfinished": {"epochs": 30}},
            "expected": {"cost": "an hour"},
        }
    )


def results(scores):
    """Scores by name of the run to results."""
    facts = {"chance": 0.125, "width": 64, "split": "test", "num_images": 100}
    return {name: {"metrics": {**BASE, **metrics}, **facts} for name, metrics in scores.items()}


@pytest.fixture(scope="module")
def summary():
    return summarize_ablation(
        config(),
        results(
            {
                "plain-seed0": {"accuracy": 0.50},
                "plain-seed1": {"accuracy": 0.54},
                "plain-seed2": {"accuracy": 0.58},
                "better-seed0": {"accuracy": 0.61, "leakage": 0.3},
                "better-seed1": {"accuracy": 0.66, "leakage": 0.4},
                "better-seed2": {"accuracy": 0.69, "leakage": 0.5},
                "unfinished-seed1": {"accuracy": 0.44},
            }
        ),
    )


def test_mean_and_deviation_by_hand(summary):
    plain, better, unfinished = summary["variants"]
    assert plain["metrics"]["accuracy"]["mean"] == pytest.approx(0.54)
    assert plain["metrics"]["accuracy"]["sd"] == pytest.approx(0.04)  # ddof 1
    assert plain["metrics"]["accuracy"]["values"] == {"0": 0.5, "1": 0.54, "2": 0.58}
    assert better["metrics"]["leakage"]["sd"] == pytest.approx(0.1)
    assert unfinished["metrics"]["accuracy"] == {"values": {"1": 0.44}, "mean": 0.44, "sd": None}


def test_differences_are_paired_by_seed(summary):
    plain, better, unfinished = summary["variants"]
    assert plain["differences"] == {}
    # 0.11, 0.12, 0.11: the seeds differ by more than that.
    accuracy = better["differences"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(0.34 / 3)
    assert (accuracy["verdict"], accuracy["num_pairs"]) == ("higher", 3)
    assert better["differences"]["leakage"]["verdict"] == "not distinguishable"
    assert unfinished["differences"]["accuracy"]["mean"] == pytest.approx(-0.1)
    assert unfinished["differences"]["accuracy"]["num_pairs"] == 1
    assert "seconds" not in better["differences"]


def test_what_is_missing_is_counted(summary):
    assert (summary["num_runs"], summary["num_finished"]) == (9, 7)
    assert summary["unfinished"] == ["unfinished-seed0", "unfinished-seed2"]
    assert summary["metrics"] == ["accuracy", "leakage", "seconds"]
    assert (summary["baseline"], summary["chance"]) == ("plain", 0.125)
    assert [variant["width"] for variant in summary["variants"]] == [64, 64, 64]
    json.dumps(summary, allow_nan=False)


def test_a_baseline_without_results_leaves_nothing_to_compare():
    summary = summarize_ablation(config([0]), results({"better-seed0": {}}))
    assert summary["variants"][0]["metrics"]["accuracy"] == {"values": {}, "mean": None, "sd": None}
    difference = summary["variants"][1]["differences"]["accuracy"]
    assert (difference["mean"], difference["verdict"]) == (None, "not distinguishable")
    assert [variant["width"] for variant in summary["variants"]] == [None, 64, None]


def test_a_variant_says_where_it_starts_and_whether_its_branch_learns():
    variants = {"plain": {}, "more": {"preset": "paper", "weights_of": "plain"}}
    made = AblationConfig.from_dict(
        {"dataset": "faces", "seeds": [0], "base": {"preset": "baseline"}, "variants": variants}
    )
    plain, more = summarize_ablation(made, results({"plain-seed0": {}}))["variants"]
    assert "weights_of" not in plain
    assert more["weights_of"] == "plain"
    assert [row["moves_non_expression_branch"] for row in (plain, more)] == [False, True]


def test_no_number_of_a_critic_is_a_metric():
    assert list(LEGEND) == list(METRICS)
    assert not any("critic" in text.lower() for name in METRICS for text in (name, METRICS[name].title))
