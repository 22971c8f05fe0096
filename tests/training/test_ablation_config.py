import json
from pathlib import Path

import pytest

from keras_fer.errors import FERError
from keras_fer.evaluation.factors import FACTOR_CHOICES
from keras_fer.training.ablation_config import AblationConfig, read_ablation
from keras_fer.training.ablation_settings import FACTORS, sharing

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "examples" / "ablations").glob("*.json"))


def test_base_and_variant_are_fields_of_config_and_objective(make_ablation):
    runs = {run.name: run for run in make_ablation().runs()}
    assert list(runs)[:4] == ["plain-seed0", "pulled-seed0", "erased-seed0", "plain-seed3"]
    pulled = runs["pulled-seed3"].config
    assert (pulled.dataset, pulled.epochs, pulled.seed, pulled.output) == ("faces", 3, 3, "")
    objective = pulled.objective()
    assert (objective.adversarial_weight, objective.num_critics) == (0.1, 2)
    assert objective.decorrelation_weight == 0.1
    assert runs["plain-seed0"].config.epochs == 2
    assert [run.erase for run in runs.values()] == [False, False, True] * 2


def test_a_grid_is_every_combination():
    grid = {"reconstruction_weight": [0, 1.5], "preset": ["paper", "d2ae"], "erase": [False]}
    values = {"dataset": "faces", "seeds": [0], "grid": grid, "base": {"reconstruction_noise": 0.02}}
    made = AblationConfig.from_dict(values)
    assert [variant.name for variant in made.variants] == [
        "reconstruction_weight=0,preset=paper,erase=false",
        "reconstruction_weight=0,preset=d2ae,erase=false",
        "reconstruction_weight=1.5,preset=paper,erase=false",
        "reconstruction_weight=1.5,preset=d2ae,erase=false",
    ]
    assert made.baseline == made.variants[0].name
    last = made.runs()[-1].config
    assert last.preset == "d2ae"
    assert (last.objective().reconstruction_weight, last.objective().reconstruction_noise) == (1.5, 0.02)


def test_written_out_it_is_the_same(make_ablation):
    made = make_ablation(baseline="pulled", expected="better", probe={"seeds": [1], "factors": "headline"})
    again = AblationConfig.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again == made
    assert again.expected == {"result": "better"}


def test_weights_of_a_variant_with_the_same_seed(make_ablation):
    values = {"plain": {"preset": "baseline"}, "more": {"preset": "paper", "weights_of": "plain"}}
    made = make_ablation(variants=values)
    runs = {run.name: run for run in made.runs()}
    assert runs["more-seed3"].weights_of == runs["plain-seed3"]
    assert runs["more-seed3"].config.weights == "plain-seed3"
    assert runs["plain-seed3"].weights_of is None
    assert AblationConfig.from_dict(json.loads(json.dumps(made.to_dict()))).runs() == made.runs()


SOURCE = {"preset": "paper", "backbone": "plain_small", "image_size": 48}
CRITICS = {"factors": ["expression", "pose"], "preset": "paper"}


@pytest.mark.parametrize(
    ("source", "change", "named"),
    [
        ({}, {"representation_size": 32}, "`representation_size` is 32 in 'more' and 128 in 'plain'"),
        ({}, {"backbone": "residual_edge"}, "`backbone` is 'residual_edge' in 'more' and 'plain_small' in"),
        ({}, {"pooling": "flatten"}, "`pooling` is 'flatten' in 'more' and 'average' in 'plain'"),
        ({"pooling": "flatten"}, {"image_size": 64}, "`image_size` is 64 in 'more' and 48 in 'plain'"),
        ({}, CRITICS, r"`factors` is \('expression', 'pose'\) in 'more' and None in 'plain'"),
        (CRITICS, {"adversarial_weight": 0.0}, "`adversarial_weight` is 0.0 in 'more' and 0.1 in 'plain'"),
    ],
)
def test_weights_of_other_shapes_are_refused_before_anything_is_trained(make_ablation, source, change, named):
    plain = {**SOURCE, **source}
    variants = {"plain": plain, "more": {**plain, "weights_of": "plain", **change}}
    message = rf"'more' cannot start from the weights of 'plain': {named}.* must be the same"
    with pytest.raises(FERError, match=message):
        make_ablation(variants=variants, base={})


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 64},  # The mean over positions takes any size.
        {"preset": "disentangle", "freeze_expression": True},
        {"non_expression_size": 8, "non_expression_hidden_size": 8, "dropout": 0.0},
        {"factors": ["expression", "pose"], "adversarial_weight": 0.0},
        {"factors": ["expression"]},
    ],
)
def test_what_is_not_taken_may_differ(make_ablation, change):
    make_ablation(variants={"plain": SOURCE, "more": {**SOURCE, "weights_of": "plain", **change}}, base={})


def test_a_size_may_be_that_of_the_data_set(make_ablation):
    flat = {**SOURCE, "pooling": "flatten"}
    make_ablation(
        variants={"plain": flat, "more": {**flat, "weights_of": "plain", "image_size": 48}}, base={}
    )


def test_a_classifier_among_factors_cannot_be_frozen(make_ablation):
    frozen = {"weights_of": "plain", "freeze_expression": True, "preset": "disentangle", "factors": None}
    variants = {"plain": {**SOURCE, "factors": ["expression"]}, "more": {**SOURCE, **frozen}}
    with pytest.raises(FERError, match="'more' cannot freeze the classifier of 'plain', which has `factors`"):
        make_ablation(variants=variants, base={})


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": ""}, "needs `dataset`"),
        ({"dataset": 3}, "needs `dataset`"),
        ({"extra": 1}, r"no \['extra'\]. There are: base, baseline"),
        ({"grid": {"epochs": [1]}}, "either `variants` or `grid`"),
        ({"variants": {}}, "at least one variant"),
        ({"variants": []}, "`variants` must be an object"),
        ({"variants": {"a": 3}}, r"`variants\.a` must be an object"),
        ({"variants": {"a/b": {}}}, "Received: 'a/b'"),
        ({"variants": {"..": {}}}, r"Received: '\.\.'"),
        ({"variants": {"a" * 201: {}}}, "at most 200 letters"),
        ({"variants": {"a": {"beta1": 1}}}, "'a' has the field 'beta1', which neither"),
        ({"variants": {"a": {"seed": 1}}}, r"'seed', .* \(an ablation sets it itself\)"),
        ({"variants": {"a": {"erase": 1}}}, "`erase` must be true or false. Received: 1"),
        ({"variants": {"a": {"epoch": 1}}}, "'epoch', which neither .* has. Did you mean 'epochs'?"),
        ({"variants": {"a": {"weight_of": "b"}}}, "'weight_of', .* Did you mean 'weights_of'?"),
        ({"variants": {"a": {"epochs": 0}}}, "The variant 'a': .*`epochs` must be at least 1"),
        ({"variants": {"a": {"preset": "best"}}}, "The variant 'a': There is no preset 'best'"),
        (
            {"variants": {"a": {"freeze_expression": True}}},
            "'a' has `freeze_expression`, .* as `weights_of`, or a run folder as `weights`",
        ),
        ({"variants": {"a": {}, "b": {}}}, "'a' and 'b' are the same"),
        ({"base": {}, "variants": {"a": {"preset": "baseline", "erase": True}}}, "nothing to keep"),
        ({"variants": {"a": {"factors": ["expression"], "erase": True}}}, "'a' has `factors` and `erase`"),
        (
            {"variants": {"a": {"weights_of": "b"}, "b": {"epochs": 3}}},
            "name a variant before it, .*: there is none. Received: 'b'",
        ),
        (
            {"variants": {"a": {}, "b": {"epochs": 3}, "c": {"weights_of": "A"}}},
            "of the variant 'c' must name a variant before it, without `erase`: a, b. Received: 'A'",
        ),
        ({"variants": {"a": {"weights_of": 3}}}, "Received: 3"),
        (
            {"variants": {"a": {}, "b": {"weights_of": "a", "weights": "run"}}},
            "both `weights` and `weights_of`",
        ),
        (
            {"variants": {"a": {"erase": True}, "b": {"weights_of": "a"}}, "base": {"preset": "d2ae"}},
            "before it, without `erase`",
        ),
        ({"baseline": "other"}, r"must name a variant of \['plain', 'pulled', 'erased'\]"),
        ({"seeds": []}, r"different whole numbers from 0 to 4294967295. Received: \[\]"),
        ({"seeds": [0, 0]}, r"Received: \[0, 0\]"),
        ({"seeds": [-1]}, r"Received: \[-1\]"),
        ({"seeds": [2**32]}, r"Received: \[4294967296\]"),
        ({"seeds": [True]}, r"Received: \[True\]"),
        ({"seeds": 3}, "`seeds` must be a list"),
        ({"seeds": list(range(4000))}, "at most 10,000 runs"),
        ({"probe": {"kind": "mlp"}}, r"`probe` has no \['kind'\]"),
        ({"probe": {"factors": "all"}}, "expression, headline. Received: 'all'"),
        ({"probe": {"max_rows": 10}}, "Received: 10"),
        ({"probe": {"representations": ["face_features"]}}, r"Received: \['face_features'\]"),
        ({"probe": {"representations": ["non_expression_representation", "x"]}}, "'x'"),
        ({"probe": {"representations": ["non_expression_representation", ["x"]]}}, r"\['x'\]"),
        ({"expected": 3}, "`expected` must be an object"),
        ({"expected": {"hours": 3}}, r"object of texts. Received: '', \{'hours': 3\}"),
        ({"description": ["why"]}, r"`description` must be a text.*\['why'\]"),
    ],
)
def test_what_is_no_ablation_is_refused(make_ablation, changes, message):
    with pytest.raises(FERError, match=message):
        make_ablation(**changes)


@pytest.mark.parametrize("grid", [{"epochs": 3}, {"epochs": []}, {"objective_changes": [{}]}, {}])
def test_what_is_no_grid_is_refused(grid):
    with pytest.raises(FERError, match=r"grid|at least one variant"):
        AblationConfig.from_dict({"dataset": "faces", "grid": grid})


def test_a_grid_is_counted_before_it_is_written_out():
    """10 ** 12 combinations fit no memory."""
    grid = {f"field{number}": list(range(1000)) for number in range(4)}
    with pytest.raises(FERError, match=r"at most 10,000 runs\..* Received: 1,000,000,000,000"):
        AblationConfig.from_dict({"dataset": "faces", "grid": grid})


# --- files ---------------------------------------------------------------------------------------


def test_json_and_toml_are_the_same(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"dataset": "faces", "variants": {"x": {"epochs": 3}}}))
    (tmp_path / "a.toml").write_text('dataset = "faces"\n[variants.x]\nepochs = 3\n')
    assert read_ablation(tmp_path / "a.json") == read_ablation(tmp_path / "a.toml")
    assert read_ablation(tmp_path / "a.toml", "others").dataset == "others"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.json", None, "cannot be read"),
        ("a.json", "{", "cannot be read"),
        ("a.toml", "{}", "cannot be read"),
        ("a.json", "\xff", "cannot be read"),
        ("a.json", "[" * 100_000, "cannot be read"),
        ("a.json", "[]", "must be an object"),
        ("a.json", '{"dataset": "a", "seeds": [0], "dataset": "b"}', "'dataset' stands twice"),
        ("a.json", "{}", "needs `dataset`"),
    ],
)
def test_files_that_are_none_are_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content, encoding="latin-1")
    with pytest.raises(FERError, match=message) as error:
        read_ablation(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_are_ablations(path):
    made = read_ablation(path)
    assert not Path(made.dataset).is_absolute()
    assert made.seeds == ((0,) if path.stem == "critic_strength" else (0, 1, 2))
    assert {"question", "preparation", "cost", "result"} <= set(made.expected)
    # The cost stands in the file as people read it.
    assert made.expected["cost"].startswith(f"{len(list(sharing(made.runs())))} trainings of ")


def test_three_files_are_shipped():
    assert [path.stem for path in SHIPPED] == ["critic_strength", "paper_question_ferplus", "standard_faces"]


def test_factors_are_those_of_the_probes():
    assert set(FACTORS) < set(FACTOR_CHOICES)
