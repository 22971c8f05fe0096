import json
import re
from html.parser import HTMLParser

import pytest

from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_report import ablation_page, write_summary
from keras_fer.training.ablation_summary import summarize_ablation


class Text(HTMLParser):
    """Collects what a reader sees, and the classes of the elements."""

    def __init__(self, page):
        super().__init__()
        self.words, self.classes, self.tags = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.classes += dict(attributes).get("class", "").split()

    def handle_data(self, data):
        if self.tags[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


def summary(utility=True, description="Which <losses> help?"):
    config = AblationConfig.from_dict(
        {
            "dataset": "faces",
            "description": description,
            "seeds": [0, 1, 2],
            "base": {"preset": "baseline", "reconstruction_weight": 2.0},
            "variants": {
                "plain": {},
                "better": {"epochs": 20, "erase": True},
                "bare": {"reconstruction_weight": 0, "weights_of": "plain"},
            },
            "expected": {"cost": "an hour & a half"},
        }
    )
    results = {}
    for run in config.runs():
        score = 0.5 + 0.01 * run.config.seed**2 + (0.2 if run.erase else 0.013 * run.config.seed)
        metrics = dict.fromkeys(("accuracy", "leakage", "effective_rank", "seconds"), score)
        facts = {"chance": 0.125, "width": 64, "split": "test", "num_images": 100}
        results[run.name] = {"metrics": {**metrics, **({"utility": 0.6} if utility else {})}, **facts}
    return summarize_ablation(config, results)


def test_three_files(tmp_path):
    made = summary()
    write_summary(tmp_path, made)
    assert {path.name for path in tmp_path.iterdir()} == {"summary.json", "summary.md", "summary.html"}
    assert json.loads((tmp_path / "summary.json").read_text()) == made
    assert (tmp_path / "summary.html").read_text(encoding="utf-8") == ablation_page(made)


def test_the_page_shows_scores_differences_and_plots():
    page = Text(ablation_page(summary()))
    text = page.text
    for words in (
        "Which <losses> help?",
        "Utility against leakage",
        "Accuracy, % against leakage",
        "Differences to plain",
        "higher",
        "not corrected for the number of comparisons",
        "an hour & a half",
        "epochs=20",
        "erase=True",
        "reconstruction_weight=2.0",
        "weights_of=plain",
        "bare: no term moves the non-expression branch, so its probes read a branch as it was initialised.",
        "plain, seed 2: 0.566, 56.6",
    ):
        assert words in text, words
    assert page.tags.count("svg") == 2
    assert page.classes.count("point") == 18
    assert page.classes.count("disc") == 6
    assert "critic" not in text.lower()


def test_without_utility_the_second_plot_is_of_the_rank():
    text = Text(ablation_page(summary(utility=False, description=""))).text
    assert "Effective rank against leakage" in text
    assert "Utility" not in text
    assert "Ablation" in text


def test_ranks_that_hardly_differ_are_drawn_near_each_other():
    made = summary(utility=False)
    for variant, rank in zip(made["variants"], (19.6, 19.8, 19.7), strict=True):
        variant["metrics"]["effective_rank"]["values"] = dict.fromkeys("012", rank)
    chart = ablation_page(made).split("<svg")[2]
    heights = {float(y) for y in re.findall(r'class="point[^>]*cy="([\d.]+)"', chart)}
    # 0.2 of the smallest range, a tenth of 64 directions, with 8 % of it left free at each side.
    assert max(heights) - min(heights) == pytest.approx(300 * 0.2 / (6.4 * 1.16), abs=0.11)


def test_tables_are_as_narrow_as_they_can_be():
    made = summary()
    made["variants"][1]["name"] = "a_long,name_"
    page = ablation_page(made)
    assert "<td>71.7<small>±\N{NO-BREAK SPACE}2.1</small></td>" in page  # 0.70, 0.71, 0.74
    assert "</span>a_<wbr>long,<wbr>name_</th>" in page
    assert '<th scope="col"><span>Effective rank</span></th>' in page
    for what in ("of scores", "of differences to plain"):
        frame = f'<div class="scroll" tabindex="0" role="region" aria-label="Table {what}">'
        assert f'{frame}<table class="ablation"><thead><tr><th scope="col">Variant</th>' in page
    (styles,) = re.findall(r"\.ablation [^}]*white-space: (\w+)", page)
    assert styles == "normal"


def test_nothing_is_loaded_from_elsewhere():
    page = ablation_page(summary())
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "default-src &#x27;none&#x27;" in page


def test_a_single_variant_has_no_differences():
    made = summary()
    text = Text(ablation_page({**made, "variants": made["variants"][:1]})).text
    assert "Differences" not in text


def test_a_variant_without_results_is_a_dash():
    made = summary()
    for metric in made["variants"][1]["metrics"].values():
        metric.update(values={}, mean=None, sd=None)
    for difference in made["variants"][1]["differences"].values():
        difference.update(mean=None, interval=None, p_value=None, num_pairs=0)
    page = Text(ablation_page(made))
    assert page.words.count("–") == len(made["metrics"]) + len(made["variants"][1]["differences"])
    assert page.classes.count("disc") == 4
