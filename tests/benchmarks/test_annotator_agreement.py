import numpy as np
import pytest
from annotator_agreement import agreement, judged_votes

HEAD = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([[10, 0, 0]], 1.0),
        ([[9, 1, 0]], 0.9),
        # Each of the five leaves four against five; each of the other five likewise.
        ([[5, 5, 0]], 0.0),
        # Each of the two leaves one and one; the third leaves two against none.
        ([[2, 1, 0]], (2 * 0.5 + 0) / 3),
        ([[10, 0, 0], [9, 1, 0]], 0.95),
    ],
)
def test_golden_agreement(votes, expected):
    assert agreement(np.array(votes)) == pytest.approx(expected)


def test_the_images_that_models_are_judged_on(tmp_path):
    path = tmp_path / "fer2013new.csv"
    rows = [
        "Training,a.png,10,0,0,0,0,0,0,0,0,0",
        "PublicTest,b.png,0,0,0,8,2,0,0,0,0,0",
        "PublicTest,c.png,3,3,4,0,0,0,0,0,0,0",
        "PublicTest,d.png,0,0,0,0,0,0,0,0,10,0",
        "PublicTest,,10,0,0,0,0,0,0,0,0,0",
    ]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    # In the order of the project: neutral, happiness, sadness, surprise, fear, disgust, anger, contempt.
    np.testing.assert_array_equal(judged_votes(path), [[0, 0, 8, 0, 0, 0, 2, 0]])
