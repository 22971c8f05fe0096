import sys

import keras
import numpy as np
import pytest
from answer_comparison import (
    FLOAT_LIMIT,
    INT8_LIMIT,
    Answers,
    allowed_difference,
    arguments_parser,
    checked,
    compared,
    parsed,
    predicted,
    table,
    write_rendered_faces,
)
from PIL import Image

from keras_fer.contract import ModelContract
from keras_fer.export.export import export
from keras_fer.export.recipes import RECIPES
from keras_fer.runtime.recognizer import ExpressionRecognizer

ROWS = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]])
OURS = Answers(("sad", "happy", "angry"), ROWS)


def changed(row, column, value):
    rows = ROWS.copy()
    rows[row, column] = value
    return Answers(OURS.label_names, rows)


def test_equal_answers():
    row = compared("a.tflite", OURS, OURS, 1e-4)
    assert row.fine
    assert (row.largest_difference, row.num_same, row.num_faces) == (0, 2, 2)


@pytest.mark.parametrize(
    ("found", "largest", "num_same"),
    [
        (changed(1, 2, 0.35), 0.05, 2),
        (changed(1, 0, 0.45), 0.15, 1),
        (Answers(OURS.label_names, ROWS[:1]), np.inf, 0),
        (Answers(OURS.label_names, ROWS[:, :2]), np.inf, 0),
    ],
)
def test_what_differs_too_much(found, largest, num_same):
    row = compared("a.tflite", OURS, found, 0.01)
    assert not row.fine
    assert row.largest_difference == pytest.approx(largest)
    assert row.num_same == num_same


def test_another_expression_is_wrong_however_small_the_difference():
    close = Answers(OURS.label_names, np.array([[0.5, 0.4999], [0.1, 0.9]]))
    other = Answers(OURS.label_names, np.array([[0.4999, 0.5], [0.1, 0.9]]))
    row = compared("a.tflite", close, other, 0.01)
    assert (row.num_same, row.fine) == (1, False)


def test_not_a_number_is_wrong():
    assert not compared("a.tflite", OURS, changed(0, 1, np.nan), 1.0).fine


def test_labels_in_another_order_are_wrong():
    row = compared("a.tflite", OURS, Answers(("happy", "sad", "angry"), ROWS), 1.0)
    assert (row.same_labels, row.fine) == (False, False)


def test_no_faces_are_no_success():
    nothing = Answers(OURS.label_names, np.empty((0, 3)))
    assert not compared("a.tflite", nothing, nothing, 1.0).fine


def test_table_by_hand():
    other = Answers(("sad", "happy"), ROWS)
    rows = [compared("a.tflite", OURS, OURS, 1e-4), compared("long.tflite", OURS, other, 0.00390625)]
    assert table(rows).splitlines() == [
        "file         largest difference  allowed  same expression  same labels",
        "a.tflite     0.0e+00             1.0e-04  2/2              yes          ok",
        "long.tflite  0.0e+00             3.9e-03  2/2              NO           WRONG",
    ]


def test_parsed_lines():
    answers = parsed('{"probabilities": {"b": 0.25, "a": 0.75}}\n{"probabilities": {"b": 1.0, "a": 0.0}}\n')
    assert answers.label_names == ("b", "a")
    np.testing.assert_array_equal(answers.probabilities, [[0.25, 0.75], [1, 0]])


def test_lines_with_different_labels_are_refused():
    with pytest.raises(ValueError, match="same labels"):
        parsed('{"probabilities": {"b": 0.25, "a": 0.75}}\n{"probabilities": {"a": 1.0, "b": 0.0}}\n')


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A float32 and an int8 file of a net of a few weights, by recipe."""
    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(4, 3, strides=4, activation="relu")(images)
    features = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(features))
    folder = tmp_path_factory.mktemp("exported") / "files"
    recipes = [RECIPES[name] for name in ("float32", "static_wi8_ai8")]
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)
    contract = ModelContract(OURS.label_names, 16, temperature=100.0, name="tiny")
    options = {"images": pixels, "calibration_images": pixels, "num_runs": 1, "keep_failed": True}
    export(keras.Model(images, features), contract, folder, recipes=recipes, **options)
    return {recipe.name: folder / f"tiny_{recipe.name}.tflite" for recipe in recipes}


def test_integers_may_differ_more(exported):
    assert allowed_difference(exported["float32"]) == FLOAT_LIMIT
    assert allowed_difference(exported["static_wi8_ai8"]) == INT8_LIMIT


def test_predicted_in_another_process_as_here(exported, tmp_path):
    paths = write_rendered_faces(tmp_path, 3, image_size=32)
    pictures = [np.asarray(Image.open(path)) for path in paths]
    found = predicted(exported["float32"], paths, python=[sys.executable, "-s"])
    expected = ExpressionRecognizer(exported["float32"]).recognize(pictures)
    assert found.label_names == OURS.label_names
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-9)
    assert np.ptp(expected, axis=0).max() > 1e-3


def test_a_check_fails_if_one_file_answers_otherwise(exported, tmp_path, capsys):
    def answers(model, images):
        right = predicted(model, images)
        return right if "float32" in model.name else Answers(right.label_names[::-1], right.probabilities)

    paths = write_rendered_faces(tmp_path, 3, image_size=32)
    assert checked([exported["float32"]], lambda model: paths, answers) == 0
    assert checked(exported.values(), lambda model: paths, answers) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if "3/3" in line] == ["ok", "ok", "WRONG"]


def test_arguments_of_a_check():
    arguments = arguments_parser("what it does").parse_args(["a.tflite", "b.tflite"])
    assert [path.name for path in arguments.models] == ["a.tflite", "b.tflite"]
    assert arguments.num_faces == 20


def test_what_does_not_run_ends_the_check(tmp_path):
    with pytest.raises(SystemExit, match=r"(?s)no model file .*absent\.tflite'.*ended with 1 for absent"):
        predicted(tmp_path / "absent.tflite", [tmp_path / "face.png"])


def test_rendered_faces_are_of_different_people_and_the_same_every_time(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    first, again = (write_rendered_faces(folder, 4, image_size=32) for folder in folders)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert len({path.read_bytes() for path in first}) == 4
