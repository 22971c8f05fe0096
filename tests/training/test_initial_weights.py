import json
import os

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.models.building import disentangling_model
from keras_fer.models.loading import load_model
from keras_fer.training.config import TrainingConfig
from keras_fer.training.fit import fit
from keras_fer.training.initial_weights import take_classifier, take_weights


def model(num_expressions=8, **options):
    return disentangling_model(
        "plain_small",
        num_expressions,
        image_size=16,
        objective="paper",
        **{"representation_size": 8, **options},
    )


def weights(part):
    return [weight.numpy() for weight in part.weights]


def test_trunk_and_branch_are_taken_and_nothing_else(tmp_path):
    trained, new = model(), model(num_expressions=3)
    trained.save(tmp_path / "model.keras")
    kept = {part: weights(getattr(new, part)) for part in ("expression_head", "non_expression_branch")}
    critic = weights(new.critics[0])
    assert not np.array_equal(weights(new.trunk)[0], weights(trained.trunk)[0])
    take_weights(new, tmp_path)
    for part in ("trunk", "expression_branch"):
        for taken, given in zip(weights(getattr(new, part)), weights(getattr(trained, part)), strict=True):
            np.testing.assert_array_equal(taken, given)
    for part, before in kept.items():
        for now, then in zip(weights(getattr(new, part)), before, strict=True):
            np.testing.assert_array_equal(now, then)
    for now, then in zip(weights(new.critics[0]), critic, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("options", "part"),
    [({"representation_size": 16}, "expression branch"), ({"pooling": "flatten"}, "expression")],
)
def test_other_shapes_are_refused_and_change_nothing(tmp_path, options, part):
    model(**options).save(tmp_path / "model.keras")
    new = model()
    before = weights(new.trunk)
    with pytest.raises(FERError, match=rf"do not fit: its {part}.*has other shapes\. Take `backbone`"):
        take_weights(new, tmp_path / "model.keras")
    for now, then in zip(weights(new.trunk), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_run_starts_from_another(tmp_path, prepared_folder):
    def config(name, **options):
        return TrainingConfig(
            dataset=str(prepared_folder),
            output=str(tmp_path / name),
            preset="baseline",
            backbone="plain_small",
            epochs=1,
            steps_per_epoch=1,
            augmentation="none",
            ema_momentum=0.0,
            weight_decay=0.0,
            **options,
        )

    first = fit(config("first", seed=1), verbose=0).folder
    # With a rate this small the second run stays where it started: at the weights of the first.
    second = fit(config("second", weights=os.path.relpath(first), learning_rate=1e-12), verbose=0).folder
    kernels = [load_model(run).trunk.trainable_weights[0].numpy() for run in (first, second)]
    np.testing.assert_allclose(kernels[1], kernels[0], atol=1e-6)
    stored = json.loads((second / "config.json").read_text())
    assert stored["weights"] == str(first.resolve())


def test_no_such_run(tmp_path, prepared_folder):
    config = TrainingConfig(
        dataset=str(prepared_folder),
        output=str(tmp_path / "run"),
        backbone="plain_small",
        weights=str(tmp_path / "absent"),
    )
    with pytest.raises(FERError, match=r"There is no model at '.*absent'"):
        fit(config, verbose=0)
    assert not (tmp_path / "run").exists()


def small_config(dataset, output, **options):
    settings = {"backbone": "plain_small", "representation_size": 8, "non_expression_size": 8}
    settings |= {"batch_size": 8, "ema_momentum": 0.5}
    return TrainingConfig(dataset=str(dataset), output=str(output), **{**settings, **options})


@pytest.mark.parametrize("preset", ["disentangle", "disentangle_pairs"])
def test_a_frozen_classifier_stays_and_the_rest_learns(tmp_path, prepared_folder, preset):
    first = fit(
        small_config(prepared_folder, tmp_path / "first", preset="baseline", epochs=1), verbose=0
    ).folder
    result = fit(
        small_config(
            prepared_folder,
            tmp_path / "second",
            preset=preset,
            epochs=2,
            patience=1,
            weights=str(first),
            freeze_expression=True,
            objective_changes={"bank_size": 64 if preset == "disentangle" else 0},
        ),
        verbose=0,
    )
    before, after = load_model(first), load_model(result.folder)
    for part in ("trunk", "expression_branch", "expression_head"):
        for now, then in zip(weights(getattr(after, part)), weights(getattr(before, part)), strict=True):
            np.testing.assert_array_equal(now, then)
    learned = [
        not np.array_equal(now, then)
        for now, then in zip(
            weights(after.non_expression_branch), weights(before.non_expression_branch), strict=True
        )
    ]
    assert all(learned)
    assert result.best_epoch == 2  # Equally accurate after each epoch: the last has learned most.


def test_a_frozen_classifier_keeps_its_classes(tmp_path):
    model().save(tmp_path / "model.keras")
    with pytest.raises(
        FERError, match=r"keeps its classes, and .* has others: expression-0, .*expression-7\."
    ):
        take_classifier(model(num_expressions=3), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "disentangle"}, "needs a trained classifier to keep"),
        ({"preset": "baseline", "weights": "run"}, "'baseline' has nothing to learn"),
        ({"preset": "disentangle", "weights": "run", "factors": ("expression", "pose")}, "without `factors`"),
    ],
)
def test_what_cannot_be_frozen(options, message):
    with pytest.raises(FERError, match=message):
        TrainingConfig(dataset="data", output="run", freeze_expression=True, **options)
