"""How crops lie around the box of a detector."""

import pytest

from keras_fer.data.crop_convention import CropConvention, crop_convention


@pytest.mark.parametrize("source", ["fer2013", "ferplus"])
def test_ready_crops_lie_where_they_were_measured(source):
    assert crop_convention({"source": source, "config": {"crop_margin": 0.0}}) == CropConvention(0.09, -0.09)
    assert crop_convention({"source": source}) == CropConvention(0.09, -0.09)


def test_boxes_are_enlarged_by_what_was_chosen():
    info = {"source": "affectnet", "config": {"crop_margin": 0.2}}
    assert crop_convention(info) == CropConvention(0.2, 0.0)


def test_other_crops_are_taken_as_they_are():
    assert crop_convention({"source": "folder", "config": {"crop_margin": 0.0}}) == CropConvention()
    assert crop_convention({}) == CropConvention()
