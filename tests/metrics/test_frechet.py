import numpy as np
import pytest

from likewise.errors import MeasureError
from likewise.metrics.frechet import frechet_distance, gaussian, gaussian_distance


def test_gaussians_with_diagonal_covariance_have_a_closed_form():
    mean1, mean2 = np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.0, 0.0])
    spread1, spread2 = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 0.5])  # standard deviations
    found = gaussian_distance(mean1, np.diag(spread1**2), mean2, np.diag(spread2**2))
    assert found == pytest.approx(5.0 + ((spread1 - spread2) ** 2).sum())


def test_one_dimension():
    one = np.ones((1, 1))
    assert gaussian_distance(np.zeros(1), 4 * one, np.ones(1), 9 * one) == pytest.approx(1 + 1)


def test_a_common_rotation_changes_nothing():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(50, 4)), random.normal(size=(60, 4)) * [1, 2, 3, 4]
    turn, _ = np.linalg.qr(random.normal(size=(4, 4)))
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(frechet_distance(first, second))


def test_zero_for_the_same_cloud_even_with_fewer_rows_than_columns():
    rows = np.random.default_rng(1).normal(size=(10, 40))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)


def test_symmetric_and_growing_with_the_shift():
    random = np.random.default_rng(2)
    first, second = random.normal(size=(200, 3)), random.normal(size=(200, 3))
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first))
    assert frechet_distance(first, second + 2) - frechet_distance(first, second) == pytest.approx(12, abs=1)


def test_mean_and_covariance_are_the_usual_ones():
    rows = np.random.default_rng(3).normal(size=(9, 2))
    mean, covariance = gaussian(rows)
    assert mean == pytest.approx(rows.mean(0))
    assert covariance == pytest.approx((rows - mean).T @ (rows - mean) / 8)


def test_messages():
    with pytest.raises(MeasureError, match="N at least 2"):
        frechet_distance(np.ones((1, 3)), np.ones((5, 3)))
    with pytest.raises(MeasureError, match="3 and 2"):
        frechet_distance(np.eye(3), np.eye(2))
