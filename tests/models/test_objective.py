import json
from dataclasses import fields

import pytest

from keras_fer.errors import FERError
from keras_fer.models.objective import PRESETS, Objective, preset

# Every field of a preset that is not the default; a change here is a change of the published method.
TABLE = {
    "baseline": {},
    "paper": {"adversarial_weight": 0.1},
    "d2ae": {"adversarial_weight": 0.1, "reconstruction_weight": 1.0, "reconstruction_noise": 0.01},
    "accuracy": {
        "adversarial_weight": 0.1,
        "reconstruction_weight": 1.0,
        "adversarial_scope": "branch",
        "reconstruction_route": "branch",
    },
    "disentangle": {
        "adversarial_weight": 0.1,
        "adversarial_mode": "reversal",
        "adversarial_clamp": True,
        "adversarial_scope": "branch",
        "reconstruction_weight": 3.0,
        "reconstruction_route": "branch",
        "num_critics": 3,
        "critic_steps": 5,
        "bank_size": 8192,
        "bank_draws": 256,
        "bank_content": "face_features",
        "decorrelation_weight": 0.1,
    },
    "disentangle_pairs": {
        "adversarial_scope": "branch",
        "reconstruction_route": "branch",
        "invariance_weight": 2.0,
        "swap_reconstruction_weight": 3.0,
        "decorrelation_weight": 0.1,
    },
}


def test_presets_are_those_of_the_table():
    assert set(PRESETS) == set(TABLE)
    defaults = {field.name: field.default for field in fields(Objective)}
    assert defaults["expression_weight"] == 1.0
    assert (defaults["num_critics"], defaults["critic_steps"], defaults["adversarial_mode"]) == (
        1,
        1,
        "uniform",
    )
    for name, changes in TABLE.items():
        assert {**defaults, **changes} == {item: getattr(PRESETS[name], item) for item in defaults}, name


@pytest.mark.parametrize(
    ("name", "critics", "pairs", "decoder", "shapes", "moves"),
    [
        ("baseline", False, False, False, False, False),
        ("paper", True, False, False, True, True),
        ("d2ae", True, False, True, True, True),
        ("accuracy", True, False, True, True, True),
        ("disentangle", True, False, True, True, True),
        ("disentangle_pairs", False, True, True, True, True),
    ],
)
def test_what_a_preset_needs(name, critics, pairs, decoder, shapes, moves):
    objective = preset(name)
    found = (objective.has_critics, objective.needs_pairs, objective.has_decoder)
    assert found == (critics, pairs, decoder)
    assert (objective.shapes_representation, objective.moves_non_expression_branch) == (shapes, moves)


@pytest.mark.parametrize(
    ("weight", "shapes", "moves"),
    [
        ("reconstruction_weight", False, True),
        ("swap_reconstruction_weight", False, True),
        ("adversarial_weight", True, True),
        ("decorrelation_weight", True, True),
        ("cross_covariance_weight", True, True),
        ("invariance_weight", True, True),
        ("view_invariance_weight", False, False),
        ("valence_arousal_weight", False, False),
    ],
)
def test_what_one_term_needs(weight, shapes, moves):
    objective = Objective(**{weight: 0.5})
    assert (objective.shapes_representation, objective.moves_non_expression_branch) == (shapes, moves)


def test_only_view_invariance_needs_views():
    assert Objective(view_invariance_weight=0.1).needs_views
    assert not Objective(view_invariance_weight=0.1).needs_pairs
    assert not any(objective.needs_views for objective in PRESETS.values())


@pytest.mark.parametrize("name", PRESETS)
def test_json_round_trip(name):
    objective = preset(name, class_weights=[1, 2.5, 0], class_prior=(0.5, 0.25, 0.25))
    assert Objective.from_dict(json.loads(json.dumps(objective.to_dict()))) == objective


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"adversarial_mode": "gan"},
            r"`adversarial_mode` must be one of .*Received: adversarial_mode='gan'",
        ),
        ({"adversarial_scope": "all"}, r"`adversarial_scope` must be one of \('trunk', 'branch'\)"),
        ({"reconstruction_route": "trunk"}, r"`reconstruction_route` must be one of \('all', 'branch'\)"),
        ({"bank_content": "images"}, r"`bank_content` must be one of .*Received: bank_content='images'"),
        ({"bank_content": "face_features", "bank_draws": 1}, r"`bank_draws` must be at least 2\. Received"),
        ({"expression_weight": -0.1}, r"`expression_weight` must be finite and not negative.*-0\.1"),
        ({"reconstruction_weight": float("nan")}, "finite and not negative"),
        ({"adversarial_weight": float("inf")}, "finite and not negative"),
        ({"bank_size": -1}, "`bank_size` must be finite and not negative"),
        ({"num_critics": 0}, "`num_critics` must be at least 1"),
        ({"critic_steps": 0}, "`critic_steps` must be at least 1"),
        ({"bank_draws": 0}, "`bank_draws` must be at least 1"),
        (
            {"class_weights": (1, -1)},
            r"`class_weights` must be finite and not negative.*class_weights=\(1.0, -1",
        ),
        ({"class_weights": (1, float("nan"))}, "`class_weights` must be finite"),
        ({"class_weights": (0, 0)}, "`class_weights` must be .* not all 0"),
        ({"class_prior": ()}, "`class_prior` must be .* not all 0"),
        ({"class_prior": (0.5, 0.6)}, r"`class_prior` must sum to 1\. Received: class_prior=\(0\.5, 0\.6\)"),
        ({"label_smoothing": 1.0}, r"`label_smoothing` must be below 1\. Received: 1\.0"),
    ],
)
def test_values_that_are_refused(changes, message):
    with pytest.raises(FERError, match=message):
        Objective(**changes)


@pytest.mark.parametrize("name", ["class_weights", "class_prior"])
def test_one_value_per_class(name):
    objective = Objective(**{name: (0.5, 0.25, 0.25)})
    objective.require_classes(3)
    Objective().require_classes(3)
    for num_classes in (2, 4):
        with pytest.raises(
            FERError, match=f"`{name}` must hold one value for each of the {num_classes} cl.*3 v"
        ):
            objective.require_classes(num_classes)


def test_names_that_are_refused():
    with pytest.raises(FERError, match=r"no preset 'best'\. There are: baseline, paper, d2ae, accuracy"):
        preset("best")
    with pytest.raises(FERError, match=r"no fields \['beta1'\]"):
        Objective.from_dict({"beta1": 1})
