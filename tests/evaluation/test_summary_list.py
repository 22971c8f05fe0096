from keras_fer.evaluation.summary_list import summary_list


def test_golden_list():
    assert summary_list([("a <b>", "c & d"), ("seed", 3)]) == (
        '<dl class="summary"><div><dt>a &lt;b&gt;</dt><dd>c &amp; d</dd></div>'
        "<div><dt>seed</dt><dd>3</dd></div></dl>"
    )


def test_nothing_to_list():
    assert summary_list([]) is None
    assert summary_list(iter(())) is None
