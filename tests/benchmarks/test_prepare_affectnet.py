"""The made-up trees are AffectNet to its reader, and their preparation leaves nothing out."""

import numpy as np
import prepare_affectnet
import pytest

from keras_fer.data.readers import open_source

NUMBER = 640


@pytest.mark.parametrize("layout", list(prepare_affectnet.LAYOUTS))
def test_trees_are_read_in_whole(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(prepare_affectnet, "DISTINCT_IMAGES", 8)
    pool = tmp_path / "pool"
    pool.mkdir()
    prepare_affectnet.LAYOUTS[layout](tmp_path / "AffectNet", NUMBER, pool, 32)
    reader = open_source("affectnet", tmp_path / "AffectNet")
    records = list(reader)
    assert len(records) == NUMBER
    assert {record.dropped for record in records} == {None}
    assert np.bincount([record.label for record in records]).tolist() == [NUMBER // 8] * 8
    assert sum(record.split == "test" for record in records) == -(-NUMBER // 73)
    assert all((record.box is not None) == (layout == "csv") for record in records)
    assert all((record.valence_arousal is not None) == (layout != "folders") for record in records)
    assert prepare_affectnet.pillow_rate(pool) > 0


def test_growth_by_hand():
    one = prepare_affectnet.Cost(num_images=10_000, cpu_s=20.0, peak_mb=340.0, limit=1000.0)
    other = prepare_affectnet.Cost(num_images=30_000, cpu_s=60.0, peak_mb=346.0, limit=1000.0)
    assert prepare_affectnet.bytes_per_image(one, other) == pytest.approx(300)
