import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_fer.data.synthetic.one_factor import FACTORS
from keras_fer.evaluation.gallery import Gallery
from keras_fer.evaluation.intervention_study import (
    NO_DECODER,
    StudyOptions,
    intervention_study,
    retrieval_rows,
)
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.models.building import disentangling_model
from keras_fer.models.normalization import StandardizedGray

OPTIONS = StudyOptions("easy", 32, num_pairs=6, num_oracle_images=80, num_people=5, pictures_each=1)
NAMES = (EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION, "face_features")


def model(objective):
    images = keras.Input((32, 32, 3))
    features = keras.layers.Conv2D(4, 3, strides=8, padding="same")(StandardizedGray()(images))
    return disentangling_model(
        keras.Model(images, features),
        8,
        objective=objective,
        representation_size=6,
        non_expression_size=5,
        decoder_width=2,
    )


def test_a_model_with_a_decoder(tmp_path):
    stages = {}
    study = intervention_study(
        model("disentangle_pairs"),
        OPTIONS,
        tmp_path,
        notes=["Rendered."],
        progress=lambda stage, done, total: stages.setdefault(stage, []).append((done, total)),
    )
    assert all(counts[-1][0] == counts[-1][1] for counts in stages.values())
    assert list(stages) == [
        "Changing one factor",
        "Looking for neighbours",
        "Teaching the oracle",
        "Swapping expressions",
        "Drawing maps",
    ]
    assert (study.swap.num_pairs, study.swap.num_people) == (6, 5)
    assert study.swap.chance_identity == 0.2
    assert [(row.representation, row.factor) for row in study.interventions] == [
        (name, factor) for name in NAMES for factor in FACTORS
    ]
    assert [(row.representation, row.wanted) for row in study.retrieval] == [
        (name, wanted) for name in NAMES for wanted in ("expression", "identity")
    ]
    assert set(study.pictures) == {"neighbours", "swap_grid", "traversal"}
    assert all(png.startswith(b"\x89PNG") for png in study.pictures.values())
    assert study.figure.startswith("<svg")
    assert study.notes == ("Rendered.",)
    document = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert document["faces"]["gallery_images"] == 64
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_a_model_without_one_says_so(tmp_path):
    study = intervention_study(model("baseline"), OPTIONS, tmp_path)
    assert study.swap is None
    assert study.notes == (NO_DECODER,)
    assert set(study.pictures) == {"neighbours"}
    assert len(study.interventions) == 3 * len(FACTORS)
    assert study.to_dict()["swap"] is None
    assert list(tmp_path.iterdir()) == []


def test_neighbours_are_asked_both_ways():
    labels, people = np.tile(np.arange(8), 4), np.repeat(np.arange(4), 8)
    gallery = Gallery(np.zeros((32, 1, 1, 3), np.uint8), labels, people)
    expression, identity = retrieval_rows(gallery, {"mouth": np.eye(8)[labels]})
    assert (expression.wanted, expression.among_other, expression.rate) == ("expression", "identity", 1.0)
    assert (identity.wanted, identity.among_other) == ("identity", "expression")
    assert identity.chance == 0.25
    assert identity.rate < 0.5


@pytest.mark.parametrize(("pairs", "people"), [(2, 8), (168, 8), (169, 9), (1000, 48), (10_000, 48)])
def test_small_trials_have_a_small_gallery(pairs, people):
    assert replace(OPTIONS, num_pairs=pairs).gallery_people == people
