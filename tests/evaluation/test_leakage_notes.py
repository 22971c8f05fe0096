from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_notes import doubts, is_chance
from keras_fer.evaluation.metrics import Interval
from keras_fer.evaluation.probes import ProbeResult


def result(leakage=0.5, low=None, num_clusters=30, converged=True):
    low = leakage - 0.1 if low is None else low
    return ProbeResult(
        linear_mean=0.5,
        linear_sd=0.0,
        mlp_mean=0.6,
        mlp_sd=0.01,
        control_mean=0.13,
        control_sd=0.01,
        leakage=leakage,
        chance=0.125,
        num_classes=8,
        num_train=600,
        num_test=150,
        num_seeds=3,
        converged=converged,
        leakage_interval=Interval(low, leakage + 0.1),
        num_clusters=num_clusters,
    )


def probe(representation, found, rank=20.0, floor=False):
    return RepresentationProbe("model", representation, found, rank, 64, floor)


Z, F = "non_expression_representation", "face_features"


def test_nothing_to_doubt():
    assert list(doubts([probe(Z, result(0.2)), probe(F, result(0.5))])) == []


def test_what_an_interval_does_not_tell_from_chance():
    assert not is_chance(result(0.3))
    assert is_chance(result(0.05))
    assert is_chance(result(-0.01, low=float("nan")))
    assert not is_chance(result(0.05, low=float("nan")))


def test_what_was_never_known_cannot_leak():
    learned = [probe(Z, result(0.02)), probe(F, result(0.5)), probe(F, result(0.02), floor=True)]
    assert list(doubts(learned)) == []
    (note,) = doubts([probe(Z, result(0.02)), probe(F, result(0.02))])
    assert "what was never known cannot leak" in note


def test_collapse():
    for name in (Z, "residual_representation"):
        (note,) = doubts([probe(name, result(), rank=15.9), probe(F, result(), rank=1.0)])
        assert "uses 15.9 of 64 directions" in note
    assert list(doubts([probe(Z, result(), rank=16.1), probe(Z, result(), rank=1.0, floor=True)])) == []


def test_few_people_and_probes_that_did_not_converge():
    notes = list(doubts([probe(Z, result(num_clusters=19)), probe(F, result(converged=False))]))
    assert notes[0] == "Intervals over 19 people or images are rough: expression."
    assert notes[1] == "The linear probe of expression in face_features of model did not converge."
