import json

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.models.building import disentangling_model
from keras_fer.models.loading import load_model
from keras_fer.training.config import TrainingConfig
from keras_fer.training.fit import fit
from keras_fer.training.initial_weights import take_weights


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
    second = fit(config("second", weights=str(first), learning_rate=1e-12), verbose=0).folder
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
