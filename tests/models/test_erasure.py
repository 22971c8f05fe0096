import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_fer.models.erasure import Erasure, fit_erasure, fold_erasure

WIDTH, NUM_CLASSES = 6, 4


@pytest.fixture(scope="module")
def sample():
    """Correlated representations whose class means differ, unbalanced labels, every ninth row without one."""
    generator = np.random.default_rng(0)
    labels = generator.choice(NUM_CLASSES, 900, p=[0.4, 0.3, 0.2, 0.1])
    representations = (
        generator.normal(size=(900, WIDTH)) + generator.normal(size=(NUM_CLASSES, WIDTH))[labels]
    )
    representations = representations @ generator.normal(size=(WIDTH, WIDTH)) + 3
    labels[::9] = -1
    return representations, labels


def cross_covariance(representations, labels):
    known = labels >= 0
    one_hot = np.eye(NUM_CLASSES)[labels[known]]
    rows = representations[known]
    return (rows - rows.mean(axis=0)).T @ (one_hot - one_hot.mean(axis=0)) / len(rows)


# --- the map -------------------------------------------------------------------------------------


def test_two_classes_by_hand():
    """Σ = [[2, 1], [1, 1]], Σ_zy along s = (1, 1): A = I − s sᵀΣ⁻¹ / sᵀΣ⁻¹s = [[1, −1], [0, 0]]."""
    rows = np.array([[0, 0], [2, 0], [2, 2], [4, 2], [9, 9]])
    erasure = fit_erasure(rows, np.array([5, 5, 7, 7, -1]))
    np.testing.assert_allclose(erasure.matrix, [[1, -1], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(erasure.offset, [1, 1], atol=1e-12)
    np.testing.assert_allclose(erasure(rows[:4]), [[1, 1], [3, 1], [1, 1], [3, 1]], atol=1e-12)
    assert (erasure.num_directions, erasure.num_rows) == (1, 4)


def test_no_label_covaries_afterwards(sample):
    representations, labels = sample
    assert np.abs(cross_covariance(representations, labels)).max() > 0.1
    erased = fit_erasure(representations, labels)(representations)
    assert np.abs(cross_covariance(erased, labels)).max() < 1e-8


def test_rows_without_a_label_change_nothing(sample):
    representations, labels = sample
    known = labels >= 0
    among, alone = fit_erasure(representations, labels), fit_erasure(representations[known], labels[known])
    np.testing.assert_array_equal(among.matrix, alone.matrix)
    np.testing.assert_array_equal(among.offset, alone.offset)
    assert among.num_rows == known.sum() == 800


def test_a_linear_probe_knows_no_more_than_the_class_shares(sample):
    representations, labels = (part[sample[1] >= 0] for part in sample)

    def predictions(rows):
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
        return LogisticRegression(C=1e6, max_iter=1000, tol=1e-9).fit(rows, labels).predict_proba(rows)

    shares = np.bincount(labels) / len(labels)
    erased = fit_erasure(representations, labels)(representations)
    assert np.abs(predictions(representations) - shares).max() > 0.4
    assert np.abs(predictions(erased) - shares).max() < 1e-3


def test_the_map_is_idempotent_and_keeps_the_mean(sample):
    representations, labels = sample
    erasure = fit_erasure(representations, labels)
    once = erasure(representations)
    np.testing.assert_allclose(erasure(once), once, atol=1e-9)
    np.testing.assert_allclose(once[labels >= 0].mean(axis=0), representations[labels >= 0].mean(axis=0))
    assert erasure.num_directions == NUM_CLASSES - 1
    assert np.linalg.matrix_rank(np.eye(WIDTH) - erasure.matrix, tol=1e-9) == NUM_CLASSES - 1


def test_nothing_that_erases_changes_less(sample):
    """Against the orthogonal projection away from Σ_zy, in the plain and in the whitened norm."""
    representations, labels = sample
    rows = representations[labels >= 0]
    basis = np.linalg.svd(cross_covariance(representations, labels), full_matrices=False)[0]
    basis = basis[:, : NUM_CLASSES - 1]
    naive = rows - (rows - rows.mean(axis=0)) @ basis @ basis.T
    assert np.abs(cross_covariance(naive, labels[labels >= 0])).max() < 1e-8
    erased = fit_erasure(representations, labels)(rows)
    for metric in (np.eye(WIDTH), np.linalg.inv(np.cov(rows.T))):
        changes = [np.einsum("ni,ij,nj->n", d, metric, d).mean() for d in (erased - rows, naive - rows)]
        assert changes[0] < 0.95 * changes[1]


def test_directions_without_variance_are_left_alone(sample):
    representations, labels = sample
    # A copy, a constant, and what float32 makes of another copy.
    copies = np.column_stack(
        [representations, representations[:, 0], np.full(900, 2.0), representations[:, 1]]
    )
    erasure = fit_erasure(copies.astype(np.float32), labels)
    erased = erasure(copies)
    assert np.isfinite(erased).all()
    assert np.abs(erasure.matrix).max() < 10
    assert np.abs(cross_covariance(erased, labels)).max() < 1e-6
    np.testing.assert_allclose(erased[:, 7], 2.0)
    np.testing.assert_allclose(erased[:, 6], erased[:, 0], atol=1e-6)


def test_a_constant_representation_stays():
    erasure = fit_erasure(np.full((8, 3), 0.1), np.arange(8) % 2)
    np.testing.assert_allclose(erasure.matrix, np.eye(3), atol=1e-12)
    assert erasure.num_directions == 0


@pytest.mark.parametrize(
    ("shape", "labels", "value", "message"),
    [
        ((4,), [0, 1, 0, 1], 0, r"Received: shapes=\(4,\)"),
        ((4, 2), [0, 1, 0], 0, r"\(4, 2\), \(3,\)"),
        ((4, 2), [0, 1, 0, 1], np.nan, "must be finite"),
        ((4, 2), [1, 1, 1, -1], 0, "Received: 1 classes"),
        ((4, 2), [-1, -1, -1, -1], 0, "Received: 0 classes"),
    ],
)
def test_what_cannot_be_erased_is_refused(shape, labels, value, message):
    with pytest.raises(ValueError, match=message):
        fit_erasure(np.full(shape, value, float), np.array(labels))


# --- folded into a model -------------------------------------------------------------------------


@pytest.fixture
def model(tiny_model, make_batch):
    """A tiny model whose branch has statistics unlike those it was built with."""
    model = tiny_model("disentangle")
    generator = np.random.default_rng(1)
    normalization = model.non_expression_branch.get_layer("normalization")
    normalization.moving_mean.assign(generator.normal(size=5))
    normalization.moving_variance.assign(generator.uniform(0.2, 3, 5))
    return model


def test_outputs_are_the_map_and_nothing_else_moves(model, make_batch, tmp_path):
    images, targets = make_batch(size=64)
    images = images.astype(np.float32)
    before = {name: np.asarray(value) for name, value in model(images, training=False).items()}
    weights = [np.array(weight) for weight in model.weights]
    expected = fit_erasure(before["non_expression_representation"], targets["expression"])
    assert expected.num_directions == 3

    fold_erasure(model, expected)
    model.save(tmp_path / "model.keras")
    for erased in (model, keras.saving.load_model(tmp_path / "model.keras")):
        after = erased(images, training=False)
        np.testing.assert_allclose(
            after["non_expression_representation"],
            expected(before["non_expression_representation"]),
            atol=1e-5,
        )
        for name in ("expression", "expression_representation", "face_features"):
            np.testing.assert_array_equal(after[name], before[name])
    moved = {
        id(weight)
        for weight, old in zip(model.weights, weights, strict=True)
        if not np.array_equal(weight, old)
    }
    projection, normalization = map(model.non_expression_branch.get_layer, ("projection", "normalization"))
    assert moved == set(
        map(id, (projection.kernel, normalization.moving_mean, normalization.moving_variance))
    )


def test_a_branch_of_another_kind_is_refused(model):
    with pytest.raises(ValueError, match=r"must be of width 5\. Received: width=4"):
        fold_erasure(model, Erasure(np.eye(4), np.zeros(4), 0, 1))
    model.non_expression_branch.get_layer("normalization").scale = True
    with pytest.raises(ValueError, match="scale=True"):
        fold_erasure(model, Erasure(np.eye(5), np.zeros(5), 0, 1))
