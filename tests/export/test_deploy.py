import dataclasses

import keras
import numpy as np
import pytest

from keras_fer.export.deploy import deploy_model, float32_classifier, with_representation


def softmax(values):
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("input_dtype", ["float32", "uint8"])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_probabilities_are_the_softmax_of_logits_over_temperature(
    classifier, contract, stripes, input_dtype, temperature
):
    contract = dataclasses.replace(contract, temperature=temperature)
    model = deploy_model(classifier, contract, input_dtype)
    images, _ = stripes(3)
    logits = np.asarray(classifier(images.astype(np.float32)), np.float64)
    answers = [np.asarray(model(image[None].astype(input_dtype)))[0] for image in images]
    np.testing.assert_allclose(answers, softmax(logits / temperature), atol=1e-6)


def test_ends_and_static_batch(classifier, contract):
    model = deploy_model(classifier, contract, "uint8")
    assert [tensor.name for tensor in model.inputs] == ["images"]
    assert model.input_shape == (1, 16, 16, 3)
    assert model.input.dtype == "uint8"
    assert model.output_names == ["probabilities"]
    assert model.output_shape == (1, 4)


def test_nothing_that_only_training_needs():
    images = keras.Input((16, 16, 3))
    trunk = keras.layers.Conv2D(8, 3, strides=8, name="trunk")(images)
    pooled = keras.layers.GlobalAveragePooling2D()(trunk)
    logits = keras.layers.Dense(4, name="head")(pooled)
    decoded = keras.layers.Dense(300, name="decoder")(keras.layers.Flatten()(trunk))
    whole = keras.Model(images, {"expression": logits, "reconstruction": decoded})
    from keras_fer.contract import ModelContract

    contract = ModelContract(("a", "b", "c", "d"), 16)
    deployed = deploy_model(keras.Model(whole.input, whole.output["expression"]), contract)
    assert deployed.count_params() == (3 * 3 * 3 * 8 + 8) + (8 * 4 + 4)
    assert whole.count_params() > 2 * deployed.count_params()


def test_mixed_precision_becomes_float32():
    keras.utils.set_random_seed(0)
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    images = keras.Input((16, 16, 3))
    inner_images = keras.Input((16, 16, 3))
    inner = keras.layers.Conv2D(4, 3, dtype=policy)(
        keras.layers.Rescaling(1 / 255, dtype=policy)(inner_images)
    )
    trunk = keras.Model(inner_images, keras.layers.BatchNormalization(dtype=policy)(inner), name="trunk")
    pooled = keras.layers.GlobalAveragePooling2D(dtype=policy)(trunk(images))
    mixed = keras.Model(images, keras.layers.Dense(4, dtype=policy)(pooled))
    exact = float32_classifier(mixed)
    assert exact.output.dtype == "float32"
    assert exact.count_params() == mixed.count_params()
    pictures = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(exact(pictures), np.float32(mixed(pictures)), atol=5e-3)
    assert float32_classifier(exact) is exact


def test_another_size_or_number_of_labels_is_refused(classifier, contract):
    with pytest.raises(ValueError, match=r"\(batch, 24, 24, 3\).*Received: \(None, 16, 16, 3\)"):
        deploy_model(classifier, dataclasses.replace(contract, image_size=24))
    with pytest.raises(ValueError, match=r"logits \(batch, 2\)"):
        deploy_model(classifier, dataclasses.replace(contract, label_names=("a", "b")))


def test_representation_is_what_the_last_layer_sees(classifier, contract, stripes):
    model = deploy_model(classifier, contract, representation=True, batch_size=None)
    assert model.count_params() == classifier.count_params()
    images = stripes(5)[0].astype(np.float32)
    answers = model(images)
    head = classifier.get_layer("logits")
    logits = np.asarray(head(answers["expression_representation"]), np.float64)
    np.testing.assert_allclose(answers["probabilities"], softmax(logits / contract.temperature), atol=1e-6)
    np.testing.assert_allclose(logits, classifier(images), atol=1e-5)


def test_representation_of_a_head_that_is_a_model_of_its_own():
    from keras_fer.labels import EXPRESSIONS_7
    from keras_fer.models.building import disentangling_model

    whole = disentangling_model(
        "plain_small", image_size=48, objective="baseline", label_names=EXPRESSIONS_7, representation_size=9
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3)).astype(np.float32)
    found = with_representation(whole.classifier)(images)[1]
    np.testing.assert_allclose(found, whole(images)["expression_representation"], atol=1e-6)


def test_a_last_layer_on_a_picture_gives_no_representation():
    images = keras.Input((16, 16, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(images))
    with pytest.raises(ValueError, match=r"\(batch, d\)\. Received: '.*pooling"):
        with_representation(keras.Model(images, pooled))
