import numpy as np
import pytest

from likewise.errors import MeasureError
from likewise.metrics.neighbours import Embedding, unit
from likewise.metrics.probes import PENALTIES, knn_predict, logistic_probe, ridge_probe


def clouds(count=60, width=6, classes=3, seed=0):
    random = np.random.default_rng(seed)
    labels = np.array(["cat", "dog", "owl"])[np.arange(count) % classes]
    centres = 3 * np.eye(width)[:classes]
    return centres[np.arange(count) % classes] + random.normal(size=(count, width)), labels


@pytest.mark.parametrize("probe", [ridge_probe, logistic_probe])
def test_clouds_that_lie_apart_are_told_apart(probe):
    rows, labels = clouds()
    new_rows, new_labels = clouds(seed=1)
    assert (probe(rows, labels).predict(new_rows) == new_labels).mean() > 0.9


def test_ridge_is_the_minimum_of_its_objective():
    rows, labels = clouds()
    penalty, probe = 0.05, ridge_probe(rows, labels, penalty=0.05)
    targets = 2 * (labels[:, None] == probe.classes).astype(float) - 1

    def loss(weight, bias):
        return ((rows @ weight + bias - targets) ** 2).sum() + len(rows) * penalty * (weight**2).sum()

    best, random = loss(probe.weight, probe.bias), np.random.default_rng(2)
    for _ in range(20):
        nudge = 1e-3 * random.normal(size=probe.weight.shape)
        assert loss(probe.weight + nudge, probe.bias) > best
        assert loss(probe.weight, probe.bias + 1e-3 * random.normal(size=3)) > best


def test_logistic_reaches_a_flat_point_of_its_loss():
    rows, labels = clouds()
    penalty, probe = 1e-2, logistic_probe(rows, labels, penalty=1e-2, steps=3000)
    powers = np.exp(probe.scores(rows))
    wrong = powers / powers.sum(1, keepdims=True) - (labels[:, None] == probe.classes)
    scale = rows.std(0)  # the penalty is on the weights of standardised rows
    slope = (rows - rows.mean(0)).T @ wrong / len(rows) / scale[:, None] + penalty * probe.weight * scale[:, None]
    assert np.abs(slope).max() < 1e-5
    assert np.abs(wrong.mean(0)).max() < 1e-5  # the bias is not penalised: mean probabilities equal class shares


def test_rows_that_hardly_differ_are_told_apart_as_well():
    rows, labels = clouds()
    close = unit(50 + np.column_stack([rows, np.full(len(rows), 7.0)]))  # as untrained encoders give them
    new_rows, new_labels = clouds(seed=1)
    new_close = unit(50 + np.column_stack([new_rows, np.full(len(new_rows), 7.0)]))
    assert (logistic_probe(close, labels).predict(new_close) == new_labels).mean() > 0.9


def test_the_scale_and_place_of_rows_change_no_answer():
    rows, labels = clouds(200)
    new_rows, _ = clouds(seed=1)
    plain, moved = logistic_probe(rows, labels), logistic_probe(1e-3 * rows + 7, labels)
    assert plain.scores(new_rows) == pytest.approx(moved.scores(1e-3 * new_rows + 7), abs=1e-6)


def test_the_penalty_is_chosen_by_held_rows():
    random = np.random.default_rng(0)

    def share(draw, penalty):
        rows, labels = draw(240)
        new_rows, new_labels = draw(4000)
        return (logistic_probe(rows, labels, penalty).predict(new_rows) == new_labels).mean()

    def noisy(count):  # one number says a little, 150 say nothing, and a small penalty learns them by heart
        labels = np.arange(count) % 2
        return np.column_stack([labels + random.normal(size=count), random.normal(size=(count, 150))]), labels

    def fine(count):  # four classes on one line, which a large penalty cannot keep apart
        labels = np.arange(count) % 4
        return np.array([0.0, 0.2, 0.4, 1.0])[labels, None] + 0.05 * random.normal(size=(count, 1)), labels

    assert share(noisy, None) > share(noisy, PENALTIES[-1]) + 0.02
    assert share(fine, None) > share(fine, PENALTIES[0]) + 0.05


def test_the_bias_takes_up_a_shift_of_all_rows():
    rows, labels = clouds()
    plain, moved = ridge_probe(rows, labels), ridge_probe(rows + 100, labels)
    assert plain.scores(rows) == pytest.approx(moved.scores(rows + 100), abs=1e-8)


def test_knn_takes_the_label_of_the_nearest():
    keys = Embedding(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), "a")
    queries = Embedding(np.array([[0.1, 1.0], [1.0, 0.05]]), "a")
    assert knn_predict(keys, ["x", "x", "y"], queries, k=1).tolist() == ["y", "x"]
    assert knn_predict(keys, ["x", "x", "y"], queries, k=3).tolist() == ["y", "x"]  # near ones outvote many far ones


def test_a_probe_needs_two_classes_and_a_penalty():
    with pytest.raises(MeasureError, match=r"1 class"):
        ridge_probe(np.eye(3), ["a", "a", "a"])
    with pytest.raises(MeasureError, match="penalty of 0"):
        logistic_probe(np.eye(3), ["a", "a", "b"], penalty=0.0)
