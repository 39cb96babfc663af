import numpy as np
import pytest

from likewise.errors import MeasureError, MixedEncodersError
from likewise.metrics.neighbours import Embedding, cosine, top_k, unit


def test_cosine_worked_by_hand():
    first = Embedding(np.array([[3.0, 4.0]]), "a")
    second = Embedding(np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, -4.0]]), "a")
    assert cosine(first, second)[0] == pytest.approx([0.6, 0.8, -1.0])


def test_equal_rows_have_cosine_1_and_never_more():
    rows = unit(np.random.default_rng(0).normal(size=(50, 1280)).astype(np.float32))
    diagonal = cosine(Embedding(rows, "a"), Embedding(rows, "a")).diagonal()
    assert diagonal == pytest.approx(np.ones(50), abs=1e-7) and diagonal.max() <= 1


def test_top_k_equals_sorting_every_pair():
    random = np.random.default_rng(1)
    queries, keys = random.normal(size=(6, 5)), random.normal(size=(40, 5))
    nearest, similar = top_k(Embedding(queries, "a"), Embedding(keys, "a"), 4)
    for row, query in enumerate(queries):
        slow = sorted(range(40), key=lambda k: -(keys[k] @ query) / np.linalg.norm(keys[k]))[:4]
        assert nearest[row].tolist() == slow
        best = keys[slow[0]]
        assert similar[row, 0] == pytest.approx(best @ query / np.linalg.norm(best) / np.linalg.norm(query))


def test_ties_keep_the_order_of_the_keys():
    keys = Embedding(np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]), "a")
    nearest, _ = top_k(Embedding(np.array([[1.0, 0.0]]), "a"), keys, 3)
    assert nearest.tolist() == [[1, 2, 3]]


def test_k_beyond_the_keys_gives_all_of_them():
    rows = Embedding(np.eye(3), "a")
    assert top_k(rows, rows, 10)[0].shape == (3, 3)


def test_a_row_of_zeros_is_like_nothing():
    assert cosine(Embedding(np.zeros((1, 2)), "a"), Embedding(np.ones((1, 2)), "a")).item() == 0.0


def test_rows_of_two_encoders_never_meet():
    rows = np.eye(2)
    with pytest.raises(MixedEncodersError, match="two encoders"):
        cosine(Embedding(rows, "a"), Embedding(rows, "b"))
    with pytest.raises(MixedEncodersError):
        top_k(Embedding(rows, "a"), Embedding(rows, "b"), 1)


def test_widths_must_match():
    with pytest.raises(MeasureError, match="2 and 3"):
        cosine(Embedding(np.eye(2), "a"), Embedding(np.eye(3), "a"))
    with pytest.raises(MeasureError, match="N, D"):
        Embedding(np.zeros(3), "a")
