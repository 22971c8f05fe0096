import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.models.critics import CriticBank, critic


def test_a_critic_is_two_hidden_layers_and_nothing_else(dtype_policy):
    dtype_policy("mixed_float16")
    judge = critic(5, 4)
    assert [type(layer).__name__ for layer in judge.layers] == [
        "InputLayer",
        "Dense",
        "LeakyReLU",
        "Dense",
        "LeakyReLU",
        "Dense",
    ]
    assert judge.count_params() == 5 * 256 + 256 + 256 * 256 + 256 + 256 * 4 + 4
    assert {layer.compute_dtype for layer in judge.layers[1:]} == {"float32"}
    assert judge(np.zeros((3, 5), np.float32)).shape == (3, 4)


def rows(*numbers):
    return np.array([[number, -number] for number in numbers], np.float32), np.eye(3, dtype=np.float32)[
        np.array(numbers, int) % 3
    ]


def stored(bank):
    return np.asarray(bank.rows)[:, 0].tolist()


def test_the_oldest_rows_are_written_over():
    bank = CriticBank(5, (2,), 3)
    bank.push(*rows(1, 2, 3))
    assert stored(bank) == [1, 2, 3, 0, 0]
    bank.push(*rows(4, 5, 6))
    assert stored(bank) == [6, 2, 3, 4, 5]
    bank.push(*rows(7, 8, 9))
    assert stored(bank) == [6, 7, 8, 9, 5]
    np.testing.assert_array_equal(np.asarray(bank.labels), rows(6, 7, 8, 9, 5)[1])


def test_draws_by_hand():
    bank = CriticBank(8, (2,), 3)
    bank.push(*rows(1, 2, 3, 4))
    representations, labels = bank.draw(np.array([0.0, 0.2499, 0.25, 0.99999994], np.float32))
    np.testing.assert_array_equal(np.asarray(representations), rows(1, 1, 2, 4)[0])
    np.testing.assert_array_equal(np.asarray(labels), rows(1, 1, 2, 4)[1])


@given(st.integers(1, 7), st.lists(st.integers(1, 4), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_draws_hold_exactly_the_newest_rows(capacity, sizes):
    bank = CriticBank(capacity, (2,), 3)
    count = 0
    for size in sizes:
        size = min(size, capacity)
        bank.push(*rows(*range(count + 1, count + size + 1)))
        count += size
    newest = set(range(max(1, count - capacity + 1), count + 1))
    drawn, _ = bank.draw(np.linspace(0, 0.9999, 4 * capacity, dtype=np.float32))
    assert set(np.asarray(drawn)[:, 0].astype(int)) == newest
    assert int(bank.count) < 2 * capacity


def test_a_batch_larger_than_the_bank_is_refused():
    with pytest.raises(ValueError, match=r"holds 2 images.*Received: 3"):
        CriticBank(2, (2,), 3).push(*rows(1, 2, 3))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_face_features_are_kept_in_half_precision_without_infinities(dtype):
    bank = CriticBank(3, (1, 2, 1), 3, keeps_features=True)
    features = np.array([[0.125, 1e6], [-1e6, 2]], np.float32).reshape(2, 1, 2, 1)
    bank.push(keras.ops.cast(features, dtype), rows(1, 2)[1])
    assert bank.rows.dtype == "float16"
    drawn, _ = bank.draw(np.array([0.0, 0.5], np.float32))
    assert keras.ops.dtype(drawn) == "float32"
    np.testing.assert_array_equal(
        np.asarray(drawn).ravel(), np.array([0.125, 65504, -65504, 2], np.float16).astype(np.float32)
    )


def test_nothing_of_the_bank_is_trained():
    bank = CriticBank(4, (2,), 3)
    assert bank.trainable_variables == []
    assert len(bank.non_trainable_variables) == 3


def test_no_gradient_through_the_bank():
    import tensorflow as tf

    bank = CriticBank(4, (2,), 3)
    values = tf.Variable(rows(1, 2)[0])
    with tf.GradientTape() as tape:
        bank.push(values, rows(1, 2)[1])
        drawn, _ = bank.draw(np.zeros(3, np.float32))
        total = tf.reduce_sum(drawn)
    assert tape.gradient(total, values) is None


def test_config_round_trip():
    config = CriticBank(4, (2, 2, 5), 3, keeps_features=True, name="bank").get_config()
    bank = CriticBank.from_config(config)
    assert bank.get_config() == config
    assert (bank.capacity, bank.shape, bank.label_size, bank.name) == (4, (2, 2, 5), 3, "bank")
    assert bank.keeps_features
    assert isinstance(bank, keras.layers.Layer)
