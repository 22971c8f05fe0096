"""What processes must have alike; `test_train_cluster.py` has two that do not."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.prepared import open_prepared
from keras_fer.errors import FERError
from keras_fer.training.agreement import agreement_numbers, require_agreement, shared_facts
from keras_fer.training.checkpoint_folder import SUMS, Checkpoint
from keras_fer.training.config import TrainingConfig


def differing(ours, theirs):
    """Returns what the sentence names where the second of two processes has other facts."""
    everywhere = np.concatenate([agreement_numbers(ours), agreement_numbers(theirs)])
    with pytest.raises(FERError, match="these do not; they differ in: ") as found:
        require_agreement(ours, everywhere, 2)
    with pytest.raises(FERError):
        require_agreement(theirs, everywhere, 2)
    return str(found.value).partition("differ in: ")[2].partition(". Start")[0]


@pytest.fixture
def config(tmp_path):
    model = tmp_path / "weights.keras"
    model.write_bytes(b"model")
    return TrainingConfig("data", "run", batch_size=8, workers=2, weights=str(model), teachers=(str(model),))


@pytest.fixture
def dataset(prepared_folder):
    return open_prepared(prepared_folder)


def test_places_and_ways_of_writing_may_differ(config, dataset, tmp_path):
    shutil.copytree(dataset.path, tmp_path / "copied")
    shutil.copy(config.weights, tmp_path / "other.keras")
    theirs = replace(
        config,
        **{"dataset": "there", "output": "elsewhere", "weights": str(tmp_path / "other.keras")},
        **{"teachers": (str(tmp_path / "other.keras"),), "patience": 10, "mixup_alpha": 0},
    )
    facts = [shared_facts(config, dataset), shared_facts(theirs, open_prepared(tmp_path / "copied"))]
    assert facts[0] == facts[1]
    require_agreement(facts[0], np.concatenate([agreement_numbers(one) for one in facts]), 2)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed (here 0)"),
        ({"preset": "baseline"}, "preset (here paper)"),
        ({"objective_changes": {"adversarial_weight": 0.5}}, "objective_changes (here {})"),
        ({"seed": 2, "epochs": 3}, "epochs (here 24), seed (here 0)"),
    ],
)
def test_other_options(config, dataset, change, named):
    assert differing(shared_facts(config, dataset), shared_facts(replace(config, **change), dataset)) == named


def test_other_contents(config, dataset, tmp_path):
    ours = shared_facts(config, dataset)
    for changed in (
        replace(dataset, content_hash="0" * 64),
        replace(dataset, label_names=dataset.label_names[::-1]),
    ):
        assert differing(ours, shared_facts(config, changed)).startswith("dataset (here ")
        assert differing(ours, shared_facts(config, dataset, changed)) == "mixed_dataset (here null)"
    other = tmp_path / "other.keras"
    other.write_bytes(b"another")
    for name, value in (("weights", str(other)), ("teachers", (str(other),))):
        assert differing(ours, shared_facts(replace(config, **{name: value}), dataset)).startswith(name)


def test_other_checkpoints(config, dataset, tmp_path):
    states = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / SUMS).write_text(name)
        states.append(Checkpoint(tmp_path / name, 1, False, {}))
    ours, theirs = (shared_facts(config, dataset, checkpoint=state) for state in states)
    assert differing(ours, theirs).startswith("checkpoint (here ")
    later = shared_facts(config, dataset, checkpoint=replace(states[0], epoch=2))
    assert differing(ours, later) == "epochs done (here 2)"
    assert differing(shared_facts(config, dataset), later).startswith("weights (here ")


def test_another_version_with_other_options(config, dataset):
    ours = shared_facts(config, dataset)
    theirs = {**ours, "an option": "1"}
    assert differing(ours, theirs).startswith("version of keras_fer (here ")
