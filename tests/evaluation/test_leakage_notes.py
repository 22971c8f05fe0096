from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_notes import doubts, is_chance


def probe(representation, found, rank=20.0, floor=False):
    return RepresentationProbe("model", representation, found, rank, 64, floor)


Z, F = "non_expression_representation", "face_features"


def test_nothing_to_doubt(probe_result):
    assert list(doubts([probe(Z, probe_result(0.2)), probe(F, probe_result(0.5))])) == []


def test_what_an_interval_does_not_tell_from_chance(probe_result):
    assert not is_chance(probe_result(0.3))
    assert is_chance(probe_result(0.05))
    assert is_chance(probe_result(-0.01, known=False))
    assert not is_chance(probe_result(0.05, known=False))


def test_what_was_never_known_cannot_leak(probe_result):
    learned = [
        probe(Z, probe_result(0.02)),
        probe(F, probe_result(0.5)),
        probe(F, probe_result(0.02), floor=True),
    ]
    assert list(doubts(learned)) == []
    (note,) = doubts([probe(Z, probe_result(0.02)), probe(F, probe_result(0.02))])
    assert "what was never known cannot leak" in note


def test_collapse(probe_result):
    for name in (Z, "residual_representation"):
        (note,) = doubts([probe(name, probe_result(0.5), rank=15.9), probe(F, probe_result(0.5), rank=1.0)])
        assert "uses 15.9 of 64 directions" in note
    assert (
        list(
            doubts(
                [probe(Z, probe_result(0.5), rank=16.1), probe(Z, probe_result(0.5), rank=1.0, floor=True)]
            )
        )
        == []
    )


def test_few_people_and_probes_that_did_not_converge(probe_result):
    notes = list(
        doubts([probe(Z, probe_result(0.5, num_clusters=19)), probe(F, probe_result(0.5, converged=False))])
    )
    assert notes[0] == "Intervals over 19 people or images are rough: expression."
    assert notes[1] == "The linear probe of expression in face_features of model did not converge."
