import pytest

from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_summary import METRICS, summarize_ablation
from keras_fer.training.ablation_text import (
    difference_text,
    facts,
    markdown,
    p_text,
    scores_text,
    settings_text,
    signed_number,
    spread_text,
    untouched,
)


@pytest.fixture
def summary():
    config = AblationConfig.from_dict(
        {
            "dataset": "faces",
            "seeds": [0, 1],
            "variants": {"plain": {"preset": "baseline"}, "a=1": {"epochs": 3}},
            "expected": {"cost": "an hour"},
        }
    )
    scores = {
        "plain-seed0": [0.50, 0.30, 0.40, 0.314, 20.0],
        "plain-seed1": [0.54, 0.32, 0.38, 0.291, 22.0],
        "a=1-seed0": [0.60, 0.20, 0.21, 0.097, 31.0],
    }
    names = ("accuracy", "linear_probe", "mlp_probe", "leakage", "effective_rank")
    results = {
        name: {
            "metrics": dict(zip(names, values, strict=True)),
            "chance": 0.125,
            "width": 32 if name.startswith("a=1") else 64,
            "split": "test",
            "num_images": 3199,
        }
        for name, values in scores.items()
    }
    return summarize_ablation(config, results)


def test_markdown(summary):
    lines = markdown(summary).splitlines()
    assert lines[0] == "# Ablation"
    table = lines.index("## Scores") + 2
    assert lines[table : table + 4] == [
        "| variant | Accuracy, % | Linear probe, % | MLP probe, % | Leakage | Effective rank |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| plain | 52.0 ± 2.8 | 31.0 ± 1.4 | 39.0 ± 1.4 | 0.302 ± 0.016 | 21.0 ± 1.4 |",
        "| a=1 | 60.0 | 20.0 | 21.0 | 0.097 | 31.0 |",
    ]
    table = lines.index("## Differences to plain") + 2
    assert lines[table + 2].startswith("| a=1 | +10.0: not distinguishable | -10.0: not distinguishable |")
    assert summary["rule"] in lines
    assert "- cost: an hour" in lines


def test_a_branch_that_nothing_moves_is_named(summary):
    sentence = "no term moves the non-expression branch, so its probes read a branch as it was initialised."
    lines = markdown(summary).splitlines()
    assert lines[lines.index("## Differences to plain") - 2] == f"plain: {sentence}"
    plain, other = summary["variants"]
    both = {**summary, "variants": [plain, {**other, "moves_non_expression_branch": False}]}
    assert untouched(both) == f"plain, a=1: {sentence.replace('its', 'their')}"
    assert untouched({**summary, "variants": [other]}) is None


def test_settings_are_those_of_the_file(summary):
    lines = markdown(summary).splitlines()
    assert lines[lines.index("## Settings") + 2 :] == ["- plain: preset=baseline", "- a=1: epochs=3"]
    variant = {"training": {"epochs": 3, "objective_changes": {"num_critics": 2}}, "weights_of": "plain"}
    assert settings_text({**variant, "erase": False}) == "epochs=3, num_critics=2, weights_of=plain"
    assert settings_text({"training": {}, "erase": True}) == "erase=True"
    assert settings_text({"training": {}, "erase": False}) == "all defaults"


def test_a_single_variant_has_no_differences(summary):
    alone = {**summary, "variants": summary["variants"][:1], "description": "Why?"}
    assert "Differences" not in markdown(alone)
    assert markdown(alone).startswith("# Why?\n")


def test_facts_say_what_was_judged_and_what_is_missing(summary):
    assert facts(summary) == [
        "3 of 4 runs are finished: 2 variants, 2 seeds. Numbers are mean ± standard deviation over seeds.",
        "Judged on 3,199 images of the test split of faces; chance is 12.5% for both probes; the "
        "representation has 32 or 64 dimensions.",
        "Without a result: a=1-seed1.",
    ]
    assert "1 seed." in facts({**summary, "seeds": [0]})[0]


def test_the_table_for_a_terminal_is_aligned(summary):
    lines = scores_text(summary).splitlines()
    words = "plain 52.0 ± 2.8 31.0 ± 1.4 39.0 ± 1.4 0.302 ± 0.016 21.0 ± 1.4"
    assert " ".join(lines[1].split()) == words
    assert len({len(line) for line in lines}) == 1


def test_numbers_for_people():
    accuracy, leakage = METRICS["accuracy"], METRICS["leakage"]
    assert spread_text({"mean": None, "sd": None}, accuracy) == "–"
    assert signed_number(-0.0004, accuracy) == "+0.0"  # No "-0.0".
    assert signed_number(-0.0123, accuracy) == "-1.2"
    difference = {"mean": -0.2, "interval": [-0.25, -0.15], "p_value": 0.0123, "verdict": "lower"}
    assert difference_text(difference, leakage) == "-0.200 (-0.250 to -0.150), p = 0.012: lower"
    assert difference_text({**difference, "mean": None}, leakage) == "–"
    assert (p_text(0.0004), p_text(0.5)) == ("< 0.001", "= 0.500")


def test_names_cannot_break_the_table(summary):
    summary["variants"][1]["name"] = "a|b"
    assert r"| a\|b | 60.0 |" in markdown(summary)
