import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.cli.probe import FACTOR_CHOICES
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.prepare import prepare_synthetic
from keras_fer.evaluation import factors
from keras_fer.evaluation.leakage_matrix import LeakageMatrix
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.models.building import disentangling_model

FAST = ("--seeds", 1)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Rendered faces of 16 people with all factors, 12 of whom probes learn from."""
    folder = tmp_path_factory.mktemp("faces") / "synthetic"
    config = SyntheticConfig(
        num_images=192, image_size=32, num_identities=16, validation_share=0, test_share=0.25, pairs=True
    )
    return prepare_synthetic(config, folder, num_workers=1).path


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Gray noise without any factor, with a bright bar whose place is the class."""
    folder = tmp_path_factory.mktemp("photos") / "prepared"
    labels = np.arange(60) % 3
    images = np.random.default_rng(0).integers(0, 60, (60, 16, 16, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[5 * label : 5 * label + 5] += 150
    with PreparedWriter(
        folder, source="folder", label_names=("a", "b", "c"), image_shape=(16, 16, 1)
    ) as writer:
        writer.append(
            images, labels=labels, splits=np.repeat([0, 1], 30), sources=[f"{row}.png" for row in range(60)]
        )
        writer.finish()
    return folder


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A model with random weights of 16 pixels."""
    path = tmp_path_factory.mktemp("models") / "net.keras"
    disentangling_model(
        "plain_small",
        image_size=16,
        objective="baseline",
        label_names=EXPRESSIONS_8,
        representation_size=6,
        non_expression_size=4,
    ).save(path)
    return path


@pytest.fixture
def run(tmp_path, model_file, faces):
    """A run folder, as far as probes look at one."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model.keras").write_bytes(model_file.read_bytes())
    (folder / "config.json").write_text(json.dumps({"dataset": str(faces)}))
    return folder


def probe(*arguments):
    return CliRunner().invoke(main, ["probe", *map(str, arguments)])


def test_a_run_is_probed_on_its_own_data(run):
    result = probe(run, *FAST, "--representation", "non_expression_representation")
    assert result.exit_code == 0, result.output
    matrix = LeakageMatrix.from_dict(json.loads((run / "probes.json").read_text(encoding="utf-8")))
    assert [factor.name for factor in matrix.factors][:4] == ["expression", "identity", "pose", "light"]
    assert [(column.model, column.representation, column.floor) for column in matrix.columns] == [
        ("run", "non_expression_representation", False),
        ("untrained", "non_expression_representation", True),
        ("raw", "pixels", True),
    ]
    identity = matrix.probe(matrix.columns[0], "identity").result
    assert (identity.num_classes, identity.num_clusters) == (4, 4)
    assert all(row.result.control_mean is not None for row in matrix.probes)
    assert "effective rank" in result.stdout
    assert "Images" in result.stderr
    assert "Probes" in result.stderr
    assert "Images" not in result.stdout
    page = (run / "probes.html").read_text(encoding="utf-8")
    assert 'class="heat"' in page
    assert "What the representations of run tell" in page


def test_json_on_the_terminal_and_another_folder(run, tmp_path):
    output = tmp_path / "deep" / "result"
    options = (
        "--factors",
        "expression",
        "--no-floors",
        "--representation",
        "face_features",
        "--max-rows",
        40,
    )
    result = probe(run, *FAST, *options, "--format", "json", "--output", output)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    stored = json.loads((output / "probes.json").read_text(encoding="utf-8"))
    assert stored.pop("written_by")
    assert document == stored
    (row,) = document["probes"]
    assert (row["representation"], row["factor"]) == ("face_features", "expression")
    assert (document["num_train"], document["num_test"]) == (40, 40)
    assert not (run / "probes.json").exists()


def test_photos_without_factors(model_file, photos, tmp_path):
    result = probe(model_file, photos, *FAST, "--no-floors", "--output", tmp_path)
    assert result.exit_code == 0, result.output
    for note in (
        "Identity was not measured: the data set does not say who is who.",
        "does not hold them: pose, light, skin tone, glasses",
        "judged on the validation split",
        "the intervals take every image for another person",
    ):
        assert note in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines() if "±0" in line] == ["expression,"]
    matrix = json.loads((tmp_path / "probes.json").read_text(encoding="utf-8"))
    assert matrix["model"] == "net"
    names = ["expression_representation", "non_expression_representation", "face_features"]
    assert [row["representation"] for row in matrix["probes"]] == names
    assert {row["result"]["num_clusters"] for row in matrix["probes"]} == {30}
    # The place of a bar passes through any net; the net is untrained, and keeps it from nobody.
    assert matrix["summary"]["leakage"] > 0.5
    assert matrix["summary"]["relative_leakage"] > 0.5
    assert matrix["summary"]["disentanglement_score"] is None


def test_a_model_file_is_no_folder(model_file, photos):
    result = probe(model_file, photos, *FAST, "--no-floors", "--factors", "expression", "--max-rows", 20)
    assert result.exit_code == 0, result.output
    assert "Nothing was written: a .keras file is no folder, name one with --output." in result.stderr
    assert "Leakage" in result.stdout
    assert [path.name for path in model_file.parent.iterdir()] == ["net.keras"]


def test_refusals_are_one_sentence(run, model_file, photos, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "file").write_text("")
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "config.json").write_text(json.dumps({"dataset": str(tmp_path / "gone")}))
    for arguments, message in (
        ((model_file,), "does not say what it was trained on; name a prepared data set after it."),
        ((empty,), "is not a run folder: config.json cannot be read"),
        ((moved,), "is gone; name where it is now, or another one."),
        ((run, empty), "There is no prepared data set"),
        ((empty, photos), "There is no model at"),
        ((run, "--output", tmp_path / "file" / "below"), "Nothing can be written to"),
        (
            (run, "--representation", "size", *FAST),
            "no representation 'size'. There are: non_expression_",
        ),
    ):
        result = probe(*arguments)
        assert result.exit_code == 1, result.output
        assert message in result.stderr
        assert "Traceback" not in result.output
    assert not (run / "probes.json").exists()


def test_a_run_that_cannot_be_written_to_is_refused_before_an_hour_of_probing(run, monkeypatch):
    # As root every folder can be written to.
    system = SimpleNamespace(access=lambda folder, mode: False, W_OK=os.W_OK)
    monkeypatch.setattr("keras_fer.cli.output_folder.os", system)
    result = probe(run)
    assert result.exit_code == 1
    assert f"Nothing can be written to '{run}'; name another folder with --output." in result.stderr


@pytest.mark.parametrize("options", [["--factors", "age"], ["--seeds", "0"], ["--max-rows", "1"]])
def test_wrong_options_are_refused_by_the_parser(run, options):
    assert probe(run, *options).exit_code == 2


def test_the_choices_are_those_of_the_factors():
    assert FACTOR_CHOICES == factors.FACTOR_CHOICES


def test_refusals_load_no_tensorflow(assert_refused, tmp_path):
    assert_refused("probe", tmp_path, code=1, message="is not a run folder")
