import json

import pytest

from keras_fer.data.prepared import open_prepared
from keras_fer.evaluation.evaluate import evaluate
from keras_fer.evaluation.factors import dataset_factors
from keras_fer.evaluation.floors import pixel_representation
from keras_fer.evaluation.leakage_files import PROBES_FILE, write_matrix
from keras_fer.evaluation.leakage_matrix import RepresentationSource, measure_matrix
from keras_fer.evaluation.recognizers import open_recognizer
from keras_fer.training.config import TrainingConfig
from keras_fer.training.finish import finish, write_run_report
from keras_fer.training.fit import fit


@pytest.fixture(scope="module")
def run(prepared_folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "run"
    settings = {"preset": "baseline", "backbone": "plain_small", "epochs": 3, "batch_size": 16}
    config = TrainingConfig(str(prepared_folder), str(output), validation_split="test", **settings)
    return fit(config, verbose=0).folder


def test_the_best_model_is_evaluated_and_reported(run, prepared_folder):
    evaluation = finish(run)
    assert evaluation.split == "test"
    again = evaluate(open_recognizer(run), open_prepared(prepared_folder), "test").evaluation
    assert evaluation.accuracy == again.accuracy
    assert json.loads((run / "evaluation.json").read_text())["accuracy"] == evaluation.accuracy
    page = (run / "report.html").read_text()
    assert "baseline on squares" in page
    assert "the accuracy is optimistic" in page  # The epoch was chosen on the split that is reported.


def test_a_report_can_be_written_again_with_exports(run, prepared_folder):
    dataset = open_prepared(prepared_folder)
    predictions = evaluate(open_recognizer(run), dataset, "test")
    write_run_report(run, predictions, dataset, exports=[{"file": "model_x.tflite", "size_bytes": 12}])
    assert "model_x.tflite" in (run / "report.html").read_text()


def test_the_report_shows_the_leakage_matrix_that_lies_in_the_folder(run, prepared_folder):
    dataset = open_prepared(prepared_folder)
    predictions = evaluate(open_recognizer(run), dataset, "test")
    write_run_report(run, predictions, dataset)
    assert 'id="leakage-matrix"' not in (run / "report.html").read_text()
    factors = dataset_factors(dataset, "expression")
    matrix = measure_matrix(
        [RepresentationSource("raw", pixel_representation)], dataset, 16, factors, seeds=(0,), control=False
    )
    write_matrix(run, matrix)
    write_run_report(run, predictions, dataset)
    assert 'id="leakage-matrix"' in (run / "report.html").read_text()
    (run / PROBES_FILE).unlink()
    write_run_report(run, predictions, dataset, matrix=matrix)
    assert 'id="leakage-matrix"' in (run / "report.html").read_text()
