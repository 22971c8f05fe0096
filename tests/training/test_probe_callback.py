import keras
import numpy as np
import pytest

from keras_fer.evaluation.effective_rank import effective_rank
from keras_fer.evaluation.probes import probe_representations
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.models.building import disentangling_model
from keras_fer.models.normalization import StandardizedGray
from keras_fer.training.probe_callback import ProbeCallback

LABELS = np.arange(48) % 2
# A side of the picture is bright, by class; the held-out pictures have other noise.
NOISE = np.random.default_rng(0).integers(0, 100, (2, 48, 16, 16, 3), np.uint8)
NOISE[:, LABELS == 1, :8] += 100
TRAIN, HELD_OUT = (NOISE[0], LABELS), (NOISE[1], LABELS)


def model(momentum=None):
    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(4, 3, strides=8, padding="same")(StandardizedGray()(images))
    built = disentangling_model(
        keras.Model(images, features), 2, objective="paper", representation_size=6, non_expression_size=4
    )
    averages = {} if momentum is None else {"use_ema": True, "ema_momentum": momentum}
    built.compile(keras.optimizers.SGD(0.05, **averages), critic_optimizer=keras.optimizers.SGD(0.05))
    return built


def trained(callbacks, epochs=1, momentum=None, **options):
    built = model(momentum)
    history = built.fit(
        *TRAIN, batch_size=16, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks, **options
    )
    return built, history.history


def test_the_numbers_are_those_of_probes_on_the_trained_model():
    built, history = trained([ProbeCallback(TRAIN, HELD_OUT, seed=3)])
    train, held_out = (built.representations.predict(images, verbose=0) for images in (NOISE[0], NOISE[1]))
    for name, score, rank in (
        (NON_EXPRESSION_REPRESENTATION, "val_leakage", "val_effective_rank"),
        (EXPRESSION_REPRESENTATION, "val_retention", "val_expression_effective_rank"),
    ):
        wanted = probe_representations(
            train[name], LABELS, held_out[name], LABELS, seeds=(3,), control=False
        ).leakage
        assert history[score] == [pytest.approx(wanted, abs=0.05)]
        assert history[rank] == [pytest.approx(effective_rank(held_out[name]), rel=1e-4)]
    assert history["val_retention"][0] > 0.5  # A bright side is easy.


def test_every_second_epoch():
    rows = []
    record = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rows.append(dict(logs)))
    trained([ProbeCallback(TRAIN, HELD_OUT, every=2), record], epochs=3)
    assert ["val_leakage" in row for row in rows] == [False, True, False]


def test_a_rank_that_validation_has_logged_stays():
    callback = ProbeCallback(TRAIN, HELD_OUT)
    callback.set_model(model())
    callback.on_train_begin()
    logs = {"val_effective_rank": 2.5}
    callback.on_epoch_end(0, logs)
    assert logs["val_effective_rank"] == 2.5
    assert set(logs) == {
        *("val_effective_rank", "val_expression_effective_rank", "val_leakage", "val_retention")
    }


def test_training_takes_the_same_way():
    with_probes = trained([ProbeCallback(TRAIN, HELD_OUT)], epochs=2)[0]
    without = trained([], epochs=2)[0]
    for one, other in zip(with_probes.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_averaged_weights_are_seen_as_validation_sees_them():
    raw = []
    before = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: raw.append(before.model.trunk.get_weights())
    )
    probes = ProbeCallback(TRAIN, HELD_OUT)
    averages = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    built, history = trained([before, averages, probes], momentum=0.9)
    assert any((one != other).any() for one, other in zip(raw[0], built.trunk.get_weights(), strict=True))
    # Training ends with the averages in the model.
    ranks = probes.measure()
    assert history["val_expression_effective_rank"] == [ranks["expression_effective_rank"]]


def test_the_cost_is_bounded_and_rows_without_a_label_are_left_out():
    seen = []
    callback = ProbeCallback(TRAIN, (NOISE[1], np.where(np.arange(48) < 8, -1, LABELS)), max_rows=20)
    built = model()
    callback.set_model(built)
    callback.on_train_begin()
    function = callback._function
    callback._function = lambda images: seen.append(len(images)) or function(images)
    callback.measure()
    assert seen == [20, 20]
    assert (callback._held_out[1] >= 0).all()


def test_a_representation_that_is_not_finite_gives_nan():
    callback = ProbeCallback(TRAIN, HELD_OUT)
    callback.set_model(model())
    callback.on_train_begin()
    function = callback._function
    callback._function = lambda images: {
        **function(images),
        NON_EXPRESSION_REPRESENTATION: np.full((len(images), 4), np.nan, np.float32),
    }
    found = callback.measure()
    assert np.isnan([found["leakage"], found["effective_rank"]]).all()
    assert np.isfinite([found["retention"], found["expression_effective_rank"]]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TRAIN, HELD_OUT, 0), "`every` must be at least 1"),
        ((TRAIN, HELD_OUT, 1, 1), "`max_rows` at least 2"),
        ((TRAIN, (NOISE[1], LABELS[:3])), r"labels \(n,\)"),
        ((TRAIN, (NOISE[1], np.zeros(48, int))), "two classes with images"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ProbeCallback(*arguments)


def test_a_model_without_representations():
    plain = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Received: Sequential without"):
        plain.fit(*TRAIN, verbose=0, callbacks=[ProbeCallback(TRAIN, HELD_OUT)])
