import re

from keras_fer.evaluation.markup import element
from keras_fer.evaluation.page import html_page


def test_sections_with_content_and_links_to_them():
    page = html_page("A & B", "keras-fer", {"Key numbers": element("p", "1 < 2"), "Empty": None})
    assert page.startswith("<!DOCTYPE html>\n<html")
    assert "<h1>A &amp; B</h1>" in page
    assert "<p>1 &lt; 2</p>" in page
    assert "Empty" not in page
    anchors = re.findall(r'<a href="#([^"]+)"', page)
    assert anchors == ["key-numbers"]
    assert all(f'id="{anchor}"' in page for anchor in anchors)


def test_nothing_may_be_loaded():
    page = html_page("x", "y", {})
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page.replace("&#x27;", "'")


def test_style_sheets_come_along():
    assert ".scatter .disc" not in html_page("x", "y", {})
    both = html_page("x", "y", {}, ("report.css", "scatter.css"))
    assert ".scatter .disc" in both
    assert both.index("--page:") < both.index(".scatter .disc")
