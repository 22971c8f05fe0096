import json

from keras_fer.training.ablation_settings import differing, settings_hash, sharing
from keras_fer.training.config import INPUT_PATHS


def test_runs_that_differ_by_erasing_alone_share_a_training(make_ablation):
    groups = [[run.name for run in group] for group in sharing(make_ablation().runs())]
    assert groups == [
        ["plain-seed0", "erased-seed0"],
        ["pulled-seed0"],
        ["plain-seed3", "erased-seed3"],
        ["pulled-seed3"],
    ]
    variants = {"erased": {"erase": True}, "plain": {}}
    assert [run.variant for run in next(sharing(make_ablation(variants=variants).runs()))] == [
        "plain",
        "erased",
    ]


def test_settings_hold_what_a_result_depends_on_and_nothing_else(make_ablation):
    def settings(**changes):
        return make_ablation(**changes).runs()[1].settings(lambda path: f"content of {path.split('/')[-1]}")

    plain = settings()
    assert plain["dataset"] == "content of faces"
    assert settings(dataset="elsewhere/faces") == plain
    assert settings(seeds=[0], description="x", expected="y") == plain
    assert plain["objective"]["adversarial_weight"] == 0.1
    for change in (
        {"dataset": "others"},
        {"base": {"epochs": 2, "decorrelation_weight": 0.2}},
        {"base": {"epochs": 2, "decorrelation_weight": 0.1, "batch_size": 16}},
        {"base": {"epochs": 2, "decorrelation_weight": 0.1, "weights": "run"}},
        {"probe": {"seeds": [0]}},
        {"seeds": [1]},
    ):
        assert settings_hash(settings(**change)) != settings_hash(plain)
    base = {"mixed_dataset": "a/b", "weights": "c/d", "teachers": ["e/f", "g"], "decorrelation_weight": 0.1}
    assert [settings(base=base)[name] for name in INPUT_PATHS] == [
        "content of faces",
        "content of b",
        "content of d",
        ["content of f", "content of g"],
    ]
    other_way_round = dict(reversed(plain.items()))
    assert settings_hash(other_way_round) == settings_hash(plain)


def test_differences_are_named(make_ablation):
    stored = make_ablation().runs()[1].settings()
    assert differing(stored, stored) == []
    assert differing(json.loads(json.dumps(stored)), stored) == []
    changed = make_ablation(
        base={"epochs": 9, "decorrelation_weight": 0.2},
        variants={"plain": {"preset": "baseline"}, "pulled": {"preset": "paper", "num_critics": 2}},
        probe={"seeds": [1]},
    )
    assert differing(stored, changed.runs()[1].settings()) == [
        "epochs: 3 there, 9 here",
        "probe.seeds: [0, 1, 2] there, [1] here",
        "decorrelation_weight: 0.1 there, 0.2 here",
    ]


def test_a_field_that_came_later_counts_as_its_default(make_ablation):
    settings = make_ablation().runs()[0].settings()
    stored = {**settings, "objective": dict(settings["objective"])}
    del stored["gradient_clip"], stored["objective"]["label_smoothing"]
    assert differing(stored, settings) == []
    assert settings_hash(stored) == settings_hash(settings)
    changed = make_ablation(base={"epochs": 2, "decorrelation_weight": 0.1, "gradient_clip": 1.0})
    assert differing(stored, changed.runs()[0].settings()) == ["gradient_clip: 0.0 there, 1.0 here"]


def test_settings_hold_what_the_weights_depend_on(make_ablation):
    def settings(epochs):
        variants = {"plain": {"preset": "baseline", "epochs": epochs}, "more": {"weights_of": "plain"}}
        return make_ablation(variants=variants).runs()[1].settings(lambda path: f"content of {path}")

    assert settings_hash(settings(2)) == settings_hash(settings(2))
    assert settings_hash(settings(2)) != settings_hash(settings(3))
