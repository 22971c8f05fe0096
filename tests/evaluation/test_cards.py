from keras_fer.evaluation.cards import card, card_row


def test_golden_card():
    assert card("Top <2>", "90 %", "of all") == (
        '<div class="card"><div class="name">Top &lt;2&gt;</div><div class="value">90 %</div>'
        '<div class="detail">of all</div></div>'
    )


def test_details_are_lines_and_may_be_missing():
    lines = '<div class="detail">a</div><div class="detail">b</div></div>'
    assert card("n", "v", "a", None, "b").endswith(f'<div class="value">v</div>{lines}')
    assert card("n", "v", None) == card("n", "v")


def test_cards_stand_side_by_side():
    cards = [card("a", "1"), card("b", "2")]
    assert card_row(cards) == f'<div class="cards">{cards[0]}{cards[1]}</div>'
    assert card_row(cards, "margin:0").startswith('<div class="cards" style="margin:0">')
