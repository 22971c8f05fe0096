from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_fer.data.prepared import open_prepared
from keras_fer.training.config import TrainingConfig
from keras_fer.training.draw_seed import draw_seed
from keras_fer.training.run_model import _ema_momentum, build_model, compile_model


@pytest.fixture
def config(prepared_folder):
    def make(**changes):
        values = {"dataset": str(prepared_folder), "output": "run", "backbone": "plain_small"}
        return TrainingConfig(**{**values, **changes})

    return make


def test_a_short_run_is_not_averaged_over_its_initial_weights():
    assert _ema_momentum(0.998, 20) == 0.5
    assert _ema_momentum(0.998, 5) == 0
    assert _ema_momentum(0.998, 12_000) == 0.998


def test_critics_know_the_prior_of_the_sampler_and_are_ramped(config):
    settings = config(preset="paper")
    dataset = open_prepared(settings.dataset)
    prior = np.array([0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    objective = build_model(settings, dataset, prior, num_steps=500).objective
    assert objective.class_prior == tuple(prior)
    assert objective.adversarial_ramp_steps == 50


def test_the_contract_says_how_the_crops_of_the_source_lie(config):
    settings = config()
    dataset = open_prepared(settings.dataset)
    assert build_model(settings, dataset, (1 / 8,) * 8, 16).contract.crop_shift == 0
    ferplus = replace(dataset, info={**dataset.info, "source": "ferplus"})
    contract = build_model(settings, ferplus, (1 / 8,) * 8, 16).contract
    assert (contract.crop_margin, contract.crop_shift) == (0.09, -0.09)


@pytest.mark.parametrize("devices", ["1", "2"])
def test_what_several_devices_need_of_a_model(config, devices):
    settings = config(devices=devices)
    model = build_model(settings, open_prepared(settings.dataset), (1 / 8,) * 8, 16)
    compile_model(model, settings, 16, augmented=lambda images, seed, pairs: images)
    layers = [layer for layer in model.trunk.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.synchronized for layer in layers} == {devices != "1"}
    assert (model.augmentation is None) == (devices != "1")


def test_the_non_expression_branch_is_as_wide_as_the_config_says(config):
    settings = config(preset="disentangle", non_expression_hidden_size=24, non_expression_size=6)
    model = build_model(settings, open_prepared(settings.dataset), (1 / 8,) * 8, 16)
    assert model.non_expression_branch.get_layer("hidden").units == 24
    assert model.non_expression_branch.output_shape == (None, 6)


def test_a_run_from_weights_changes_images_otherwise_than_the_one_that_made_them(config):
    first = config(seed=5)
    model = build_model(first, open_prepared(first.dataset), (1 / 8,) * 8, 16)
    second = config(seed=5, weights="first")
    seeds = []
    for settings in (first, second):
        compile_model(model, settings, 16, augmented=lambda images, seed, pairs: images)
        seeds.append(model.augmentation_seed)
    assert seeds == [5, draw_seed(second)]
    assert seeds[1] != 5


def test_the_source_of_the_images_is_named_once(config):
    settings = config()
    dataset = open_prepared(settings.dataset)

    def stated(**info):
        return build_model(settings, replace(dataset, info=info), (1 / 8,) * 8, 16).contract.training_data

    assert stated(source="ferplus", description="ferplus, fer2013new.csv") == "ferplus, fer2013new.csv"
    assert stated(source="fer", description="ferplus, fer2013new.csv") == "fer; ferplus, fer2013new.csv"
    assert stated(source="folder", description="photos of ours") == "folder; photos of ours"
    assert stated(source="folder") == "folder"
