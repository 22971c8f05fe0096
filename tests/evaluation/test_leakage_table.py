from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.leakage_table import factor_title, half_width, leakage_table


def test_table(leakage_matrix):
    lines = leakage_table(leakage_matrix()).splitlines()
    assert lines[0] == "model: probes on 600 images of the train split, judged on 150 of the test split."
    assert lines[3].split() == ["expression", "non-expression", "face", "features"]
    assert "expression, 8 classes" in lines[4]
    assert lines[4].split()[3:] == ["0.80", "±0.10", "0.20", "±0.10", "0.50", "±0.10"]
    assert lines[5].startswith("pose, R²")
    # A width without clusters to draw from is not shown.
    assert lines[5].split()[2:5] == ["0.30", "0.60", "±0.10"]
    assert lines[6].split()[:5] == ["effective", "rank", "20.0", "of", "64"]
    floors = lines.index("Floors, which never learned:")
    assert "untrained non-expression" in lines[floors + 1]
    assert any(line.startswith("Leakage            0.20  expression left") for line in lines)
    assert any(line.startswith("Disentanglement    0.45  ½") for line in lines)
    assert "Nuisance factors: pose." in lines
    assert lines[-1] == "Note: Careful."
    assert max(map(len, lines)) <= 100


def test_what_was_not_measured_is_a_dash(leakage_matrix):
    text = leakage_table(leakage_matrix(with_pose=False))
    assert "Utility               -  " in text
    assert "Nuisance factors" not in text


def test_titles_say_how_a_factor_is_judged(leakage_matrix):
    matrix = leakage_matrix()
    assert [factor_title(matrix, factor) for factor in matrix.factors] == [
        "expression, 8 classes",
        "pose, R²",
    ]
    assert half_width(Interval(0.1, 0.5)) == 0.2
