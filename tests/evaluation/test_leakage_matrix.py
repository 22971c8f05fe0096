import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter
from keras_fer.errors import FERError
from keras_fer.evaluation.factors import FactorSet, dataset_factors
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_matrix import (
    LeakageMatrix,
    LeakageSummary,
    MatrixFactor,
    RepresentationSource,
    measure_matrix,
    model_sources,
    summarize,
)
from keras_fer.evaluation.probes import ProbeResult

E, Z, F = "expression_representation", "non_expression_representation", "face_features"


def result(leakage=0.5, **changes):
    values = ProbeResult(
        linear_mean=0.5,
        linear_sd=0.0,
        mlp_mean=0.6,
        mlp_sd=0.01,
        control_mean=0.13,
        control_sd=0.01,
        leakage=leakage,
        chance=0.125,
        num_classes=8,
        num_train=600,
        num_test=150,
        num_seeds=3,
        converged=True,
        leakage_interval=Interval(leakage - 0.1, leakage + 0.1),
        num_clusters=30,
    )
    return replace(values, **changes)


def cell(representation, factor, leakage, floor=False):
    return RepresentationProbe("model", representation, result(leakage), 20.0, 64, floor, factor)


FACTORS = (
    MatrixFactor("expression", "expression", True, False),
    MatrixFactor("identity", "nuisance", True, True),
    MatrixFactor("pose", "nuisance", True, False),
    MatrixFactor("age", "nuisance", False, False),
)
CELLS = [
    cell(E, "expression", 0.8),
    cell(E, "identity", 0.1),
    cell(E, "pose", 0.3),
    cell(E, "age", 0.9),
    cell(Z, "expression", 0.2),
    cell(Z, "identity", 0.4),
    cell(Z, "pose", 0.6),
    cell(Z, "age", 0.9),
    cell(F, "expression", 0.5),
    cell(Z, "expression", 0.99, floor=True),
]


def test_golden_summary():
    summary = summarize(CELLS, FACTORS)
    assert summary.leakage == 0.2
    assert summary.leakage_interval == pytest.approx((0.1, 0.3))
    assert summary.relative_leakage == pytest.approx(0.4)
    unlearned = [*CELLS[:-2], cell(F, "expression", 0.05)]
    assert summarize(unlearned, FACTORS).relative_leakage is None
    assert summary.retention == 0.8
    assert summary.utility == pytest.approx(0.5)
    assert summary.nuisance_leakage == pytest.approx(0.2)
    assert summary.nuisance_factors == ("identity", "pose")
    # ½ [(.8 − .2) + (.5 − .2)]
    assert summary.disentanglement_score == pytest.approx(0.45)


def test_a_loss_does_not_cancel_a_gain():
    worse = [cell(E, "expression", 0.1), *CELLS[1:]]
    assert summarize(worse, FACTORS).disentanglement_score == pytest.approx(0.5 * 0.3)


def test_what_was_not_measured_is_none():
    expression_only = summarize([CELLS[0], CELLS[4]], FACTORS[:1])
    assert expression_only == LeakageSummary(
        leakage=0.2,
        leakage_interval=Interval(0.1, 0.30000000000000004),
        retention=0.8,
        retention_interval=Interval(0.7000000000000001, 0.9),
    )
    assert summarize([], ()) == LeakageSummary()
    # Nothing in the face features: no share of it.
    assert summarize([CELLS[4], cell(F, "expression", -0.01)], FACTORS).relative_leakage is None


def test_the_residual_of_several_factors_stands_for_the_non_expression_representation():
    renamed = [
        replace(row, representation="residual_representation") if row.representation == Z else row
        for row in CELLS
    ]
    assert summarize(renamed, FACTORS) == summarize(CELLS, FACTORS)


def matrix():
    return LeakageMatrix(
        model="model",
        probes=tuple(CELLS),
        factors=FACTORS,
        summary=summarize(CELLS, FACTORS),
        notes=("Careful.",),
        dataset={"source": "synthetic"},
        num_train=600,
        num_test=150,
    )


def test_columns_and_cells():
    columns = matrix().columns
    assert [(column.title, column.floor) for column in columns] == [
        ("expression", False),
        ("non-expression", False),
        ("face features", False),
        ("non-expression", True),
    ]
    assert matrix().probe(columns[1], "pose").result.leakage == 0.6
    with pytest.raises(KeyError, match="no such cell"):
        matrix().probe(columns[2], "pose")


def test_a_run_may_be_called_as_a_floor_is():
    trained, floor = (matrix().columns[position] for position in (1, 3))
    assert (trained.model, trained.representation) == (floor.model, floor.representation)
    assert matrix().probe(trained, "expression").result.leakage == 0.2
    assert matrix().probe(floor, "expression").result.leakage == 0.99


def test_survives_json():
    document = json.dumps(matrix().to_dict(), allow_nan=False)
    again = LeakageMatrix.from_dict(json.loads(document))
    assert again == matrix()
    empty = LeakageSummary(leakage=0.1, leakage_interval=Interval(np.nan, np.nan))
    assert LeakageSummary.from_dict(empty.to_dict()) == LeakageSummary(leakage=0.1)


@pytest.fixture
def dataset(tmp_path):
    """48 people of 4 images; brightness shows the label, contrast the tone of the person."""
    count = 192
    who, labels = np.arange(count) // 4, np.arange(count) % 4
    tones = np.random.default_rng(0).random(48)[who]
    rng = np.random.default_rng(1)
    images = (
        30
        + 50 * labels[:, None, None, None]
        + 25 * tones[:, None, None, None] * rng.choice([-1, 1], (count, 8, 8, 1))
    )
    with PreparedWriter(
        tmp_path / "people", source="people", label_names=tuple("abcd"), image_shape=(8, 8, 1)
    ) as writer:
        writer.append(
            images.astype(np.uint8),
            labels=labels,
            splits=np.where(who < 24, 0, 2),
            sources=[f"{row}.png" for row in range(count)],
            subjects=who,
            factors={"skin_tone": tones.astype(np.float32)},
        )
        return writer.finish()


def moments(images):
    """Brightness for the expression, contrast for everything else."""
    return {E: images.mean(axis=(1, 2, 3))[:, None], Z: images.std(axis=(1, 2))}


def sources():
    return [
        RepresentationSource("moments", moments),
        RepresentationSource("noise", lambda images: {Z: moments(images)[Z] * 0}, (Z,), floor=True),
    ]


def test_measures_representations_and_floors(dataset):
    steps = []
    found = measure_matrix(
        sources(),
        dataset,
        8,
        dataset_factors(dataset),
        seeds=(0, 1),
        progress=lambda *step: steps.append(step),
    )
    assert [factor.name for factor in found.factors] == ["expression", "identity", "skin_tone"]
    assert [(column.model, column.title) for column in found.columns] == [
        ("moments", "expression"),
        ("moments", "non-expression"),
        ("noise", "non-expression"),
    ]
    assert found.summary.retention > 0.95
    assert found.summary.leakage < 0.1
    assert found.summary.utility > 0.4
    assert found.summary.disentanglement_score > 0.4
    assert {row.result.num_seeds for row in found.probes if row.floor} == {1}
    assert {row.result.num_seeds for row in found.probes if not row.floor} == {2}
    assert (found.num_train, found.num_test, found.splits) == (96, 96, ("train", "test"))
    assert found.dataset["source"] == "people"
    assert any("pose, light, glasses" in note for note in found.notes)
    images, probes = ([step[1:] for step in steps if step[0] == name] for name in ("Images", "Probes"))
    assert images[-1] == (2 * 192, 2 * 192)
    assert probes == [(done, 9) for done in range(1, 10)]
    assert steps.index(("Probes", 1, 9)) == len(images)


def test_fewer_rows_and_another_choice(dataset):
    found = measure_matrix(
        [RepresentationSource("moments", moments, (E,))],
        dataset,
        8,
        dataset_factors(dataset, "expression"),
        seeds=(0,),
        max_rows=40,
    )
    assert (found.num_train, found.num_test) == (40, 40)
    assert [(row.representation, row.factor) for row in found.probes] == [(E, "expression")]
    assert found.summary.disentanglement_score is None


def test_says_what_casts_doubt(dataset):
    few = measure_matrix(
        [RepresentationSource("flat", lambda images: {Z: np.tile(moments(images)[E], (1, 9))})],
        dataset,
        8,
        dataset_factors(dataset, "expression"),
        seeds=(0,),
        max_rows=16,
    )
    assert any("uses 1.0 of 9 directions" in note for note in few.notes)
    assert any(note.startswith("Intervals over ") for note in few.notes)


def test_refusals(dataset):
    with pytest.raises(FERError, match=r"'moments' has no representation size. There are: expression_rep"):
        measure_matrix(
            [RepresentationSource("moments", moments, ("size",))], dataset, 8, dataset_factors(dataset)
        )
    with pytest.raises(FERError, match=r"There is nothing to probe\. No label."):
        measure_matrix(sources(), dataset, 8, FactorSet((), ("No label.",)))


def test_a_model_comes_with_its_floors(monkeypatch):
    def named(value):
        graph = SimpleNamespace(predict_on_batch=lambda images: {Z: np.full((len(images), 2), value)})
        return SimpleNamespace(representations=graph)

    monkeypatch.setattr("keras_fer.evaluation.leakage_matrix.untrained_model", lambda model: named(0))
    found = model_sources(named(1), "mine", [Z])
    assert [(source.model, source.names, source.floor) for source in found] == [
        ("mine", (Z,), False),
        ("untrained", (Z,), True),
        ("raw", ("pixels",), True),
    ]
    images = np.zeros((1, 16, 16, 3), np.uint8)
    assert [source.function(images)[Z][0, 0] for source in found[:2]] == [1, 0]
    assert len(model_sources(named(1), "mine", floors=False)) == 1
