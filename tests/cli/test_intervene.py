import json

import numpy as np
import pytest
from click.testing import CliRunner

from keras_fer.cli.intervene import DIFFICULTY_NAMES
from keras_fer.cli.main import main
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.difficulty import DIFFICULTIES
from keras_fer.data.synthetic.prepare import prepare_synthetic

FILES = {
    *("interventions.json", "interventions.html", "embedding.svg"),
    *("swap_grid.png", "traversal.png", "neighbours.png"),
}
SMALL = ("--pairs", "4", "--oracle-images", "80")


def run_folder(folder, dataset, objective):
    """Writes what `intervene` reads of a run: the model, and the name of the data set."""
    import keras

    from keras_fer.models.building import disentangling_model
    from keras_fer.models.normalization import StandardizedGray

    images = keras.Input((32, 32, 3))
    features = keras.layers.Conv2D(4, 3, strides=8, padding="same")(StandardizedGray()(images))
    model = disentangling_model(
        keras.Model(images, features),
        8,
        objective=objective,
        representation_size=6,
        non_expression_size=5,
        decoder_width=2,
    )
    model.compile("sgd")
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "config.json").write_text(json.dumps({"dataset": str(dataset)}))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two data sets and runs on them."""
    folder = tmp_path_factory.mktemp("place")
    prepare_synthetic(SyntheticConfig(num_images=64, image_size=32, difficulty="easy"), folder / "faces")
    writer = PreparedWriter(
        folder / "photos", source="fer2013", label_names=("neutral", "happiness"), image_shape=(32, 32, 1)
    )
    with writer:
        images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 1), np.uint8)
        writer.append(
            images,
            labels=np.arange(12) % 3 - 1,
            splits=np.repeat([0, 2], [3, 9]),
            sources=list("abcdefghijkl"),
        )
        writer.finish()
    run_folder(folder / "pairs", folder / "faces", "disentangle_pairs")
    run_folder(folder / "baseline", folder / "photos", "baseline")
    run_folder(folder / "orphan", folder / "gone", "baseline")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(autouse=True)
def no_maps(monkeypatch):
    """Maps take seconds and have tests of their own."""
    from keras_fer.evaluation import representation_maps

    monkeypatch.setattr(representation_maps, "embedding", lambda codes, seed: np.zeros((len(codes), 2)))


def keras_fer(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_run_on_rendered_faces(place):
    run = place / "pairs"
    result = keras_fer("intervene", run, *SMALL)
    assert result.exit_code == 0, result.output
    assert {path.name for path in run.iterdir() if "oracle" not in path.name} == {
        *FILES,
        "model.keras",
        "config.json",
    }
    assert "Swap test: 4 pairs of 20 people" in result.stdout
    assert "non-expression" in result.stdout
    assert "Note" not in result.stdout
    assert "Teaching the oracle" in result.stderr
    assert f"6 files; open {run / 'interventions.html'}" in result.stderr
    document = json.loads((run / "interventions.json").read_text())
    assert document["title"] == "Interventions on pairs"
    assert (document["faces"]["difficulty"], document["faces"]["image_size"]) == ("easy", 32)
    assert document["notes"] == []
    # The second time replaces the files and takes the oracle up again.
    oracle = next(run.glob("oracle-*.npz"))
    written = oracle.stat().st_mtime_ns
    again = keras_fer("intervene", run, *SMALL, "--format", "json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == document
    assert oracle.stat().st_mtime_ns == written


def test_a_run_on_other_data_says_that_faces_are_rendered(place, tmp_path):
    folder = tmp_path / "new" / "output"
    result = keras_fer(
        "intervene", place / "baseline", *SMALL, "--difficulty", "hard", "--output", folder, "--seed", 3
    )
    assert result.exit_code == 0, result.output
    assert {path.name for path in folder.iterdir()} == FILES - {"swap_grid.png", "traversal.png"}
    assert (
        "Note: All faces are rendered, of difficulty hard; the model learned from other data" in result.stdout
    )
    assert "Note: The model has no decoder" in result.stdout
    assert "Swap test" not in result.stdout
    document = json.loads((folder / "interventions.json").read_text())
    assert document["swap"] is None
    assert (document["faces"]["difficulty"], document["faces"]["seed"]) == ("hard", 3)


def test_a_run_on_other_data_gets_maps_of_its_own_images(place):
    run = place / "baseline"
    result = keras_fer("intervene", run)
    assert result.exit_code == 0, result.output
    assert {path.name for path in run.iterdir()} == {
        *("interventions.json", "interventions.html", "embedding.svg", "model.keras", "config.json")
    }
    assert "They show 9 images of the test split." in result.stdout
    assert "report.html" not in result.stderr  # The run has none.
    figure = (run / "embedding.svg").read_text()
    assert "coloured by expression" in figure
    assert "coloured by person" not in figure


def test_another_difficulty_than_that_of_the_run_is_said(place):
    from keras_fer.cli import intervene

    difficulty, image_size, notes = intervene._faces(place / "pairs", "hard")
    assert (difficulty, image_size) == ("hard", 32)
    assert notes == ["The faces are of difficulty hard; the model learned from easy ones."]
    assert intervene._faces(place / "pairs", "easy") == ("easy", 32, [])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{place}/nowhere"], 2, "nowhere"),
        (["{place}/empty"], 1, "holds no model.keras: name the folder of a run"),
        (["{place}/orphan"], 1, "its data set is gone. Choose rendered faces with --difficulty"),
        (["{place}/pairs/model.keras", "--difficulty", "easy"], 1, "name a folder with --output"),
        (["{place}/pairs/model.keras", "--output", "{place}/empty"], 1, "Choose rendered faces"),
        (["{place}/pairs", "--output", "{place}/pairs/model.keras/x"], 1, "Nothing can be written to"),
        (["{place}/pairs", "--difficulty", "extreme"], 2, "standard"),
        (["{place}/pairs", "--pairs", "1"], 2, "pairs"),
        (["{place}/pairs", "--oracle-images", "39"], 2, "oracle-images"),
    ],
)
def test_refused_in_one_sentence_without_tensorflow(
    assert_refused, place, tmp_path, arguments, code, message
):
    arguments = [argument.format(place=place) for argument in arguments]
    assert_refused("intervene", *arguments, code=code, message=message)


def test_difficulties_are_those_of_the_generator():
    assert tuple(DIFFICULTIES) == DIFFICULTY_NAMES
