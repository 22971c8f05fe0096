import math
import re

from keras_fer.evaluation.report_curves import training_curves

PLAYERS = {"adversarial_loss": 0.5, "reconstruction_loss": 0.2, "critic_loss": 2.0, "critic_accuracy": 0.2}


def groups(page):
    """The titles of the charts below each heading."""
    found = {}
    for heading, title in re.findall(r"<h3>(.*?)</h3>|<figcaption><b>(.*?)</b>", page):
        if heading:
            found[heading] = charts = []
        else:
            charts.append(title)
    return found


def test_each_player_has_its_own_curves():
    history = [{"loss": 1.0, "val_loss": 1.0, "critic_loss_pose_from_residual": 1.0, **PLAYERS}] * 2
    assert groups(training_curves(history)) == {
        "Recognition": ["loss"],
        "First player: the encoder": ["adversarial loss", "reconstruction loss"],
        "Second player: the critics": [
            "critic loss",
            "critic accuracy (not evidence)",
            "critic loss pose from residual",
        ],
    }


def test_where_a_guessing_critic_stands():
    page = training_curves([PLAYERS], num_expressions=8)
    assert "A critic that guesses among 8 classes has a loss of 2.08." in page
    assert math.isclose(math.log(8), 2.08, abs_tol=0.005)
    assert "guesses" not in training_curves([PLAYERS])


def test_what_is_logged_in_some_epochs_has_a_whole_line():
    history = [{"epoch": epoch, "loss": 1.0} for epoch in range(4)]
    history[1]["val_leakage"], history[3]["val_leakage"] = 0.75, 0.25
    page = training_curves(history)
    assert groups(page)["Fresh probes on the way"] == ["leakage"]
    chart = page[page.index("<b>leakage</b>") :]
    (line,) = re.findall(r'polyline class="line line-1" points="([^"]+)"', chart)
    assert len(line.split()) == 2
    assert "validation, epoch 2: 0.75" in chart
    assert "validation, epoch 4: 0.25" in chart


def test_values_that_are_not_finite_leave_a_gap():
    page = training_curves([{"loss": value} for value in (1.0, math.nan, 2.0)])
    assert page.count("<polyline") == 2
    assert training_curves([{"loss": math.nan}]) is None


def test_the_rest_stands_apart():
    assert groups(training_curves([{"my_error": 1.0}])) == {"Other": ["my error"]}
