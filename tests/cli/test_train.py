import json

import numpy as np
import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.prepare import prepare_synthetic
from keras_fer.export.deploy import deploy_model
from keras_fer.models.loading import load_model


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "faces"
    prepare_synthetic(SyntheticConfig(num_images=256, image_size=32, difficulty="easy", pairs=True), folder)
    return folder


def keras_fer(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


SMALL = ("--backbone", "plain_small", "--epochs", "1", "--batch-size", "16", "--no-progress")


def test_train_leaves_a_run_that_config_repeats(faces, tmp_path):
    run = tmp_path / "run"
    changes = ("--critic-steps", 2, "--no-adversarial-clamp", "--adversarial-ramp-steps", 3)
    changes = (*changes, "--class-weights", "balanced")
    result = keras_fer("train", faces, run, *SMALL, "--preset", "disentangle", *changes)
    assert result.exit_code == 0, result.output
    assert "The best epoch was 1" in result.output
    assert "of the test split" in result.output
    assert (run / "report.html").is_file()
    stored = json.loads((run / "config.json").read_text())
    assert stored["objective"]["critic_steps"] == 2
    assert stored["objective"]["num_critics"] == 3
    assert stored["objective"]["adversarial_clamp"] is False
    assert stored["objective"]["adversarial_ramp_steps"] == 3
    assert len(stored["objective"]["class_weights"]) == 8
    result = keras_fer("train", faces, tmp_path / "again", "--config", run / "config.json", "--seed", 1)
    assert result.exit_code == 0, result.output
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    different = {name for name in stored if stored[name] != again[name]}
    assert different == {"output", "seed"}


@pytest.fixture(scope="module")
def gray(tmp_path_factory):
    """Real images as FER+ stores them: 48 pixels, gray, votes, no pairs; other names and order of labels."""
    folder = tmp_path_factory.mktemp("prepared") / "gray"
    generator, count = np.random.default_rng(0), 96
    votes = generator.dirichlet(np.ones(3), count).astype(np.float32)
    with PreparedWriter(
        folder, source="gray", label_names=("happiness", "anger", "neutral"), image_shape=(48, 48, 1)
    ) as writer:
        writer.append(
            generator.integers(0, 256, (count, 48, 48, 1), np.uint8),
            labels=votes.argmax(axis=1),
            splits=np.repeat([0, 1, 2], count // 3),
            sources=[f"{row}.png" for row in range(count)],
            soft_labels=votes,
        )
        writer.finish()
    return folder


@pytest.mark.filterwarnings("ignore:The non-expression representation is collapsing")
def test_gray_images_with_votes_and_colour_faces_with_pairs(gray, tmp_path):
    pairs = tmp_path / "pairs"
    prepare_synthetic(SyntheticConfig(num_images=64, difficulty="easy", pairs=True), pairs)
    result = keras_fer("train", gray, tmp_path / "run", *SMALL, "--preset", "disentangle_pairs")
    assert result.exit_code == 1
    assert "or as --mixed-dataset" in result.output
    mixed = ("--mixed-dataset", pairs, "--mixed-share", 0.4, "--mixed-expression-weight", 0)
    options = ("--preset", "disentangle_pairs", "--view-invariance-weight", 0.5, "--steps-per-epoch", 3)
    result = keras_fer("train", gray, tmp_path / "run", *SMALL, *mixed, *options)
    assert result.exit_code == 0, result.output
    assert "Accuracy on 32 images of the test split" in result.output
    stored = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (stored["mixed_share"], stored["mixed_expression_weight"]) == (0.4, 0.0)
    assert stored["mixed_dataset_hash"] == open_prepared(pairs).content_hash
    contract = json.loads((tmp_path / "run" / "contract.json").read_text())
    assert contract["label_names"] == ["happiness", "anger", "neutral"]
    assert contract["image_size"] == 48


@pytest.mark.filterwarnings("ignore:The non-expression representation is collapsing")
def test_several_factors_from_training_to_probes(gray, tmp_path):
    """Photos with votes alone beside faces of twelve people; then all that one does with a run."""
    faces, run = tmp_path / "faces", tmp_path / "run"
    prepare_synthetic(SyntheticConfig(num_images=96, image_size=32, num_identities=12), faces, num_workers=1)
    options = ("--preset", "disentangle", "--num-critics", 1, "--critic-steps", 1, "--bank-size", 32)
    factors = ("--factors", "expression, identity,pose", "--mixed-dataset", gray, "--steps-per-epoch", 2)
    sizes = ("--representation-size", 8, "--non-expression-size", 4)
    result = keras_fer("train", faces, run, *SMALL, *options, *factors, *sizes)
    assert result.exit_code == 0, result.output
    assert "of the test split" in result.output
    assert json.loads((run / "config.json").read_text())["factors"] == ["expression", "identity", "pose"]
    assert "expression, identity, pose" in (run / "report.html").read_text()

    result = keras_fer("probe", run, "--seeds", 1, "--no-floors", "--format", "json")
    assert result.exit_code == 0, result.output
    matrix = json.loads(result.stdout)
    assert {probe["representation"] for probe in matrix["probes"]} == {
        "expression_representation",
        "identity_representation",
        "pose_representation",
        "residual_representation",
        "face_features",
    }
    assert "residual" in (run / "probes.html").read_text()

    # What is exported is the expression branch and nothing else.
    model = load_model(run)
    deployed = deploy_model(model.classifier, model.contract)
    parts = (model.trunk, model.branches["expression"], model.heads["expression"])
    assert deployed.count_params() == sum(part.count_params() for part in parts)

    result = keras_fer("erase", run, tmp_path / "erased")
    assert result.exit_code == 1
    assert "each of several factors" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere", "run"], 1, "nowhere"),
        (["{faces}", "run", "--class-weights", "1,2"], 1, "one value for each of the 8 classes"),
        (["{faces}", "run", "--class-weights", "some"], 2, "neither 'balanced' nor numbers"),
        (["{faces}", "{faces}"], 1, "exists already"),
        (["{faces}", "run", "--preset", "magic"], 2, "disentangle_pairs"),
        (["{faces}", "run", "--backbone", "vgg"], 2, "residual_small"),
        (["{faces}", "run", "--batch-size", "3"], 1, "--batch-size must be even"),
        (["{faces}", "run", "--epochs", "0"], 2, "epochs"),
        (["{faces}", "run", "--learning-rate", "0"], 2, "learning-rate"),
        (["{faces}", "run", "--mixed-dataset", "nowhere"], 1, "nowhere"),
        (
            ["{faces}", "run", "--mixed-dataset", "{faces}", "--mixed-share", "0.01"],
            1,
            "A --mixed-share of 0.01",
        ),
        (["{faces}", "run", "--view-invariance-weight", "1", "--augmentation", "none"], 1, "two augmented"),
        (["{faces}", "run", "--mixup-alpha", "1", "--mixed-dataset", "{faces}"], 1, "single images of one"),
        (["{faces}", "run", "--factors", "identity"], 1, "'expression' is one of them"),
        (["{faces}", "run", "--factors", "expression,age_group"], 1, "There is: expression, identity, pose"),
        (
            ["{faces}", "run", "--factors", "expression,yaw", "--preset", "disentangle_pairs"],
            1,
            "cannot set invariance_weight",
        ),
        (
            ["{faces}", "run", "--factors", "expression,yaw", "--probe-every", "1"],
            1,
            "leave out --probe-every",
        ),
        (["{faces}", "run", "--config", "none.json"], 2, "none.json"),
        (["{faces}", "run", "--config", "{faces}/images-00000.npy"], 1, "config.json of a run"),
        (
            ["{faces}", "run", "--config", "{faces}/dataset.json"],
            1,
            "config.json of a run: it is another kind",
        ),
    ],
)
def test_refused_in_one_sentence_without_tensorflow(
    assert_refused, faces, tmp_path, arguments, code, message
):
    arguments = [argument.format(faces=faces) for argument in arguments]
    assert_refused("train", *arguments, code=code, message=message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"preset": "paper", "epohcs": 3},
            "names 'epohcs', which is no setting of a training. Did you mean 'epochs'?",
        ),
        ({"preset": "paper", "zzz": 3}, "names 'zzz', which is no setting of a training.\n"),
        (
            {"preset": "paper", "objective": {"adversarial_weight": 5}},
            "adversarial_weight=5, but is only a record: the preset and `objective_changes` give 0.1. Write",
        ),
    ],
)
def test_a_config_that_would_be_read_otherwise_is_refused(assert_refused, faces, tmp_path, config, message):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    assert_refused("train", faces, "run", "--config", file, code=1, message=message)
