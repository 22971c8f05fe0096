from xml.etree import ElementTree

import numpy as np
import pytest

from keras_fer.evaluation.embedding_figure import COLOURS, Cloud, embedding_figure

SVG = "{http://www.w3.org/2000/svg}"


def cloud(groups, names, title="Title", places=None):
    groups = np.array(groups)
    places = np.linspace(0, 1, 2 * len(groups)).reshape(-1, 2) if places is None else np.array(places)
    return Cloud(title, "subtitle", places, groups, names)


def drawn(figure):
    return ElementTree.fromstring(str(figure))


def test_every_point_is_a_dot_of_its_group():
    figure = drawn(embedding_figure([[cloud([0, 1, 1, -1], ["red <&>", "blue"])]], "A map"))
    assert figure.get("aria-label") == "A map"
    dots = {path.find(f"{SVG}title").text: path for path in figure.iter(f"{SVG}path")}
    assert {name: path.get("d").count("M") for name, path in dots.items()} == {
        "others": 1,
        "red <&>": 1,
        "blue": 2,
    }
    assert dots["blue"].get("stroke") == COLOURS[1]
    # Points of no group lie below.
    assert next(iter(dots)) == "others"
    texts = [text.text for text in figure.iter(f"{SVG}text")]
    assert texts == ["Title", "subtitle", "red <&>", "blue", "others"]


def test_up_is_up_and_all_is_inside():
    figure = drawn(
        embedding_figure([[cloud([0, 1], ["low left", "high right"], places=[(0, 0), (1, 1)])]], "")
    )
    width, height = (float(value) for value in figure.get("viewBox").split()[2:])
    low, high = (
        [float(value) for value in path.get("d").strip("Mh0").split()] for path in figure.iter(f"{SVG}path")
    )
    assert low[0] < high[0]
    assert low[1] > high[1]
    assert 0 < low[0] < width
    assert 0 < low[1] < height


def test_panels_of_a_row_share_a_legend_and_rows_have_their_own():
    row = [cloud([0, 0], ["one"]), cloud([0, 0], ["one"], "Other")]
    texts = [text.text for text in drawn(embedding_figure([row, row], "")).iter(f"{SVG}text")]
    assert texts.count("Title") == texts.count("Other") == 2
    assert texts.count("one") == 2
    assert "others" not in texts


def test_more_groups_than_colours():
    names = [str(number) for number in range(len(COLOURS) + 1)]
    with pytest.raises(ValueError, match=f"{len(COLOURS)} colours. Received: {len(names)} groups"):
        embedding_figure([[cloud([0], names)]], "")
