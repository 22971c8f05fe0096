from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from keras_fer.evaluation.markup import Html, element, joined, unbroken


def test_golden_element():
    inner = element("b", "1 < 2 & 3")
    assert inner == "<b>1 &lt; 2 &amp; 3</b>"
    assert element("p", inner, None, " <i>") == "<p><b>1 &lt; 2 &amp; 3</b> &lt;i&gt;</p>"


def test_text_that_stays_on_one_line():
    assert unbroken("1.5 – 2 ms") == "1.5\N{NO-BREAK SPACE}–\N{NO-BREAK SPACE}2\N{NO-BREAK SPACE}ms"


def test_attributes():
    assert element("meta", name="a", http_equiv="b", content=None) == '<meta name="a" http-equiv="b">'
    assert element("a", class_='"x" onclick="y') == '<a class="&quot;x&quot; onclick=&quot;y"></a>'


def test_only_html_is_not_escaped():
    assert joined("<", Html("<br>"), None) == "&lt;<br>"


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append(dict(attrs))

    def handle_data(self, data):
        self.texts.append(data)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")))
def test_any_text_comes_back_as_text_and_any_attribute_as_one_attribute(text):
    reader = Reader()
    reader.feed(element("p", text, title=text))
    reader.close()
    assert reader.tags == ["p"]
    assert reader.attributes == [{"title": text}]
    assert "".join(reader.texts) == text
