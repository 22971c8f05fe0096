from dataclasses import fields

import pytest

from keras_fer.cli.idle_options import _IDLE, require_no_idle_options
from keras_fer.errors import FERError
from keras_fer.models.objective import Objective
from keras_fer.training.config import TrainingConfig


def config(**values):
    return TrainingConfig("data", "run", **{"preset": "baseline", **values})


@pytest.mark.parametrize(
    ("name", "partner"),
    [
        ("mixed_share", {"mixed_dataset": "pairs"}),
        ("mixed_expression_weight", {"mixed_dataset": "pairs"}),
        ("teacher_share", {"teachers": ["run"]}),
        ("teacher_temperature", {"teachers": ["run"]}),
        ("temperature", {"sampling": "tempered"}),
        ("critic_steps", {"preset": "disentangle"}),
        ("num_critics", {"objective_changes": {"adversarial_weight": 0.1}}),
        ("critic_learning_rate", {"preset": "paper"}),
        ("adversarial_scope", {"preset": "paper"}),
        ("adversarial_scope", {"objective_changes": {"decorrelation_weight": 0.1}}),
        ("adversarial_scope", {"objective_changes": {"cross_covariance_weight": 0.1}}),
        ("adversarial_scope", {"preset": "disentangle_pairs"}),
        ("reconstruction_noise", {"preset": "d2ae"}),
        ("reconstruction_route", {"preset": "accuracy"}),
        ("reconstruction_route", {"preset": "disentangle_pairs"}),
    ],
)
def test_an_option_without_its_partner_is_refused(name, partner):
    with pytest.raises(FERError, match=f"^`{name}` would change nothing without"):
        require_no_idle_options(["epochs", name], config())
    require_no_idle_options(["epochs", name], config(**partner))


def test_the_content_of_no_bank_is_refused():
    with pytest.raises(FERError, match="`bank_content` would change nothing without a `bank_size`"):
        require_no_idle_options(["bank_content"], config(preset="paper"))
    require_no_idle_options(["bank_content"], config(preset="disentangle"))


@pytest.mark.parametrize(
    ("name", "idle", "partner"),
    [
        ("sampling", {}, {"mixed_dataset": "photos"}),
        ("temperature", {"sampling": "tempered"}, {"sampling": "tempered", "mixed_dataset": "photos"}),
        ("sampling", {}, {"mixed_dataset": "pairs", "objective_changes": {"view_invariance_weight": 1.0}}),
        ("sampling", {}, {"preset": "disentangle"}),
        ("reconstruction_noise", {}, {"objective_changes": {"reconstruction_weight": 1.0}}),
    ],
)
def test_what_exact_pairs_leave_idle_is_refused(name, idle, partner):
    with pytest.raises(FERError, match=f"^`{name}` would change nothing without"):
        require_no_idle_options([name], config(**{"preset": "disentangle_pairs", **idle}))
    require_no_idle_options([name], config(**{"preset": "disentangle_pairs", **partner}))


@pytest.mark.parametrize("mode", ["uniform", "entropy"])
def test_the_clamp_is_for_reversal(mode):
    with pytest.raises(
        FERError, match=r"^`adversarial_clamp` would .+ without `adversarial_mode` reversal\."
    ):
        require_no_idle_options(
            ["adversarial_clamp"], config(preset="paper", objective_changes={"adversarial_mode": mode})
        )
    require_no_idle_options(["adversarial_clamp"], config(preset="disentangle"))


def test_a_frozen_classifier_has_no_patience():
    frozen = config(preset="disentangle", weights="run", freeze_expression=True)
    with pytest.raises(FERError, match=r"^`patience` would change nothing without a classifier that learns"):
        require_no_idle_options(["patience"], frozen)
    require_no_idle_options(["patience"], config())


def test_several_are_named_together():
    with pytest.raises(FERError, match="`num_critics` and `bank_size` would change nothing without critics"):
        require_no_idle_options(["num_critics", "bank_size"], config())


def test_all_are_fields():
    known = {field.name for kind in (TrainingConfig, Objective) for field in fields(kind)}
    assert {name for idle in _IDLE for name in idle.fields} <= known
