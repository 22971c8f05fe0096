from xml.etree import ElementTree

import pytest

from keras_fer.evaluation import intervention_tables as tables
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.interventions import Sensitivity
from keras_fer.evaluation.retrieval import Retrieval
from keras_fer.evaluation.swap import MEAN_EXPRESSION, RECONSTRUCTION, SWAP, TRUTH, SwapResult, SwapScores

NAN = float("nan")


def scores(expression, psnr=NAN):
    return SwapScores(
        expression,
        Interval(0.1, 0.9),
        0.0625,
        0.75,
        Interval(0.7, 0.8),
        psnr,
        psnr - 5,
        0.5 if psnr == psnr else NAN,
    )


SWAP_RESULT = SwapResult(
    scores={
        TRUTH: scores(0.825),
        SWAP: scores(0.475, 21.5),
        MEAN_EXPRESSION: scores(0.15, 19.0),
        RECONSTRUCTION: scores(0.05, 18.0),
    },
    chance_expression=0.125,
    chance_identity=0.05,
    oracle_expression=0.81,
    oracle_identity=0.99,
    own_psnr_db=23.4,
    own_ssim=0.71,
    num_pairs=1000,
    num_people=20,
)
SENSITIVITIES = [
    Sensitivity(f"{name}expression_representation", factor, value, interval, 1000)
    for name in ("", "non_")
    for factor, value, interval in (
        ("expression", 0.912, Interval(0.9, 0.93)),
        ("skin_tone", NAN, Interval(NAN, NAN)),
    )
]
RETRIEVALS = [
    Retrieval("expression_representation", "expression", "identity", 0.5, Interval(0.4, 0.6), 0.125, 1536),
    Retrieval(
        "non_expression_representation", "identity", "expression", 0.25, Interval(NAN, NAN), 0.02, 1536
    ),
]


def test_the_swap_in_words():
    text = tables.swap_text(SWAP_RESULT)
    lines = text.splitlines()
    assert "1000 pairs of 20 people" in lines[0]
    (swap,) = (line for line in lines if line.startswith("swap"))
    cells = "swap 47.5 % (10.0 to 90.0) 6.2 % 75.0 % (70.0 to 80.0) 21.5 dB 16.5 dB 0.50"
    assert " ".join(swap.split()) == cells
    (truth,) = (line for line in lines if line.startswith("rendered truth"))
    assert truth.split()[-3:] == ["-", "-", "-"]
    assert "chance" in text
    assert "5.0 %" in text
    # (0.475 − 0.125) / (0.825 − 0.125) = 0.5
    assert "expression arrives to 0.50 and the person stays to 1.00" in text
    assert "81.0 % of the expressions and 99.0 % of the people" in text
    assert "23.4 dB" in text


def test_columns_stand_under_one_another():
    for text in (
        tables.swap_text(SWAP_RESULT),
        tables.interventions_text(SENSITIVITIES),
        tables.retrieval_text(RETRIEVALS),
    ):
        rows = [line for line in text.splitlines()[1:] if not line.endswith(".")]
        assert len({len(line) for line in rows if "chance" not in line}) == 1


def test_interventions_in_words():
    lines = tables.interventions_text(SENSITIVITIES).splitlines()
    assert "1000 pairs" in lines[0]
    assert lines[1].split() == ["factor", "expression", "non-expression"]
    assert " ".join(lines[2].split()) == "expression 0.912 (0.900 to 0.930) 0.912 (0.900 to 0.930)"
    assert lines[3].split() == ["skin", "tone", "-", "-"]


def test_neighbours_in_words():
    lines = tables.retrieval_text(RETRIEVALS).splitlines()
    assert "1536 pictures" in lines[0]
    assert "same expression among other people" in lines[2]
    assert " ".join(lines[2].split()).endswith("50.0 % (40.0 to 60.0) 12.5 %")
    assert "same person among other expressions" in lines[3]
    assert lines[3].split()[-4:] == ["25.0", "%", "2.0", "%"]


@pytest.mark.parametrize(
    ("html", "rows", "words"),
    [
        (tables.swap_table(SWAP_RESULT), 4, ["47.5 %", "21.5 dB", "rendered truth", "23.4 dB"]),
        (tables.interventions_table(SENSITIVITIES), 2, ["0.912", "0.900 – 0.930", "skin tone", "–"]),
        (
            tables.retrieval_table(RETRIEVALS),
            2,
            ["50.0 %", "40.0 – 60.0", "same person among other expressions"],
        ),
    ],
)
def test_tables_for_a_page(html, rows, words):
    tree = ElementTree.fromstring(f"<div>{html}</div>")
    assert len(tree.findall(".//tbody/tr")) == rows
    columns = len(tree.findall(".//thead//th"))
    assert all(len(row) == columns for row in tree.findall(".//tbody/tr"))
    text = " ".join(tree.itertext())
    assert all(word in text for word in words)
