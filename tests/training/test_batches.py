"""Who gives which rows of a batch, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.errors import FERError
from keras_fer.training.batches import SharedPeopleWarning, training_batches, training_rows
from keras_fer.training.config import TrainingConfig


@pytest.fixture
def squares(prepared_folder):
    return open_prepared(prepared_folder)


@pytest.fixture
def coloured(coloured_pairs_folder):
    return open_prepared(coloured_pairs_folder)


@pytest.fixture
def unpaired(squares):
    return replace(squares, pairs=np.full(len(squares), -1))


def config(preset="baseline", mixed="coloured", view_invariance_weight=0.0, **options):
    return TrainingConfig(
        dataset="squares",
        output="run",
        preset=preset,
        mixed_dataset=mixed,
        batch_size=16,
        objective_changes={"view_invariance_weight": view_invariance_weight},
        **options,
    )


def first_batch(batches):
    return next(batches.pipeline(num_steps=3).as_numpy_iterator())


@pytest.mark.parametrize("preset", ["baseline", "disentangle_pairs"])
def test_one_data_set(squares, preset):
    batches = training_batches(config(preset, mixed=None), squares)
    assert (batches.steps_per_epoch, batches.num_withheld) == (4, 0)
    images, y = first_batch(batches)
    assert images.shape == (16, 16, 16, 3)
    assert set(y) == {"expression"} | ({"pair"} if preset == "disentangle_pairs" else set())
    np.testing.assert_allclose(batches.prior, np.full(8, 1 / 8))


@pytest.mark.parametrize("mixed", [None, "coloured"])
def test_a_run_from_weights_draws_otherwise_than_the_one_that_made_them(squares, coloured, mixed):
    first, again, second = (
        first_batch(
            training_batches(config(mixed=mixed, weights=weights), squares, coloured if mixed else None)
        )[0]
        for weights in (None, None, "first")
    )
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_blended_labels(squares):
    _, y = first_batch(training_batches(config(mixed=None, mixup_alpha=1.0), squares))
    assert y["expression"].shape == (16, 8)
    assert ((y["expression"] > 0.1).sum(axis=1) == 2).any()


def test_two_data_sets(unpaired, coloured):
    batches = training_batches(
        config("disentangle_pairs", mixed_share=0.25, mixed_expression_weight=0.5), unpaired, coloured
    )
    # Epochs are those of the first part: 64 training images, 12 in each batch.
    assert batches.steps_per_epoch == 5
    images, y = first_batch(batches)
    assert images.shape == (16, 16, 16, 3)
    assert y["part"].tolist() == [0] * 12 + [1] * 4
    assert y["expression"].shape == (16, 8)
    assert y["expression_weight"].tolist() == [1] * 12 + [0.5] * 4
    assert (y["pair"][:12] == -1).all()
    np.testing.assert_array_equal(y["pair"][12::2], y["pair"][13::2])
    assert set(y["expression"][12:].argmax(axis=1)) <= {0, 1, 6}
    # A third of the mixed rows has no label; the rest is anger and happiness.
    expected = np.full(8, 12 / 8) + np.eye(8)[1] * 4 / 3 + np.eye(8)[6] * 4 / 3
    np.testing.assert_allclose(batches.prior, expected / expected.sum())


def test_hard_labels(squares, coloured):
    _, y = first_batch(training_batches(config(soft_labels=False), squares, coloured))
    assert y["expression"].shape == (16,)


def test_both_give_pairs_where_both_have_them(squares, coloured):
    _, y = first_batch(training_batches(config("disentangle_pairs"), squares, coloured))
    assert (y["pair"] >= 0).all()
    _, y = first_batch(training_batches(config("baseline"), squares, coloured))
    assert "pair" not in y


def test_views_are_of_the_first_data_set_and_pairs_of_the_other(squares, coloured):
    settings = config("disentangle_pairs", view_invariance_weight=1.0, sampling="balanced")
    batches = training_batches(settings, squares, coloured)
    assert batches.steps_per_epoch == 16
    images, y = first_batch(batches)
    assert (y["view"] >= 0).tolist() == [True] * 8 + [False] * 8
    assert (y["pair"] >= 0).tolist() == [False] * 8 + [True] * 8
    np.testing.assert_array_equal(images[0:8:2], images[1:8:2])
    assert (images[8::2] != images[9::2]).any(axis=(1, 2, 3)).all()
    _, y = first_batch(training_batches(config(mixed=None, view_invariance_weight=1.0), squares))
    np.testing.assert_array_equal(y["view"][0::2], y["view"][1::2])


def test_one_data_set_mixed_with_itself_is_drawn_in_another_order(squares):
    batches = training_batches(config(mixed="squares"), squares, squares)
    for images, _ in batches.pipeline(num_steps=4).as_numpy_iterator():
        assert len({image.tobytes() for image in images}) > 8


def test_images_that_are_judged_on_are_left_out(squares, tmp_path):
    """Ten training images of the mixed set are validation or test images of the other one."""
    judged = np.concatenate([squares.indices("validation")[:6], squares.indices("test")[:4]])
    rows = np.concatenate([squares.indices("train")[:20], judged])
    with PreparedWriter(
        tmp_path / "again", source="x", label_names=squares.label_names, image_shape=squares.image_shape
    ) as writer:
        writer.append(
            squares.images(rows),
            labels=squares.labels[rows],
            splits=np.zeros(len(rows), int),
            sources=[str(row) for row in rows],
        )
        again = writer.finish()
    batches = training_batches(config(mixed="again"), squares, again)
    assert batches.num_withheld == 10
    known = {image.tobytes() for image in np.repeat(squares.images(judged), 3, axis=-1)}
    for images, _ in batches.pipeline(num_steps=12).as_numpy_iterator():
        assert not known & {image.tobytes() for image in images}


def test_rendered_people_that_are_judged_on_are_told(squares, coloured):
    def rendered(source, first, seed=0, name="synthetic"):
        info = {**source.info, "source": name, "config": {"seed": seed}}
        return replace(source, info=info, subjects=first + np.arange(len(source)))

    faces = rendered(squares, 0)
    judged = sorted(np.flatnonzero(squares.splits != 0))
    first = judged[0] - coloured.indices("train")[-1]
    with pytest.warns(SharedPeopleWarning, match=r"coloured.* teaches 1 of the people that .* is judged on,"):
        training_batches(config(), faces, rendered(coloured, first))
    # None of these is an error: warnings are.
    for other in (
        rendered(coloured, first, seed=1),
        rendered(coloured, first, name="csv"),
        rendered(coloured, len(squares)),
        replace(rendered(coloured, first), subjects=np.full(len(coloured), squares.indices("train")[0])),
    ):
        training_batches(config(), faces, other)


def test_a_data_set_without_training_images_is_named(squares, coloured):
    judged = replace(coloured, splits=np.full(len(coloured), 2, np.int8))
    for first, other in ((judged, None), (judged, squares), (squares, judged)):
        with pytest.raises(FERError, match=rf"^The data set '{coloured.path}' has no training images; "):
            training_rows(first, other)
    withheld = replace(squares, splits=np.where(squares.splits == 0, 2, 0).astype(np.int8))
    with pytest.raises(FERError, match=r"^Each training image of '.*' is a validation or test image of '.*'"):
        training_rows(squares, withheld)


def test_pairs_that_are_not_there(squares, unpaired, coloured):
    bare = replace(coloured, pairs=np.full(len(coloured), -1))
    with pytest.raises(FERError, match="'disentangle_pairs' learns from exact pairs, and 'squares' has none"):
        training_batches(config("disentangle_pairs", mixed=None), unpaired)
    with pytest.raises(FERError, match="exact pairs, and neither 'squares' nor 'coloured' has any"):
        training_batches(config("disentangle_pairs"), unpaired, bare)
    views = config("disentangle_pairs", view_invariance_weight=1.0)
    with pytest.raises(FERError, match="must come from another data set"):
        training_batches(views, squares, bare)
    alone = config("disentangle_pairs", mixed=None, view_invariance_weight=1.0)
    with pytest.raises(FERError, match="must come from another data set"):
        training_batches(alone, squares)
