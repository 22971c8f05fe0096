import subprocess

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.export.recipes import PRUNED
from keras_fer.export.toolkit import finetuned


@pytest.mark.parametrize("images", [None, np.zeros((0, 16, 16, 3), np.uint8), np.zeros((2, 16, 16, 3))])
def test_training_needs_images(classifier, contract, images):
    with pytest.raises(ValueError, match=r"pruned needs training images, uint8 \(n, 16, 16, 3\) with n > 0"):
        finetuned(classifier, contract, PRUNED, images)


def test_failure_of_the_other_process_is_one_sentence(classifier, contract, stripes, monkeypatch):
    def fail(command, **settings):
        assert settings["env"]["TF_USE_LEGACY_KERAS"] == "1"
        return subprocess.CompletedProcess(command, 1, "", "Traceback\nRuntimeError: no such layer\n")

    monkeypatch.setattr("keras_fer.export.toolkit.subprocess.run", fail)
    with pytest.raises(FERError, match=r"could not export by pruned: RuntimeError: no such layer\. Leave"):
        finetuned(classifier, contract, PRUNED, stripes(4)[0])
