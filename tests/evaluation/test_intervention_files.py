import json
from html.parser import HTMLParser

import pytest

from keras_fer.errors import FERError
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.intervention_files import read_study, study_page, study_text, write_study
from keras_fer.evaluation.intervention_study import InterventionStudy, StudyOptions
from keras_fer.evaluation.interventions import Sensitivity
from keras_fer.evaluation.markup import element
from keras_fer.evaluation.picture_sheet import PictureSheet
from keras_fer.evaluation.retrieval import Retrieval
from keras_fer.evaluation.swap import SwapResult, SwapScores

NAN = float("nan")
NOTES = ("A note with <b>markup</b>.",)
PNG = PictureSheet(4, 4).png()
SCORES = SwapScores(0.5, Interval(0.4, 0.6), 0.1, 0.9, Interval(0.8, 1.0), NAN, NAN, NAN)
SWAP = SwapResult(dict.fromkeys(("truth", "swap"), SCORES), 0.125, 0.05, 0.5, 0.9, 20.0, 0.5, 8, 20)


def study(swap=SWAP):
    pictures = (
        {"neighbours": PNG} if swap is None else dict.fromkeys(("neighbours", "swap_grid", "traversal"), PNG)
    )
    return InterventionStudy(
        StudyOptions("easy", 32, num_pairs=8),
        swap,
        [Sensitivity("expression_representation", "yaw", NAN, Interval(NAN, NAN), 8)],
        [
            Retrieval(
                "expression_representation", "expression", "identity", 0.5, Interval(0.4, 0.6), 0.125, 64
            )
        ],
        pictures,
        str(element("svg", aria_label="A map")),
        NOTES,
    )


def maps_alone():
    return InterventionStudy(None, None, (), (), {}, "<svg/>", NOTES)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.headings, self._heading = [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._heading = tag == "h2"
        self.sources += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        if self._heading:
            self.headings.append(data)
            self._heading = False


def test_files(tmp_path):
    files = write_study(tmp_path, study(), "Interventions on pairs")
    assert sorted(path.name for path in files) == sorted(path.name for path in tmp_path.iterdir())
    assert {path.name for path in files} == {
        *("interventions.json", "interventions.html", "embedding.svg"),
        *("swap_grid.png", "traversal.png", "neighbours.png"),
    }
    assert (tmp_path / "swap_grid.png").read_bytes() == PNG
    document = json.loads((tmp_path / "interventions.json").read_text())
    assert document["title"] == "Interventions on pairs"
    assert document["faces"]["difficulty"] == "easy"
    assert document["swap"]["scores"]["swap"]["expression_of_a"] == 0.5
    assert document["interventions"][0]["value"] is None
    assert document["retrieval"][0]["chance"] == 0.125
    assert document["notes"] == list(NOTES)


def test_the_page_stands_alone():
    page = study_page(study(), "On <pairs>")
    parsed = Page(page)
    assert parsed.headings == [
        *(
            "Notes",
            "Swap test",
            "Walk from neutral",
            "One factor changed",
            "Nearest neighbours",
            "Maps",
            "Faces",
        )
    ]
    assert parsed.tags.count("img") == 4
    allowed = ("data:image/png;base64,", "data:image/svg+xml;base64,", "#")
    assert all(source.startswith(allowed) for source in parsed.sources)
    assert "script" not in parsed.tags
    assert "<title>On &lt;pairs&gt;</title>" in page
    assert "&lt;b&gt;markup" in page
    assert "Expression arrives" in page


def test_without_a_decoder(tmp_path):
    files = write_study(tmp_path, study(swap=None), "No decoder")
    assert {path.suffix for path in files} == {".json", ".html", ".svg", ".png"}
    assert json.loads((tmp_path / "interventions.json").read_text())["swap"] is None
    assert Page((tmp_path / "interventions.html").read_text()).headings == [
        *("Notes", "One factor changed", "Nearest neighbours", "Maps", "Faces")
    ]


@pytest.mark.parametrize("swap", [SWAP, None])
def test_text(swap):
    text = study_text(study(swap))
    assert ("Swap test" in text) is (swap is not None)
    assert "One factor changed" in text
    assert "Nearest neighbours" in text
    assert text.endswith("Note: A note with <b>markup</b>.")


def test_maps_alone(tmp_path):
    files = write_study(tmp_path, maps_alone(), "Maps")
    assert {path.name for path in files} == {"interventions.json", "interventions.html", "embedding.svg"}
    assert json.loads((tmp_path / "interventions.json").read_text())["faces"] is None
    assert Page((tmp_path / "interventions.html").read_text()).headings == ["Notes", "Maps"]
    assert study_text(maps_alone()) == "Note: A note with <b>markup</b>."


@pytest.mark.parametrize("found", [study(), study(swap=None), maps_alone()])
def test_read_back(tmp_path, found):
    assert read_study(tmp_path) is None
    write_study(tmp_path, found, "title")
    read = read_study(tmp_path)
    assert read.options == found.options
    assert read.figure == found.figure
    assert read.pictures == found.pictures
    # NaN is unlike itself, so the texts are compared.
    assert read.to_dict() == found.to_dict()
    assert study_text(read) == study_text(found)
    assert study_page(read, "title") == study_page(found, "title")


@pytest.mark.parametrize("damage", ["numbers", "picture", "field"])
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path, damage):
    write_study(tmp_path, study(), "title")
    numbers = tmp_path / "interventions.json"
    if damage == "numbers":
        numbers.write_text("{")
    elif damage == "picture":
        (tmp_path / "traversal.png").unlink()
    else:
        numbers.write_text(numbers.read_text().replace('"chance_identity"', '"chance"'))
    with pytest.raises(FERError, match=r"cannot be read .*remove it, or run `keras-fer intervene` again"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["retrieval"][0].update(among_other=")identity"),
        lambda values: values["retrieval"][0].update(rate=NAN),
        lambda values: values["retrieval"][0].update(chance="1"),
        lambda values: values["swap"].update(num_pairs=True),
        lambda values: values["swap"]["scores"].pop("truth"),
        lambda values: values["swap"]["scores"].update(other=values["swap"]["scores"]["swap"]),
        lambda values: values["swap"]["scores"]["swap"].update(ssim=[1, "a"]),
        lambda values: values["faces"].update(difficulty=3),
        lambda values: (
            values["interventions"].append({**values["interventions"][0], "factor": "a"})
            or (values["interventions"].append({**values["interventions"][0], "representation": "b"}))
        ),
        lambda values: values.update(notes=[1]),
        lambda values: values.update(retrieval=3),
    ],
)
def test_numbers_that_nobody_wrote_are_one_sentence(tmp_path, change):
    # The first two were found by fuzzing: the page that shows them failed.
    write_study(tmp_path, study(), "a")
    values = json.loads((tmp_path / "interventions.json").read_text())
    change(values)
    (tmp_path / "interventions.json").write_text(json.dumps(values))
    with pytest.raises(FERError, match="run `keras-fer intervene` again"):
        read_study(tmp_path)


def test_a_share_beyond_all_bounds_is_none():
    # Found by fuzzing: the document had an infinite number, which is no JSON.
    scores = SwapScores(-1e308, Interval(0, 1), 0.1, 0.9, Interval(0, 1), NAN, NAN, NAN)
    result = SwapResult({"truth": SCORES, "swap": scores}, 0.49999999, 0.05, 0.5, 0.9, 20.0, 0.5, 8, 20)
    assert result.to_dict()["expression_transfer"] is None
