"""Training on several factors: the model of a run, and who moves by which rows."""

import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation.recognizers import open_recognizer
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.models.factor_model import FactorModel
from keras_fer.models.loading import load_model
from keras_fer.training.batches import training_batches
from keras_fer.training.calibrate import calibrate, remove_calibration
from keras_fer.training.config import TrainingConfig
from keras_fer.training.erase import require_erasable
from keras_fer.training.factor_run import factors_of_run
from keras_fer.training.finish import finish
from keras_fer.training.fit import fit
from keras_fer.training.initial_weights import take_weights
from keras_fer.training.logit_adjustment import expression_bias
from keras_fer.training.run_folder import read_config, read_history
from keras_fer.training.run_model import build_model

NAMES = ("expression", "identity", "yaw")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Noise of 16 pixels with a person and a turn; those of the validation and test split are others."""
    folder = tmp_path_factory.mktemp("faces") / "faces"
    generator = np.random.default_rng(3)
    with PreparedWriter(folder, source="faces", label_names=EXPRESSIONS_8, image_shape=(16, 16, 3)) as writer:
        writer.append(
            generator.integers(0, 256, (96, 16, 16, 3), np.uint8),
            labels=np.arange(96) % 8,
            splits=np.repeat([0, 1, 2], 32),
            sources=[str(row) for row in range(96)],
            subjects=np.arange(96) // 8,
            factors={"yaw": generator.normal(0.1, 0.3, 96).astype(np.float32)},
        )
        return writer.finish()


def config(faces, output="run", **options):
    values = {"preset": "disentangle", "factors": NAMES, "backbone": "plain_small", "batch_size": 16}
    changes = {"num_critics": 1, "critic_steps": 1, "bank_size": 32, **options.pop("objective", {})}
    small = {"non_expression_size": 6, "representation_size": 8, "augmentation": "light", "ema_momentum": 0.0}
    return TrainingConfig(
        dataset=str(faces.path),
        output=str(output),
        objective_changes=changes,
        **{**values, **small, **options},
    )


def test_the_model_of_a_config(faces):
    settings = config(faces, objective={"expression_weight": 2.0, "label_smoothing": 0.1})
    known = factors_of_run(settings, faces)
    model = build_model(settings, faces, np.full(8, 1 / 8), 50, known=known)
    assert isinstance(model, FactorModel)
    expression, identity, yaw = model.factors
    assert (expression.weight, expression.label_smoothing, expression.width) == (2.0, 0.1, 8)
    assert expression.class_prior == (1 / 8,) * 8
    assert (identity.size, identity.width) == (4, 6)
    assert yaw.mean == (pytest.approx(faces.factors["yaw"][:32].mean(), abs=1e-6),)
    assert model.objective.adversarial_ramp_steps == 5
    assert model.contract.label_names == EXPRESSIONS_8
    assert {chase.name for chase in model.chases} >= {"identity_from_expression", "yaw_from_residual"}
    narrow = config(faces, non_expression_hidden_size=24)
    assert (
        build_model(narrow, faces, np.full(8, 1 / 8), 50, known=known)
        .residual_branch.get_layer("hidden")
        .units
        == 24
    )
    assert expression_bias(model) is model.heads["expression"].get_layer("predictions").bias
    bare = config(faces, objective={"adversarial_weight": 0.0})
    assert build_model(bare, faces, np.full(8, 1 / 8), 50, known=known).critics == []


def test_without_factors_nothing_is_known(faces):
    known = factors_of_run(config(faces, factors=None), faces)
    assert known.factors == ()
    assert known.targets == ({},)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Gray photos of 24 pixels with an expression and nothing else."""
    folder = tmp_path_factory.mktemp("photos") / "photos"
    images = np.random.default_rng(4).integers(0, 256, (40, 24, 24, 1), np.uint8)
    with PreparedWriter(
        folder, source="photos", label_names=("anger", "happiness"), image_shape=(24, 24, 1)
    ) as writer:
        writer.append(
            images,
            labels=np.arange(40) % 2,
            splits=np.zeros(40, int),
            sources=[str(row) for row in range(40)],
        )
        return writer.finish()


@pytest.fixture(scope="module")
def run(faces, photos, tmp_path_factory):
    """Of faces of which all is known, and photos of which the expression is."""
    output = tmp_path_factory.mktemp("runs") / "run"
    mixed = {"mixed_dataset": str(photos.path), "mixed_share": 0.25}
    return fit(config(faces, output, epochs=1, **mixed), verbose=0).folder


def test_a_run_is_complete(run, faces):
    stored = read_config(run)
    assert stored["factors"] == list(NAMES)
    assert stored["augmentation_left_out"] == ["flip", "rotation_degrees"]
    (row,) = read_history(run)
    assert np.isfinite(row["loss"])
    assert {
        "identity_accuracy",
        "yaw_mae",
        "adversarial_loss",
        "val_expression_accuracy",
        "val_yaw_mae",
    } <= set(row)
    # Nobody of the validation split is a class of the identity.
    assert not any(name.startswith("val_identity") for name in row)
    assert (run / "last.keras").is_file()
    model = load_model(run)
    assert json.loads((run / "contract.json").read_text()) == model.contract.to_dict()
    assert model.factors[2].mean == (pytest.approx(faces.factors["yaw"][:32].mean(), abs=1e-6),)
    evaluation = finish(run)
    assert (evaluation.split, evaluation.num_images) == ("test", 32)


def test_recognition_is_the_expression_branch_of_the_graph(run, faces):
    images = faces.images(faces.indices("test"))
    logits = load_model(run).predict(images.astype(np.float32), verbose=0)["expression"]
    expected = np.asarray(keras.ops.softmax(logits))
    np.testing.assert_allclose(open_recognizer(run).recognize(images), expected, atol=1e-5)


def test_a_run_starts_from_another(run, faces):
    model = build_model(config(faces), faces, np.full(8, 1 / 8), 10)
    take_weights(model, run)
    for part in ("trunk", "expression_branch"):
        for one, other in zip(
            getattr(load_model(run), part).weights, getattr(model, part).weights, strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_erasure_is_refused(run):
    with pytest.raises(FERError, match="has a representation for each of several factors"):
        require_erasable(read_config(run), run)


# --- who moves under mixed batches ---------------------------------------------------------------


def first_batch(settings, *sources):
    known = factors_of_run(settings, *sources)
    batches = training_batches(settings, *sources, targets=known.targets)
    return known, batches, next(batches.pipeline(num_steps=2).as_numpy_iterator())


def test_rows_without_a_factor_are_masked(faces, photos):
    settings = config(faces, mixed_dataset="photos", mixed_share=0.25)
    known, _, (images, y) = first_batch(settings, faces, photos)
    assert images.shape == (16, 16, 16, 3)
    assert y["part"].tolist() == [0] * 12 + [1] * 4
    assert (y["identity"] >= 0).tolist() == [True] * 12 + [False] * 4
    assert np.isfinite(y["yaw"][:, 0]).tolist() == [True] * 12 + [False] * 4
    assert (y["expression"] >= 0).all()
    assert known.factors[0].size == 4


def moves(model, images, y):
    """Names of the parts that one step without momentum moves."""
    parts = {
        "trunk": model.trunk,
        "residual branch": model.residual_branch,
        **{f"{name} branch": part for name, part in model.branches.items()},
        **{f"{name} head": part for name, part in model.heads.items()},
    }
    before = {name: [value.numpy() for value in part.trainable_weights] for name, part in parts.items()}
    model.train_on_batch(images, y)
    return {
        name
        for name, part in parts.items()
        if any(
            np.abs(value.numpy() - old).max() > 0
            for value, old in zip(part.trainable_weights, before[name], strict=True)
        )
    }


@pytest.mark.parametrize("photos_only", [False, True])
def test_photos_move_the_expression_alone(faces, photos, photos_only):
    """A mixed batch moves every branch; with the faces taken out of its targets, those of the expression."""
    options = {"adversarial_weight": 0.0, "reconstruction_weight": 0.0, "decorrelation_weight": 0.0}
    settings = config(faces, mixed_dataset="photos", objective=options)
    known, batches, (images, y) = first_batch(settings, faces, photos)
    model = build_model(settings, faces, batches.prior, 10, photos, known)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    if photos_only:
        images, y = images[8:], {name: values[8:] for name, values in y.items()}
    moved = moves(model, images.astype(np.float32), y)
    expected = {"trunk", "expression branch", "expression head"}
    if not photos_only:
        expected |= {f"{name} {part}" for name in NAMES[1:] for part in ("branch", "head")}
    assert moved == expected


def test_the_other_data_set_may_be_the_one_that_knows(faces, photos):
    """Photos are validated on, and what is known of the rendered faces is learned beside."""
    settings = config(photos, mixed_dataset=str(faces.path))
    known, _, (_, y) = first_batch(settings, photos, faces)
    assert [factor.size for factor in known.factors] == [4, 1]
    assert (y["identity"] >= 0).tolist() == [False] * 8 + [True] * 8
    assert known.validation_targets() == {}


def test_people_who_are_judged_on_are_no_classes(faces):
    """Whoever is on validation or test images alone adds no class."""
    everybody = replace(faces, splits=np.zeros(len(faces), np.int8))
    assert factors_of_run(config(faces), everybody).factors[0].size == 12
    assert factors_of_run(config(faces), open_prepared(faces.path)).factors[0].size == 4


def test_the_expression_among_factors_is_adjusted_and_taken_back(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy")
    before = load_model(run)
    calibrate(copy, logit_adjustment=0.5)
    after = load_model(copy)
    changed = [
        now.path
        for now, then in zip(after.weights, before.weights, strict=True)
        if not np.array_equal(now, then)
    ]
    assert changed == [expression_bias(after).path]
    remove_calibration(copy)
    assert all(map(np.array_equal, load_model(copy).get_weights(), before.get_weights()))
