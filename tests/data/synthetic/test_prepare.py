import multiprocessing

import numpy as np
import pytest

from keras_fer.data.prepared import open_prepared
from keras_fer.data.synthetic import prepare
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render
from keras_fer.data.synthetic.prepare import prepare_synthetic, render_rows
from keras_fer.errors import FERError

CONFIG = SyntheticConfig(num_images=320, image_size=32, pairs=True, label_noise=0.2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepare_synthetic(CONFIG, tmp_path_factory.mktemp("synthetic") / "faces")


def test_the_prepared_set_holds_the_rendered_images_and_all_that_is_known(dataset):
    assert len(dataset) == 320
    assert dataset.image_shape == (32, 32, 3)
    assert dataset.crop_size == 32
    for index in (0, 1, 150, 319):
        image, known = render(CONFIG, index)
        np.testing.assert_array_equal(dataset.images([index])[0], image)
        assert dataset.labels[index] == CONFIG.label(index)
        assert dataset.subjects[index] == CONFIG.identity(index)
        assert dataset.splits[index] == CONFIG.split(index)
        assert dataset.pairs[index] == index // 2
        assert dataset.factors.keys() == known.keys()
        for name, value in known.items():
            np.testing.assert_array_equal(dataset.factors[name][index], value)
    assert dataset.factors["action_units"].shape == (320, 38)


def test_noisy_labels_keep_the_clean_one(dataset):
    assert 0.1 < (dataset.labels != dataset.factors["clean_label"]).mean() < 0.3


def test_splits_share_no_person(dataset):
    people = [
        set(dataset.subjects[dataset.indices(split)].tolist()) for split in ("train", "validation", "test")
    ]
    assert all(people)
    assert sum(map(len, people)) == len(set.union(*people))


def test_the_configuration_is_on_record(dataset):
    assert dataset.info["source"] == "synthetic"
    assert dataset.info["config"]["difficulty"] == "standard"
    assert dataset.info["config"]["generator_version"] == 1
    open_prepared(dataset.path, verify="checksums")


def test_processes_render_what_one_process_renders(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr(prepare, "_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(prepare, "_CHUNK", 100)
    monkeypatch.setattr(prepare.os, "cpu_count", lambda: 2)
    calls = []
    parallel = prepare_synthetic(
        CONFIG, tmp_path / "faces", num_workers=64, progress=lambda done, total: calls.append((done, total))
    )
    assert parallel.content_hash == dataset.content_hash
    assert calls == [(0, 320), (100, 320), (200, 320), (300, 320), (320, 320)]
    assert multiprocessing.active_children() == []


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr(prepare, "_CHUNK", 40)
    writer = prepare.PreparedWriter
    monkeypatch.setattr(prepare, "PreparedWriter", lambda *a, **k: writer(*a, **k, rows_per_shard=80))

    def stop(done, total):
        if done >= 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_synthetic(CONFIG, tmp_path / "faces", progress=stop)
    assert not (tmp_path / "faces").exists()
    calls = []
    resumed = prepare_synthetic(CONFIG, tmp_path / "faces", progress=lambda done, total: calls.append(done))
    assert calls[0] == 160
    np.testing.assert_array_equal(resumed.images(np.arange(320)), dataset.images(np.arange(320)))
    np.testing.assert_array_equal(resumed.factors["yaw"], dataset.factors["yaw"])


def test_an_output_in_use_is_refused(tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "note.txt").write_text("mine")
    with pytest.raises(FERError, match="exists already"):
        prepare_synthetic(CONFIG, tmp_path / "faces")


def test_rows_are_rendered_on_one_thread_and_the_setting_is_restored():
    import cv2

    cv2.setNumThreads(2)
    rows = render_rows(CONFIG, 10, 14)
    assert cv2.getNumThreads() == 2
    assert rows.images.shape == (4, 32, 32, 3)
    np.testing.assert_array_equal(rows.images[1], render(CONFIG, 11)[0])
