"""The section of the report on whether probabilities mean what they say."""

from dataclasses import dataclass

import numpy as np

from keras_fer.evaluation.calibration import Confidences, coverage, reliability
from keras_fer.evaluation.figures import Series, line_chart
from keras_fer.evaluation.markup import Html, element, joined

_MOST_POINTS = 100


@dataclass(frozen=True, eq=False)
class CalibrationFacts:
    """What the section shows.

    Args:
        confidences: of the images that the model was evaluated on.
        temperature: that divides its logits.
        uncertain_below: answers with a smaller probability read "uncertain"; 0 for none.
    """

    confidences: Confidences
    temperature: float = 1.0
    uncertain_below: float = 0.0


def calibration_section(facts: CalibrationFacts) -> Html:
    """Draws the reliability diagram, and the accuracy over the share of images that are answered."""
    charts = [_reliability(facts.confidences), _coverage(facts.confidences)]
    return joined(element("div", *charts, class_="charts"), element("p", _sentences(facts), class_="caption"))


def _reliability(confidences: Confidences) -> Html:
    bins = reliability(confidences)
    means = [100 * part.confidence for part in bins]
    chart = line_chart(
        [
            Series("accuracy of a calibrated model", means, means, 0),
            Series("accuracy, %", means, [100 * part.accuracy for part in bins], 1),
        ],
        "Accuracy over confidence, both in per cent, beside that of a calibrated model",
        unit="confidence %",
    )
    return _panel("accuracy over confidence, %", "the straight line is a calibrated model", chart)


def _coverage(confidences: Confidences) -> Html:
    curve = coverage(confidences)
    chosen = np.unique(np.linspace(0, len(curve.shares) - 1, _MOST_POINTS).round().astype(int))
    # The surest few images say nothing of an accuracy.
    chosen = chosen[curve.shares[chosen] >= min(0.05, float(curve.shares[-1]))]
    shares, accuracies = 100 * curve.shares[chosen], 100 * curve.accuracies[chosen]
    chart = line_chart(
        [Series("accuracy, %", shares.tolist(), accuracies.tolist(), 1)],
        "Accuracy of the answers over the share of images that are answered, the surest first, in per cent",
        unit="answered %",
    )
    return _panel("accuracy over share answered, %", "the surest answers first", chart)


def _panel(title: str, detail: str, chart: Html) -> Html:
    caption = element("figcaption", element("b", title), element("small", detail))
    return element("figure", caption, chart, class_="panel")


def _sentences(facts: CalibrationFacts) -> str:
    text = f"The logits are divided by a temperature of {facts.temperature:.3g}"
    text += ". " if facts.temperature != 1 else "; keras-fer calibrate fits one. "
    if not facts.uncertain_below:
        return f"{text}Every image is answered."
    answered = facts.confidences.values >= facts.uncertain_below
    text += f'Answers with a probability below {facts.uncertain_below:.2f} read "uncertain": '
    if not answered.any():
        return f"{text}here that is all of them."
    accuracy = facts.confidences.correct[answered].mean()
    return f"{text}{answered.mean():.1%} of the images are answered, {accuracy:.1%} of them rightly."
