"""The Frechet distance between two clouds of features taken for Gaussians (Heusel et al., arXiv:1706.08500)."""

import numpy as np

from likewise.errors import MeasureError


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Distance of features (N, D) and (M, D), 0 for one cloud; compare only at equal N, for a small N inflates it."""
    return gaussian_distance(*gaussian(first), *gaussian(second))


def gaussian(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and covariance (D, D), divided by N - 1, of features (N, D)."""
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise MeasureError("a Frechet distance", f"features {features.shape}", "(N, D) with N at least 2")
    return features.mean(0), np.cov(features, rowvar=False).reshape(features.shape[1], features.shape[1])


def gaussian_distance(mean1: np.ndarray, covariance1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray) -> float:
    """|m1 - m2|^2 + Tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2)).

    The symmetric form: its inner matrix is positive semi-definite, so eigh suffices and, unlike the general matrix
    root of C1 C2, never returns complex numbers.
    """
    if mean1.shape != mean2.shape:
        raise MeasureError("a Frechet distance", f"features of {len(mean1)} and {len(mean2)}", "one width")
    root = _root(covariance1)
    cross = np.sqrt(np.linalg.eigvalsh(root @ covariance2 @ root).clip(0)).sum()
    apart = ((mean1 - mean2) ** 2).sum()
    return float(max(0.0, apart + np.trace(covariance1) + np.trace(covariance2) - 2 * cross))


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root; eigenvalues below zero are rounding and count as zero."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
