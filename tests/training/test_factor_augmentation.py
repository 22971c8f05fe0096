"""What an augmentation may not do where a factor is known."""

from dataclasses import fields

import numpy as np
import pytest
import tensorflow as tf

from keras_fer.data.augmentation import AUGMENTATIONS, AugmentationConfig, augment
from keras_fer.training.factor_augmentation import CHANGED_BY, factor_augmentation, left_out


def test_nothing_is_left_out_for_what_no_augmentation_changes():
    names = ("expression", "identity", "glasses")
    assert factor_augmentation(names, AUGMENTATIONS["strong"]) == AUGMENTATIONS["strong"]
    assert left_out(names, AUGMENTATIONS["strong"]) == ()


def test_a_face_is_neither_mirrored_nor_turned_where_its_pose_is_known():
    assert left_out(("expression", "pose"), AUGMENTATIONS["standard"]) == ("flip", "rotation_degrees")
    changed = factor_augmentation(("expression", "pose"), AUGMENTATIONS["standard"])
    assert (changed.flip, changed.rotation_degrees) == (0, 0)
    assert changed.zoom == AUGMENTATIONS["standard"].zoom
    assert changed.erasing == AUGMENTATIONS["standard"].erasing
    assert left_out(("pose",), AUGMENTATIONS["none"]) == ()


def test_the_table_names_changes_that_there_are():
    assert {name for names in CHANGED_BY.values() for name in names} <= {
        field.name for field in fields(AugmentationConfig)
    }


@pytest.mark.parametrize(("factor", "keeps"), [("yaw", True), ("identity", False)])
def test_the_left_half_stays_left(factor, keeps):
    """Sixteen images whose left half is white, under everything that `light` may do."""
    images = np.zeros((16, 16, 16, 3), np.uint8)
    images[:, :, :8] = 255
    views = augment(
        tf.constant(images),
        factor_augmentation((factor,), AUGMENTATIONS["light"]),
        16,
        16,
        tf.constant([0, 0]),
    )
    left = views[:, :, :6].numpy().mean(axis=(1, 2, 3)) > views[:, :, 10:].numpy().mean(axis=(1, 2, 3))
    assert left.all() == keeps
