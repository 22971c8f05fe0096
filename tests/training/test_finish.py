import json

import numpy as np
import pytest

from keras_fer.data.prepared import open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation import representation_maps
from keras_fer.evaluation.evaluate import evaluate
from keras_fer.evaluation.factors import dataset_factors
from keras_fer.evaluation.floors import pixel_representation
from keras_fer.evaluation.intervention_files import write_study
from keras_fer.evaluation.intervention_study import dataset_study
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_files import PROBES_FILE, write_matrix
from keras_fer.evaluation.leakage_matrix import RepresentationSource, measure_matrix
from keras_fer.evaluation.recognizers import open_recognizer
from keras_fer.models.loading import load_model
from keras_fer.training.config import TrainingConfig
from keras_fer.training.finish import finish, rewrite_report, write_run_report
from keras_fer.training.fit import fit

PROBE = {
    **{"model": "baseline", "representation": "non_expression_representation", "floor": False},
    **{"effective_rank": 3.0, "width": 4},
    "result": {
        **{"linear_mean": 0.5, "linear_sd": 0.0, "mlp_mean": 0.6, "mlp_sd": 0.0, "leakage": 0.5},
        **{"control_mean": None, "control_sd": None, "chance": 0.125, "num_classes": 8},
        **{"num_train": 6, "num_test": 6, "num_seeds": 1, "converged": True},
        **dict.fromkeys(("linear_interval", "mlp_interval", "leakage_interval")),
    },
}


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
    assert (run / "tensorboard" / "projector_config.pbtxt").is_file()
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
        [RepresentationSource("raw", pixel_representation)], dataset, 16, factors, seeds=(0,)
    )
    write_matrix(run, matrix)
    write_run_report(run, predictions, dataset)
    assert 'id="leakage-matrix"' in (run / "report.html").read_text()
    (run / PROBES_FILE).unlink()


def test_a_report_is_written_again_with_what_was_found_since(run, prepared_folder, monkeypatch):
    # A map takes seconds and has tests of its own.
    monkeypatch.setattr(representation_maps, "embedding", lambda codes, seed: np.zeros((len(codes), 2)))
    dataset = open_prepared(prepared_folder)
    model = load_model(run)
    assert finish(run)
    write_run_report(
        run,
        evaluate(open_recognizer(run), dataset, "test"),
        dataset,
        exports=[{"file": "model_y.tflite", "size_bytes": 12}],
        probes=[RepresentationProbe.from_dict(PROBE)],
    )
    accuracy = (run / "evaluation.json").read_text()
    write_study(run, dataset_study(model, dataset), "Maps")
    assert rewrite_report(run, model)
    page = (run / "report.html").read_text()
    for kept in ("model_y.tflite", 'id="leakage"', 'id="maps"', "Interventions: The run learned from"):
        assert kept in page
    assert (run / "evaluation.json").read_text() == accuracy


def test_nothing_is_rewritten_without_a_report_or_data(run, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    assert not rewrite_report(folder, None)
    (folder / "report.html").write_text("old")
    (folder / "config.json").write_text(json.dumps({"dataset": str(tmp_path / "gone")}))
    assert not rewrite_report(folder, None)
    assert (folder / "report.html").read_text() == "old"


def test_an_erased_run_is_judged_on_what_it_was_erased_with(tmp_path):
    (tmp_path / "report.html").write_text("old")
    config = {"dataset": str(tmp_path), "erased": {"dataset": str(tmp_path / "gone")}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert not rewrite_report(tmp_path, None)


def test_damaged_tables_are_said(tmp_path):
    (tmp_path / "report_tables.json").write_text("[")
    with pytest.raises(FERError, match=r"report_tables.json' cannot be read .*; remove it"):
        write_run_report(tmp_path, None, None)


@pytest.fixture
def report_of(run, prepared_folder):
    """Returns a function that gives the report of the run, had its config these changes."""
    dataset = open_prepared(prepared_folder)
    predictions = evaluate(open_recognizer(run), dataset, "test")
    path = run / "config.json"
    before = path.read_text()

    def report(**changes):
        path.write_text(json.dumps({**json.loads(before), **changes}))
        write_run_report(run, predictions, dataset)
        return (run / "report.html").read_text()

    yield report
    path.write_text(before)


def test_the_report_names_the_mixed_data_set(report_of):
    assert "Mixed with" not in report_of()
    page = report_of(
        mixed_dataset="/gone/pairs",
        mixed_share=0.25,
        mixed_expression_weight=0.5,
        mixed_dataset_hash="0123456789abcdef0123",
        mixed_images_withheld=3,
    )
    assert "Mixed with" in page
    assert "pairs, 25% of each batch, weight 0.5 in the expression term, data hash 0123456789abcdef;" in page
    assert "3 images left out" in page


def test_the_report_names_the_run_that_this_one_started_from(report_of):
    assert "Started from" not in report_of()
    page = report_of(weights="/gone/first")
    assert "Started from" in page
    assert "first; its classifier" not in page
    assert "first; its classifier was kept as it was" in report_of(
        weights="/gone/first", freeze_expression=True
    )
