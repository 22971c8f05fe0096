"""Fake decoders whose scores are known: one that makes the truth, others that ignore half of their input."""

import json

import numpy as np
import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.rendering import render_together
from keras_fer.evaluation.face_codec import FaceCodec
from keras_fer.evaluation.oracle import Judgement
from keras_fer.evaluation.picture_quality import LARGEST_PSNR_DB
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.evaluation.swap import MEAN_EXPRESSION, RECONSTRUCTION, SWAP, TRUTH, swap_test
from keras_fer.evaluation.swap_pairs import swap_pairs

FACES = SyntheticConfig(image_size=32, difficulty="easy")
NUM_PAIRS, NUM_PEOPLE = 56, 4
MEAN = np.full(1, -1.0)


def targets(renders):
    return (renders @ np.array([0.299, 0.587, 0.114], np.float32) / 127.5 - 1)[..., None]


class World:
    """All pictures of the test by name, so that fakes can look up what is shown."""

    def __init__(self):
        pairs = swap_pairs(FACES, NUM_PAIRS, NUM_PEOPLE)
        self.renders = {
            kind: render_together(FACES, [getattr(pair, kind) for pair in pairs])
            for kind in ("a", "b", "truth")
        }
        self.pictures = {kind: targets(renders) for kind, renders in self.renders.items()}
        self.labels = {kind: [getattr(pair, kind).expression.label for pair in pairs] for kind in ("a", "b")}
        self.people = [pair.person for pair in pairs]
        self.codes = {
            render.tobytes(): float(row + NUM_PAIRS * (kind == "b"))
            for kind in ("a", "b")
            for row, render in enumerate(self.renders[kind])
        }
        self.shown = {
            **{
                picture.tobytes(): (self.labels["a"][row], self.people[row])
                for row, picture in self.rows("truth")
            },
            **{
                picture.tobytes(): (self.labels["b"][row], self.people[row])
                for row, picture in self.rows("b")
            },
        }

    def rows(self, kind):
        return enumerate(self.pictures[kind])

    def encode(self, renders):
        """Both representations say which picture it is: row, plus the number of pairs for a b."""
        codes = np.array([[self.codes[render.tobytes()]] for render in renders])
        return {EXPRESSION_REPRESENTATION: codes, NON_EXPRESSION_REPRESENTATION: codes}

    def judge(self, pictures, scenes):
        """Looks up what is shown; of a picture that it does not know it says the first of all."""
        found = [self.shown.get(picture.tobytes(), (0, 0)) for picture in pictures]
        return Judgement(*(np.array(column) for column in zip(*found, strict=True)))


@pytest.fixture(scope="module")
def world():
    return World()


def result(world, decode):
    codec = FaceCodec(world.encode, decode, targets, (32, 32, 1))
    return swap_test(codec, world.judge, FACES, MEAN, NUM_PAIRS, NUM_PEOPLE)


@pytest.fixture(scope="module")
def perfect(world):
    def decode(expression, held):
        """The truth for the expression of an a; b as it was for its own or the mean expression."""
        rows = held[:, 0].astype(int) - NUM_PAIRS
        from_a = (expression[:, 0] >= 0) & (expression[:, 0] < NUM_PAIRS)
        np.testing.assert_array_equal(expression[from_a, 0], rows[from_a])
        return np.where(from_a[:, None, None, None], world.pictures["truth"][rows], world.pictures["b"][rows])

    return result(world, decode)


def test_a_decoder_that_makes_the_truth_reaches_the_ceiling(perfect):
    truth, swap = perfect.scores[TRUTH], perfect.scores[SWAP]
    for scores in (truth, swap):
        assert (scores.expression_of_a, scores.expression_of_b, scores.identity_of_b) == (1, 0, 1)
        assert scores.expression_of_a_interval == (pytest.approx(0.936, abs=0.001), 1.0)
    assert (swap.psnr_db, swap.changed_psnr_db) == (LARGEST_PSNR_DB, LARGEST_PSNR_DB)
    assert swap.ssim == pytest.approx(1)
    assert perfect.expression_transfer == perfect.identity_kept == 1
    assert np.isnan([truth.psnr_db, truth.changed_psnr_db, truth.ssim]).all()


def test_references_that_show_b_as_it_was(perfect):
    for kind in (MEAN_EXPRESSION, RECONSTRUCTION):
        scores = perfect.scores[kind]
        assert (scores.expression_of_a, scores.expression_of_b, scores.identity_of_b) == (0, 1, 1)
        # The face moves, the background does not: what is wrong is wrong where the expression changes.
        assert 15 < scores.changed_psnr_db < scores.psnr_db < 45
        assert scores.ssim < 0.99
    assert perfect.own_psnr_db == LARGEST_PSNR_DB
    assert perfect.own_ssim == pytest.approx(1)
    assert perfect.oracle_expression == perfect.oracle_identity == 1


def test_a_decoder_that_ignores_both_is_at_chance(world):
    blank = result(world, lambda expression, held: np.zeros((len(held), 32, 32, 1), np.float32))
    scores = blank.scores[SWAP]
    # The judge calls a blank picture neutral, and one in eight of the faces wanted is neutral.
    assert scores.expression_of_a == scores.expression_of_b == blank.chance_expression == 0.125
    assert scores.identity_of_b == blank.chance_identity == 0.25
    assert blank.expression_transfer == blank.identity_kept == 0
    assert blank.scores[TRUTH].expression_of_a == 1


def test_a_decoder_that_ignores_the_expression_keeps_that_of_b(world):
    kept = result(world, lambda expression, held: world.pictures["b"][held[:, 0].astype(int) - NUM_PAIRS])
    scores = kept.scores[SWAP]
    assert (scores.expression_of_a, scores.expression_of_b, scores.identity_of_b) == (0, 1, 1)
    assert scores == kept.scores[RECONSTRUCTION]
    assert kept.expression_transfer == pytest.approx(-1 / 7)


def test_chunks_do_not_matter(world, monkeypatch):
    monkeypatch.setattr("keras_fer.evaluation.swap._CHUNK", 20)
    done = []
    codec = FaceCodec(
        world.encode,
        lambda expression, held: np.zeros((len(held), 32, 32, 1), np.float32),
        targets,
        (32, 32, 1),
    )
    parts = swap_test(
        codec, world.judge, FACES, MEAN, NUM_PAIRS, NUM_PEOPLE, lambda *counts: done.append(counts)
    )
    assert done == [(20, 56), (40, 56), (56, 56)]
    assert parts.scores[TRUTH].expression_of_a == 1
    assert parts.scores[SWAP].identity_of_b == 0.25


def test_the_result_is_plain_json(perfect):
    document = json.loads(json.dumps(perfect.to_dict(), allow_nan=False))
    assert list(document["scores"]) == [TRUTH, SWAP, MEAN_EXPRESSION, RECONSTRUCTION]
    assert document["scores"][TRUTH]["psnr_db"] is None
    assert document["scores"][SWAP]["expression_of_a_interval"][1] == 1
    assert document["expression_transfer"] == 1
    assert (document["num_pairs"], document["num_people"]) == (NUM_PAIRS, NUM_PEOPLE)
