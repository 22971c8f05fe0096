"""The numbers of an intervention study as tables: text for a terminal, HTML for a page or a report."""

import math
from collections.abc import Sequence

from keras_fer.evaluation.figures import interval_bar
from keras_fer.evaluation.html_table import html_table
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.interventions import Sensitivity
from keras_fer.evaluation.markup import Html, element, joined
from keras_fer.evaluation.representation_names import short_name
from keras_fer.evaluation.retrieval import Retrieval
from keras_fer.evaluation.swap import MEAN_EXPRESSION, RECONSTRUCTION, SWAP, TRUTH, SwapResult

KIND_NAMES = {
    TRUTH: "rendered truth",
    SWAP: "swap",
    MEAN_EXPRESSION: "mean expression",
    RECONSTRUCTION: "no swap",
}
FACTOR_NAMES = {
    "identity": "identity (all of it)",
    "nuisance": "nuisance (all of it)",
    "skin_tone": "skin tone",
    "warmth": "colour of light",
    "grey": "no colour",
}


# --- text --------------------------------------------------------------------------------------------


def swap_text(swap: SwapResult) -> str:
    """Renders the swap test as text."""
    lines = [
        f"Swap test: {swap.num_pairs} pairs of {swap.num_people} people whom the model never saw",
        f"{'picture':<18}{'expression of a':>24}{'of b':>9}{'person of b':>24}"
        f"{'PSNR':>10}{'changed':>10}{'SSIM':>8}",
    ]
    for kind, scores in swap.scores.items():
        lines.append(
            f"{KIND_NAMES[kind]:<18}"
            f"{_share(scores.expression_of_a, scores.expression_of_a_interval):>24}"
            f"{_share(scores.expression_of_b):>9}"
            f"{_share(scores.identity_of_b, scores.identity_of_b_interval):>24}"
            f"{_decibels(scores.psnr_db):>10}{_decibels(scores.changed_psnr_db):>10}{_plain(scores.ssim):>8}"
        )
    lines += [
        f"{'chance':<18}{_share(swap.chance_expression):>24}{_share(swap.chance_expression):>9}"
        f"{_share(swap.chance_identity):>24}",
        *swap_sentences(swap),
    ]
    return "\n".join(lines)


def swap_sentences(swap: SwapResult) -> list[str]:
    """What the numbers of a swap test mean together."""
    return [
        f"Between chance (0) and the rendered truth (1) the expression arrives to "
        f"{_plain(swap.expression_transfer)} and the person stays to {_plain(swap.identity_kept)}.",
        f"On real renders of b the oracle is right about {_share(swap.oracle_expression)} of the expressions "
        f"and {_share(swap.oracle_identity)} of the people; no rate can be expected to be higher.",
        f"The reconstruction without a swap has a PSNR of {_decibels(swap.own_psnr_db)} and an SSIM of "
        f"{_plain(swap.own_ssim)} to its own picture.",
    ]


def interventions_text(rows: Sequence[Sensitivity]) -> str:
    """Renders the sensitivities as text, a line per factor and a column per representation."""
    names, factors = _representations(rows), list(dict.fromkeys(row.factor for row in rows))
    found = {(row.representation, row.factor): row for row in rows}
    lines = [
        f"One factor changed: squared distance relative to unrelated pictures, {rows[0].num_pairs} pairs",
        f"{'factor':<22}" + "".join(f"{short_name(name):>26}" for name in names),
    ]
    for factor in factors:
        cells = [found[name, factor] for name in names]
        lines.append(
            f"{FACTOR_NAMES.get(factor, factor):<22}"
            + "".join(f"{_thousandths(row.value) + _range(row.interval):>26}" for row in cells)
        )
    return "\n".join(lines)


def retrieval_text(rows: Sequence[Retrieval]) -> str:
    """Renders the nearest neighbours as text."""
    lines = [
        f"Nearest neighbours: {rows[0].num_queries} pictures",
        f"{'representation':<18}{'asked for':<38}{'right':>24}{'chance':>9}",
    ]
    lines += [
        f"{short_name(row.representation):<18}{_question(row):<38}"
        f"{_share(row.rate, row.interval):>24}{_share(row.chance):>9}"
        for row in rows
    ]
    return "\n".join(lines)


def _question(row: Retrieval) -> str:
    asked = {"expression": "same expression", "identity": "same person"}
    among = {"expression": "among other expressions", "identity": "among other people"}
    return f"{asked[row.wanted]} {among[row.among_other]}"


def _representations(rows: Sequence[Sensitivity]) -> list[str]:
    return list(dict.fromkeys(row.representation for row in rows))


def _share(share: float, interval: Interval | None = None) -> str:
    ends = ""
    if interval is not None and math.isfinite(interval.low):
        ends = f" ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
    return f"{100 * share:.1f} %{ends}"


def _plain(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _thousandths(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _range(interval: Interval) -> str:
    return f" ({interval.low:.3f} to {interval.high:.3f})" if math.isfinite(interval.low) else ""


def _decibels(value: float) -> str:
    return f"{value:.1f} dB" if math.isfinite(value) else "-"


# --- HTML --------------------------------------------------------------------------------------------


def swap_table(swap: SwapResult) -> Html:
    """The swap test: a row per kind of picture, chance as ticks on the lines."""
    columns = [
        "Picture",
        "Expression of a",
        "Expression of b",
        "Person of b",
        "PSNR",
        "where it changes",
        "SSIM",
    ]
    rows = [
        [
            element("th", KIND_NAMES[kind], scope="row"),
            _rate(scores.expression_of_a, scores.expression_of_a_interval, swap.chance_expression),
            element("td", _share(scores.expression_of_b), class_="count"),
            _rate(scores.identity_of_b, scores.identity_of_b_interval, swap.chance_identity),
            *(
                element("td", text, class_="count")
                for text in (
                    _decibels(scores.psnr_db),
                    _decibels(scores.changed_psnr_db),
                    _plain(scores.ssim),
                )
            ),
        ]
        for kind, scores in swap.scores.items()
    ]
    legend = [
        "A picture a gives its expression representation, a picture b of another person with another "
        "expression its non-expression representation; the decoder makes a face of both. Rates are what an "
        "oracle sees that learned from real renders: ideally the expression of a and the person of b.",
        "Rendered truth: b, rendered with exactly the facial muscles of a; what the oracle sees there is the "
        "ceiling. Mean expression: b with the mean expression representation; what is seen of the "
        "expression of b above chance was left in the non-expression representation. No swap: the "
        "reconstruction of b.",
        f"Guessing reaches {_share(swap.chance_expression)} for the expression and "
        f"{_share(swap.chance_identity)} for the person (the ticks). PSNR and SSIM compare with the truth, "
        "over all pixels and over those that the expression changes; larger is nearer. Ranges are 95 % "
        f"intervals over pairs of these {swap.num_people} people, and say nothing of others.",
        *swap_sentences(swap),
    ]
    return joined(html_table(columns, rows, "swap", "wide"), _legend(legend))


def interventions_table(rows: Sequence[Sensitivity]) -> Html:
    """The sensitivities: a row per factor, a column per representation, shaded by value."""
    names, factors = _representations(rows), list(dict.fromkeys(row.factor for row in rows))
    found = {(row.representation, row.factor): row for row in rows}
    lines = [
        [
            element("th", FACTOR_NAMES.get(factor, factor), scope="row"),
            *(_sensitivity_cell(found[name, factor]) for name in names),
        ]
        for factor in factors
    ]
    legend = [
        "Two renders differ in one factor and in nothing else. The number is the mean squared distance of "
        "their representations, divided by that of two pictures of different people drawn at random: 0 "
        "means that the representation does not notice, 1 that it moves as far as it ever does.",
        "Wanted: near 0 everywhere but at the expression in the expression representation, and near 0 at "
        "the expression in the non-expression representation. "
        f"{rows[0].num_pairs:,} pairs per factor; ranges are 95 % intervals over pairs.",
    ]
    return joined(
        html_table(["Factor", *map(short_name, names)], lines, "interventions", "wide"), _legend(legend)
    )


def retrieval_table(rows: Sequence[Retrieval]) -> Html:
    """The nearest neighbours: a row per representation and question."""
    lines = [
        [
            element("th", short_name(row.representation), scope="row"),
            element("td", _question(row)),
            _rate(row.rate, row.interval, row.chance),
            element("td", _share(row.chance), class_="count"),
        ]
        for row in rows
    ]
    legend = [
        f"For each of {rows[0].num_queries:,} pictures of people whom the model never saw the nearest other "
        "picture is looked up, in Euclidean distance. Chance is a neighbour drawn at random from the same "
        "pictures. Ranges are 95 % intervals over people.",
        "Wanted: high for the same expression in the expression representation and for the same person in "
        "the non-expression representation, near chance the other way round.",
    ]
    return joined(
        html_table(["Representation", "Asked for", "Right", "Chance"], lines, "retrieval", "wide"),
        _legend(legend),
    )


def _rate(share: float, interval: Interval, chance: float) -> Html:
    ends = f"{100 * interval.low:.1f} – {100 * interval.high:.1f}" if math.isfinite(interval.low) else ""
    return element(
        "td",
        element("div", _share(share)),
        interval_bar(share, *interval, chance=chance),
        element("div", element("small", ends)),
        class_="count",
    )


def _sensitivity_cell(row: Sensitivity) -> Html:
    if not math.isfinite(row.value):
        return element("td", "–", class_="count")
    shade = f"background:rgb(var(--hit) / {0.04 + 0.4 * min(row.value, 1.0):.3f})"
    low, high = row.interval
    ends = element("small", f"{low:.3f} – {high:.3f}") if math.isfinite(low) else None
    return element("td", element("b", _thousandths(row.value)), ends, class_="count", style=shade)


def _legend(sentences: Sequence[str]) -> Html:
    return element("ul", *(element("li", text) for text in sentences), class_="legend")
