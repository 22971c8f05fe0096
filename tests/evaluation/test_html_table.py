from keras_fer.evaluation.html_table import html_table
from keras_fer.evaluation.markup import element


def test_headings_cells_and_a_frame_that_scrolls():
    table = html_table(["<a>", "b"], [[element("th", "x", scope="row"), element("td", "1")]], "of x", "wide")
    assert table == (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of x"><table class="wide">'
        '<thead><tr><th scope="col">&lt;a&gt;</th><th scope="col">b</th></tr></thead>'
        '<tbody><tr><th scope="row">x</th><td>1</td></tr></tbody></table></div>'
    )
    assert "<table><thead>" in html_table([], [], "nothing")
