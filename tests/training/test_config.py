import json
import subprocess
import sys

import pytest

from keras_fer.errors import FERError
from keras_fer.models.objective import Objective, preset
from keras_fer.training.config import TrainingConfig


def config(**changes):
    return TrainingConfig(dataset="faces", output="run", **changes)


def test_json_round_trip():
    original = config(
        preset="disentangle", objective_changes={"num_critics": 2, "class_weights": [1, 2]}, steps_per_epoch=7
    )
    again = TrainingConfig.from_dict(json.loads(json.dumps(original.to_dict())))
    assert again == original
    assert again.objective() == preset("disentangle", num_critics=2, class_weights=(1, 2))


def test_objective_by_default_is_the_paper():
    assert config().objective() == preset("paper")
    assert isinstance(config(preset="baseline").objective(), Objective)


@pytest.mark.parametrize("batch_size", [-2, 0, 1, 7])
def test_batch_size_is_even(batch_size):
    with pytest.raises(FERError, match=f"`batch_size` must be even, 2 or more: .*batch_size={batch_size}"):
        config(batch_size=batch_size)


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("epochs", 0, "at least 1"),
        ("steps_per_epoch", 0, "at least 1"),
        ("representation_size", 0, "at least 1"),
        ("non_expression_size", 0, "at least 1"),
        ("non_expression_hidden_size", 0, "at least 1"),
        ("probe_every", 0, "at least 1"),
        ("workers", 0, "at least 1"),
        ("learning_rate", 0.0, "finite and above 0"),
        ("learning_rate", float("nan"), "finite and above 0"),
        ("learning_rate", float("inf"), "finite and above 0"),
        ("critic_learning_rate", -1.0, "finite and above 0"),
        ("image_size", 0, "from 16 to 512"),
        ("temperature", 3.0, "from 0 to 1"),
        ("seed", -1, "from 0 to 4294967295"),
        ("seed", 2**32, "from 0 to 4294967295"),
        ("weight_decay", -0.1, "finite and at least 0"),
        ("gradient_clip", -1.0, "finite and at least 0"),
        ("weight_decay", float("inf"), "finite and at least 0"),
        ("warmup_share", 1.0, "from 0 to below 1"),
        ("ema_momentum", 1.0, "from 0 to below 1"),
        ("dropout", 1.0, "from 0 to below 1"),
        ("patience", 0, "at least 1"),
        ("pooling", "max", "one of average, flatten"),
        ("sampling", "random", "one of natural, balanced, tempered"),
        ("precision", "float16", "one of float32, mixed_float16, mixed_bfloat16"),
        ("backbone", "vgg", "one of residual_small, .*plain_small, .*efficientnet_v2_b0"),
        ("augmentation", "wild", "one of none, light, standard, strong"),
        ("validation_split", "train", "one of validation, test"),
        ("mixed_dataset", 3, "a folder"),
        ("mixed_share", 0.0, "above 0 and below 1"),
        ("mixed_share", 1.0, "above 0 and below 1"),
        ("mixed_expression_weight", -1.0, "finite and at least 0"),
        ("mixed_expression_weight", float("nan"), "finite and at least 0"),
        ("teachers", "run", "a list of runs and files"),
        ("teacher_share", 0.0, "above 0 and at most 1"),
        ("teacher_temperature", 0.0, "finite and above 0"),
        ("block_rows", -1, "finite and at least 0"),
        ("mixup_alpha", -0.1, "finite and at least 0"),
        ("mixup_alpha", float("inf"), "finite and at least 0"),
    ],
)
def test_values_that_are_refused(field, value, wanted):
    with pytest.raises(FERError, match=rf"`{field}` must be {wanted}\. Received: {field}="):
        config(**{field: value})


def test_objectives_that_are_refused():
    with pytest.raises(FERError, match="no preset 'best'"):
        config(preset="best")
    with pytest.raises(FERError, match=r"no fields \['beta1'\]"):
        config(objective_changes={"beta1": 1})
    with pytest.raises(FERError, match="`adversarial_mode` must be one of"):
        config(objective_changes={"adversarial_mode": "gan"})
    with pytest.raises(FERError, match=r"no fields \['optimizer'\]"):
        TrainingConfig.from_dict({"dataset": "faces", "output": "run", "optimizer": "lion"})


@pytest.mark.parametrize(
    ("batch_size", "share", "rows"), [(32, 0.5, 16), (32, 0.1, 4), (32, 0.95, 30), (8, 0.4, 4), (6, 0.3, 2)]
)
def test_rows_of_the_mixed_data_set_are_even(batch_size, share, rows):
    options = {"batch_size": batch_size, "mixed_share": share}
    assert config(mixed_dataset="pairs", **options).mixed_rows == rows
    assert config(**options).mixed_rows == 0


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_a_share_without_a_pair_is_refused(share):
    with pytest.raises(FERError, match=rf"`mixed_share` of {share} is (0|32) of the 32 rows of a batch"):
        config(mixed_dataset="pairs", mixed_share=share)
    config(mixed_share=share)


def test_factors():
    settings = config(factors=["expression", "yaw"], preset="disentangle")
    assert settings.factors == ("expression", "yaw")
    assert TrainingConfig.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert config().factors is None
    config(factors=["expression"], objective_changes={"expression_weight": 2, "label_smoothing": 0.1})


@pytest.mark.parametrize("names", ["expression", [], ["yaw"], ["expression", "yaw", "yaw"]])
def test_factors_that_are_refused(names):
    with pytest.raises(FERError, match="`factors` are names, each once, and 'expression' is one of them"):
        config(factors=names)


def test_an_objective_that_has_no_place_beside_several_factors():
    with pytest.raises(FERError, match="cannot set invariance_weight, swap_reconstruction_weight"):
        config(factors=["expression", "yaw"], preset="disentangle_pairs")


def test_two_equal_views_are_refused():
    changes = {"view_invariance_weight": 1.0}
    assert config(objective_changes=changes).objective().needs_views
    with pytest.raises(FERError, match="Choose another `augmentation` than 'none'"):
        config(objective_changes=changes, augmentation="none")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"preset": "disentangle_pairs"}, "exact pairs"),
        ({"objective_changes": {"view_invariance_weight": 1.0}}, "two views of each image"),
        ({"factors": ("expression", "yaw"), "mixed_dataset": "pairs"}, "`factors` and a `mixed_dataset`"),
    ],
)
def test_mixup_takes_single_images_of_one_data_set(settings, named):
    config(**settings)
    with pytest.raises(FERError, match=f"cannot go with {named}. Set it to 0"):
        config(mixup_alpha=0.2, **settings)


def test_nothing_heavy_is_imported():
    code = "import sys, keras_fer.training.config; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"devices": "gpu"}, "Received: devices='gpu'"),
        ({"devices": 2, "jit_compile": True}, "`jit_compile` goes with one device"),
        ({"devices": 2, "precision": "mixed_float16"}, "choose 'mixed_bfloat16', or set `devices` to 1"),
        ({"devices": 2, "gradient_clip": 1.0}, "`gradient_clip` bounds the whole gradient"),
        ({"devices": 3, "batch_size": 32}, "set `batch_size` to a multiple of 6, or set `devices` to 1"),
        ({"devices": "cpu:4", "batch_size": 12}, "set `batch_size` to a multiple of 8"),
        (
            {"devices": 2, "preset": "disentangle", "objective_changes": {"bank_draws": 7}},
            "set `bank_draws` to a multiple of 2",
        ),
    ],
)
def test_what_devices_cannot_share(changes, message):
    with pytest.raises(FERError, match=message):
        config(**changes)


def test_devices_are_words_in_the_file():
    assert config(devices=2).to_dict()["devices"] == "2"
    assert config(devices="cpu:2").num_devices == 2
    assert config().num_devices == 1


def test_images_are_augmented_beside_a_step_that_cannot():
    assert not config().augments_in_pipeline
    assert config(jit_compile=True).augments_in_pipeline
    assert config(devices=2).augments_in_pipeline


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sampling": "balanced"}, "'balanced' sampling"),
        ({"sampling": "tempered"}, "'tempered' sampling"),
        ({"preset": "disentangle_pairs"}, "the exact pairs of the preset 'disentangle_pairs'"),
    ],
)
def test_blocks_go_with_natural_sampling_alone(changes, named):
    with pytest.raises(FERError, match=f"`block_rows` takes rows as they lie .* cannot go with {named}"):
        config(block_rows=256, **changes)
    config(**changes)
    config(block_rows=256, mixed_dataset="other", objective_changes={"view_invariance_weight": 1.0})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mixed_dataset": "other"}, "a `mixed_dataset`"),
        ({"mixup_alpha": 0.2}, "`mixup_alpha`"),
        ({"jit_compile": True}, "`jit_compile`"),
        ({"devices": "cpu:2"}, "several devices"),
        ({"block_rows": 8, "mixup_alpha": 0.2}, "`mixup_alpha` and `block_rows`"),
    ],
)
def test_what_needs_the_images_before_the_step_cannot_go_with_the_cache(changes, named):
    with pytest.raises(FERError, match=f"`cache_on_device` .* cannot go with {named}. Leave it out."):
        config(cache_on_device=True, **changes)
    config(**changes)
    config(cache_on_device=True, preset="disentangle_pairs")
