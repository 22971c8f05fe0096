from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.synthetic.held_out import Use, held_out_scene, swapped
from keras_fer.data.synthetic.rendering import render_together
from keras_fer.errors import FERError
from keras_fer.evaluation import oracle as oracle_module
from keras_fer.evaluation.oracle import OracleConfig, fitted_oracle, oracle_scenes, trained_oracle

CONFIG = OracleConfig("easy", 32, 32, 32, num_people=4, num_images=480, seed=0)


def grey(renders):
    return (renders @ np.array([0.299, 0.587, 0.114], np.float32) / 127.5 - 1)[..., None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("oracles")


@pytest.fixture(scope="module")
def oracle(folder):
    done = []
    made = trained_oracle(CONFIG, grey, folder, lambda *counts: done.append(counts))
    assert done[-1] == (480, 480)
    return made


@pytest.fixture(scope="module")
def unseen():
    scenes = [held_out_scene(CONFIG.faces, Use.GALLERY, row % 4, row // 4 % 8, row) for row in range(160)]
    return scenes, grey(render_together(CONFIG.faces, scenes))


def test_it_knows_people_and_expressions_on_pictures_that_it_did_not_learn_from(oracle, unseen):
    scenes, pictures = unseen
    judged = oracle(pictures, scenes)
    labels = np.array([scene.expression.label for scene in scenes])
    assert (judged.people == np.arange(160) % 4).mean() > 0.95
    assert (judged.expressions == labels).mean() > 0.5  # chance 0.125


def test_it_is_told_the_pose_and_nothing_else(oracle, unseen):
    scenes, pictures = unseen
    judged = oracle(pictures, scenes)
    # Who and what stand in the scenes too; lies about them must change nothing.
    lies = [replace(swapped(scene, scenes[5]), identity=scenes[2].identity) for scene in scenes]
    told = oracle(pictures, lies)
    np.testing.assert_array_equal(told.people, judged.people)
    np.testing.assert_array_equal(told.expressions, judged.expressions)


def test_colours_are_taken_for_grey(oracle, unseen):
    scenes, pictures = unseen
    told = oracle(pictures.repeat(3, axis=3), scenes)
    np.testing.assert_array_equal(told.people, oracle(pictures, scenes).people)


def test_a_swapped_face_is_seen_as_what_it_is(oracle, unseen):
    scenes, _ = unseen
    happy, surprised = ([scene for scene in scenes if scene.expression.label == label] for label in (1, 3))
    targets = [swapped(base, giver) for base, giver in zip(happy, surprised, strict=True)]
    judged = oracle(grey(render_together(CONFIG.faces, targets)), happy)
    assert len(happy) == 20
    assert (judged.expressions == 3).mean() > 0.7
    assert (judged.people == oracle(grey(render_together(CONFIG.faces, happy)), happy).people).mean() > 0.9


def test_it_is_kept_and_taken_up_again(oracle, folder, unseen, monkeypatch):
    assert [path.name for path in folder.iterdir()] == [CONFIG.file_name]

    def refuse(*arguments):
        raise AssertionError("rendered again")

    monkeypatch.setattr(oracle_module, "render_together", refuse)
    again = trained_oracle(CONFIG, grey, folder)
    for name, values in vars(oracle).items():
        np.testing.assert_array_equal(getattr(again, name), values)
    with pytest.raises(AssertionError, match="rendered again"):
        trained_oracle(replace(CONFIG, seed=1), grey, folder)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 the start of an archive"])
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / CONFIG.file_name).write_bytes(content)
    with pytest.raises(FERError, match=r"is damaged \(.*\); remove it, and it is made anew"):
        trained_oracle(CONFIG, grey, tmp_path)


def test_half_a_file_is_said(oracle, folder, tmp_path):
    whole = (folder / CONFIG.file_name).read_bytes()
    (tmp_path / CONFIG.file_name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FERError, match="is damaged"):
        trained_oracle(CONFIG, grey, tmp_path)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda arrays: {**arrays, "more": np.zeros(3)}, "more"),
        (lambda arrays: {"person_weights": arrays["person_weights"]}, "expression_weights"),
        (lambda arrays: {**arrays, "person_weights": arrays["person_weights"][1:]}, r"weights of shape \("),
        (
            lambda arrays: {**arrays, "person_weights": arrays["expression_weights"]},
            r"weights of shape .*, 8\)",
        ),
        (lambda arrays: {**arrays, "person_weights": arrays["person_weights"][:, 0]}, "weights of shape"),
        (lambda arrays: {name: array.astype(np.float64) for name, array in arrays.items()}, "type float64"),
        (lambda arrays: {name: array * np.float32(np.nan) for name, array in arrays.items()}, "not finite"),
        (lambda arrays: {**arrays, "person_weights": np.array({}, object)}, "allow_pickle=False"),
    ],
)
def test_weights_of_no_oracle_are_refused(oracle, tmp_path, changed, reason):
    np.savez(tmp_path / CONFIG.file_name, **changed(vars(oracle)))
    with pytest.raises(FERError, match=rf"is damaged \(.*{reason}.*\); remove it"):
        trained_oracle(CONFIG, grey, tmp_path)


def test_an_archive_that_unpacks_to_more_is_refused(oracle, tmp_path):
    np.savez_compressed(tmp_path / CONFIG.file_name, **vars(oracle))
    with pytest.raises(FERError, match=r"is damaged \(compressed members\)"):
        trained_oracle(CONFIG, grey, tmp_path)


def test_every_value_of_the_configuration_names_another_file():
    changes = {
        "difficulty": "hard",
        **dict.fromkeys(("render_size", "view_size", "picture_size"), 48),
        **{"num_people": 5, "num_images": 481, "seed": 1},
    }
    assert set(changes) == set(OracleConfig.__dataclass_fields__)
    names = {replace(CONFIG, **{name: value}).file_name for name, value in changes.items()}
    assert len(names | {CONFIG.file_name}) == len(changes) + 1


def test_too_few_images():
    with pytest.raises(FERError, match=r"for 20 people needs at least 40 images.*num_images=39"):
        replace(CONFIG, num_people=20, num_images=39)
    with pytest.raises(FERError, match="at least 16 images"):
        replace(CONFIG, num_images=15)


def test_it_learns_from_all_people_with_all_expressions_half_of_them_softer():
    scenes = oracle_scenes(CONFIG.faces, 4, 128)
    seen = {(scene.identity.number, scene.expression.label) for scene in scenes}
    assert len(seen) == 32
    assert len({scene.nuisance.seed for scene in scenes}) == 128
    plain = [held_out_scene(CONFIG.faces, Use.ORACLE, row // 32, row % 8, row) for row in range(128)]
    softer = np.array(
        [one.nuisance.blur != other.nuisance.blur for one, other in zip(scenes, plain, strict=True)]
    )
    np.testing.assert_array_equal(softer, np.arange(128) // 8 % 2 == 1)
    assert max(scene.nuisance.blur for scene in scenes) > 30


@pytest.mark.parametrize("num_people", [2, 3])
def test_it_answers_as_the_pieces_of_scikit_learn_do(num_people):
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline

    scenes = oracle_scenes(CONFIG.faces, num_people, 144)
    pictures = grey(render_together(CONFIG.faces, scenes))
    labels, people = np.arange(144) % 8, np.arange(144) * num_people // 144
    # Trained on half of the pictures, so that many answers are wrong, and judged on all of them.
    judged = fitted_oracle(pictures[::2], scenes[::2], labels[::2] // 2, people[::2])(pictures, scenes)
    views = oracle_module._even_views(pictures, scenes)
    for answers, wanted in ((judged.expressions, labels // 2), (judged.people, people)):
        pipeline = make_pipeline(
            PCA(71, svd_solver="randomized", random_state=0),
            LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        )
        pipeline.fit(views[::2], wanted[::2])
        np.testing.assert_array_equal(answers, pipeline.predict(views))
