import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

from keras_fer.evaluation.report import RunReport, report_page
from keras_fer.evaluation.report_leakage import heat_map, matrix_section


class Texts(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.texts, self.open = [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_cell_shows_number_interval_and_colour(leakage_matrix):
    picture = heat_map(leakage_matrix())
    texts = Texts(picture).texts
    for shown in ("0.80", "0.70 – 0.90", "non-expression", "floor: untrained", "20.0 of 64", "pose", "R²"):
        assert shown in texts
    assert 'class="cell" style="--share:0.800"' in picture
    assert 'class="cell" style="--share:0.200"' in picture
    assert "pose from expression_representation of model: 0.300<" in picture  # no interval is known
    assert picture.count("<rect") == 4 * 2


def test_noise_below_chance_has_the_colour_of_nothing(leakage_matrix):
    picture = heat_map(leakage_matrix(leaked=-0.04))
    assert '"cell" style="--share:0.000"' in picture
    assert "-0.04" in Texts(picture).texts


def test_cells_do_not_overlap_and_floors_stand_apart(leakage_matrix):
    picture = heat_map(leakage_matrix())
    rows = [tuple(map(int, place)) for place in re.findall(r'<rect x="(\d+)" y="(\d+)"', picture)]
    assert len(set(rows)) == len(rows)
    lefts = sorted({x for x, _ in rows})
    steps = [right - left for left, right in pairwise(lefts)]
    assert steps[0] == steps[1] < steps[2]
    width, height = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', picture).groups())
    assert max(lefts) < width
    assert max(y for _, y in rows) < height - 40


def test_section_explains_and_lists_every_probe(leakage_matrix):
    section = matrix_section(leakage_matrix())
    text = " ".join(Texts(section).texts)
    for shown in (
        "Leakage",
        "Utility and nuisance leakage are means over pose.",
        "600 images of the train split",
        "A floor never learned",
        "yaw 0.50, pitch 0.10",
        "± 0.01",
    ):
        assert shown in text
    assert "Identity is told" not in text
    assert section.count("<table") == 2
    # The one without an interval has no bar.
    assert section.count('class="interval"') == 2 * 4 - 1
    assert "Identity is told" in matrix_section(leakage_matrix(within_people=True))


def test_halves_of_one_split_are_not_called_unseen(leakage_matrix):
    assert "150 of the test split, which the encoder did not" in matrix_section(leakage_matrix())
    halves = replace(leakage_matrix(), splits=("train", "train"))
    assert "150 of the train split." in matrix_section(halves)


def test_what_was_not_measured_has_no_card(leakage_matrix):
    assert matrix_section(leakage_matrix(with_pose=False)).count('class="card"') == 3


def test_a_control_that_was_left_out_is_a_dash(leakage_matrix):
    assert '<td class="count">–</td>' in matrix_section(leakage_matrix(control=None))


def test_the_report_has_a_section(leakage_matrix):
    page = report_page(RunReport("a", matrix=leakage_matrix()))
    assert "<li>Careful.</li>" in page
    assert '<section id="leakage-matrix"' in page
    assert "leakage-matrix" not in report_page(RunReport("a"))
    hostile = report_page(RunReport("a", matrix=leakage_matrix(model="<script>")))
    assert "<script>" not in hostile
