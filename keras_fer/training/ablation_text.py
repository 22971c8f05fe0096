"""The summary of an ablation in words: Markdown, a table for the terminal, and how numbers are written."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_fer.training.ablation_summary import LEGEND, METRICS, Metric

# What fits a terminal.
_TERMINAL = ("accuracy", "linear_probe", "mlp_probe", "leakage", "effective_rank")


def markdown(summary: Mapping[str, Any]) -> str:
    """Returns a summary as Markdown: the scores, and the differences to the baseline."""
    variants, names = summary["variants"], summary["metrics"]
    lines = [f"# {summary['description'] or 'Ablation'}", "", *_facts(summary), "", "## Scores", ""]
    lines += _table(
        ["variant", *(METRICS[name].title for name in names)],
        [
            [row["name"], *(spread_text(row["metrics"][name], METRICS[name]) for name in names)]
            for row in variants
        ],
    )
    if note := untouched(summary):
        lines += ["", note]
    others = [row for row in variants if row["name"] != summary["baseline"]]
    compared = [name for name in names if METRICS[name].compared]
    if others:
        lines += ["", f"## Differences to {summary['baseline']}", ""]
        lines += _table(
            ["variant", *(METRICS[name].title for name in compared)],
            [
                [
                    row["name"],
                    *(difference_text(row["differences"][name], METRICS[name]) for name in compared),
                ]
                for row in others
            ],
        )
        lines += ["", summary["rule"]]
    lines += ["", *(f"- {METRICS[name].title}: {LEGEND[name]}." for name in names)]
    if summary["expected"]:
        lines += ["", "## Expected", "", *(f"- {key}: {text}" for key, text in summary["expected"].items())]
    lines += ["", "## Settings", "", *(f"- {row['name']}: {settings_text(row)}" for row in variants)]
    return "\n".join(lines) + "\n"


def facts(summary: Mapping[str, Any]) -> list[str]:
    """Returns in sentences what was run and how to read the numbers."""
    count = len(summary["seeds"])
    widths = sorted({row["width"] for row in summary["variants"]} - {None})
    sentences = [
        f"{summary['num_finished']} of {summary['num_runs']} runs are finished: {len(summary['variants'])} "
        f"variants, {count} {'seed' if count == 1 else 'seeds'}. Numbers are mean ± standard deviation over "
        "seeds.",
        f"Judged on {summary['num_images']:,} images of the {summary['split']} split of "
        f"{summary['dataset']}; chance is {summary['chance']:.1%} for both probes; the representation has "
        f"{' or '.join(map(str, widths))} dimensions.",
    ]
    if summary["unfinished"]:
        sentences.append(f"Without a result: {', '.join(summary['unfinished'])}.")
    return sentences


def untouched(summary: Mapping[str, Any]) -> str | None:
    """Returns a sentence on the variants whose non-expression branch learns nothing; None without any."""
    names = [row["name"] for row in summary["variants"] if not row["moves_non_expression_branch"]]
    if not names:
        return None
    return (
        f"{', '.join(names)}: no term moves the non-expression branch, so "
        f"{'its' if len(names) == 1 else 'their'} probes read a branch as it was initialised."
    )


def settings_text(variant: Mapping[str, Any]) -> str:
    """Returns the fields that a variant of a summary sets, as in the file."""
    training = dict(variant["training"])
    objective = training.pop("objective_changes", {})
    own = {name: variant[name] for name in ("erase", "weights_of") if variant.get(name)}
    return ", ".join(f"{name}={value}" for name, value in {**training, **objective, **own}.items()) or (
        "all defaults"
    )


def spread_text(spread: Mapping[str, Any], metric: Metric) -> str:
    """Writes mean and standard deviation, such as `"61.2 ± 0.4"`."""
    if spread["mean"] is None:
        return "–"
    text = _number(spread["mean"], metric)
    return text if spread["sd"] is None else f"{text} ± {_number(spread['sd'], metric)}"


def difference_text(difference: Mapping[str, Any], metric: Metric) -> str:
    """Writes a difference with interval, p-value and verdict."""
    if difference["mean"] is None:
        return "–"
    text = signed_number(difference["mean"], metric)
    if difference["interval"] is not None:
        low, high = (signed_number(end, metric) for end in difference["interval"])
        text += f" ({low} to {high}), p {p_text(difference['p_value'])}"
    return f"{text}: {difference['verdict']}"


def signed_number(value: float, metric: Metric) -> str:
    """Writes a number of a metric with its sign."""
    return _number(value, metric, "+")


def p_text(p_value: float) -> str:
    """Writes a p-value: `"= 0.034"`, or `"< 0.001"`."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def _number(value: float, metric: Metric, sign: str = "") -> str:
    scaled = value * metric.scale
    if round(scaled, metric.digits) == 0:
        scaled = 0.0  # No "-0.0".
    return f"{scaled:{sign}.{metric.digits}f}"


def _facts(summary: Mapping[str, Any]) -> list[str]:
    return [line for sentence in facts(summary) for line in (sentence, "")][:-1]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", r"\|") for cell in row] for row in (header, *rows)]
    head, *body = (f"| {' | '.join(row)} |" for row in cells)
    return [head, f"| {' | '.join(['---', *['---:'] * (len(header) - 1)])} |", *body]


def scores_text(summary: Mapping[str, Any]) -> str:
    """Returns the main scores as a table for a terminal."""
    rows = [
        ["", *(METRICS[name].title for name in _TERMINAL)],
        *(
            [row["name"], *(spread_text(row["metrics"][name], METRICS[name]) for name in _TERMINAL)]
            for row in summary["variants"]
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    )
