"""Small worlds of pictures and texts with classes, for the theory."""

import numpy as np


def world(seed: int, pictures: int = 60, texts: int = 40, classes: int = 6, alpha: float = 0.1, noise: float = 1.0):
    """(P, y): a joint law whose share alpha joins pictures with texts of another class, and the pictures' classes."""
    random = np.random.default_rng(seed)
    of_pictures = np.arange(pictures) % classes
    of_texts = np.arange(texts) % classes
    weight = np.exp(noise * random.standard_normal((pictures, texts)))
    same = of_pictures[:, None] == of_texts[None]
    inside, outside = weight * same, weight * ~same
    return (1 - alpha) * inside / inside.sum() + alpha * outside / outside.sum(), of_pictures


def descend(pbar: np.ndarray, rank: int, steps: int, rate: float, seed: int, *, tied: bool = False):
    """Gradient descent on ||Pbar - F G^T||^2 from small random matrices; tied: G is F."""
    random = np.random.default_rng(seed)
    first, second = (0.1 * random.standard_normal((side, rank)) for side in pbar.shape)
    for _ in range(steps):
        if tied:
            first = first - rate * (first @ (first.T @ first) - pbar @ first)
        else:
            left = first @ (second.T @ second) - pbar @ second
            right = second @ (first.T @ first) - pbar.T @ first
            first, second = first - rate * left, second - rate * right
    return first, (first if tied else second)


def projector(columns: np.ndarray) -> np.ndarray:
    basis = np.linalg.qr(columns)[0]
    return basis @ basis.T
