"""The graph behind contrastive pairs, as finite matrices: what a perfect learner would find, and how it would probe.

P (V, L) is the joint law of pictures and what they are paired with, and sums to 1. Its normalised form
Pbar = P / sqrt(pV pL^T) has singular values 1 = s_1 >= s_2 >= ...; the spectral loss of two modalities is
||Pbar - F_V F_L^T||^2 - ||Pbar||^2, so that its minimum keeps the top of that spectrum. Two pictures drawn for the same
partner follow A = P diag(1 / pL) P^T, whose normalised form is Pbar Pbar^T: the pairs as a graph on pictures.

The bounds are this project's own, with proofs in docs/contrastive.md; they are no constants of the paper's.
"""

from dataclasses import dataclass, replace

import numpy as np

from likewise import seeds
from likewise.errors import MeasureError

TIE = 1e-6  # singular values that are nearer are equal but for rounding


@dataclass(frozen=True, eq=False)
class Graph:
    """A joint law of pictures and partners, and its singular vectors."""

    law: np.ndarray  # P (V, L)
    left: np.ndarray  # U (V, min(V, L))
    values: np.ndarray  # s, falling
    right: np.ndarray  # W (L, min(V, L))

    @property
    def mass(self) -> np.ndarray:
        """pV, the law of pictures (V,)."""
        return self.law.sum(1)

    def features(self, rank: int) -> np.ndarray:
        """What the spectral loss learns at this width, but for a turn and a scale: U_k / sqrt(pV), (V, k)."""
        return self.left[:, :rank] / np.sqrt(self.mass)[:, None]


def graph(law: np.ndarray) -> Graph:
    """The graph of a joint law: P >= 0, no picture and no partner without mass; scaled to sum to 1."""
    law = np.asarray(law, dtype=np.float64)
    if law.ndim != 2 or (law < 0).any() or not law.sum() or (law.sum(1) == 0).any() or (law.sum(0) == 0).any():
        raise MeasureError("a graph", f"an array {law.shape}", "shares of at least 0, some in every row and column")
    law = law / law.sum()
    left, values, right = np.linalg.svd(normalised(law), full_matrices=False)
    return Graph(law, left, values.clip(0, 1), right.T)


def turned(found: Graph, rank: int, count: int, seed: int = 0) -> list[Graph]:
    """The graph in `count` bases that are as good, where singular values on both sides of the cut at `rank` are equal.

    Which of such directions a learner of this width keeps is chance, and what a solver returns says nothing of it. The
    seed turns them. Without such a tie, the graph itself, once.
    """
    if rank >= len(found.values) or found.values[rank - 1] - found.values[rank] > TIE:
        return [found]
    tied = np.flatnonzero(np.abs(found.values - found.values[rank]) <= TIE)
    made = []
    for number in range(count):
        random = seeds.numpy_stream(seed, "turned", number).standard_normal((len(tied), len(tied)))
        turn = np.linalg.qr(random)[0]
        left, right = found.left.copy(), found.right.copy()
        left[:, tied], right[:, tied] = left[:, tied] @ turn, right[:, tied] @ turn
        made.append(replace(found, left=left, right=right))
    return made


def normalised(law: np.ndarray) -> np.ndarray:
    """P / sqrt(pV pL^T)."""
    return law / np.sqrt(np.outer(law.sum(1), law.sum(0)))


def picture_graph(law: np.ndarray) -> np.ndarray:
    """A (V, V): draw a partner, then two pictures given it. Both marginals are pV."""
    return (law / law.sum(0)) @ law.T


def draw_pairs(law: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Pictures in pairs (count, 2), drawn as picture_graph says: a partner by pL, then two pictures given it."""
    shares = law / law.sum()
    partners = shares.sum(0)
    lines = (shares / partners).cumsum(0).T + np.arange(len(partners))[:, None]  # one rising row a partner
    chosen = random.choice(len(partners), size=count, p=partners)
    place = np.searchsorted(lines.ravel(), chosen[:, None] + random.random((count, 2)), side="right")
    return np.minimum(place - chosen[:, None] * len(shares), len(shares) - 1)


def spectral_value(law: np.ndarray, pictures: np.ndarray, partners: np.ndarray) -> float:
    """The spectral loss of a whole law: -2 E_P[f(v) . g(l)] + E_{pV x pL}[(f(v) . g(l))^2]."""
    dots = pictures @ partners.T
    return float(-2 * (law * dots).sum() + (np.outer(law.sum(1), law.sum(0)) * dots**2).sum())


def labelling_error(law: np.ndarray, classes: np.ndarray) -> float:
    """P(y(v) != y(l)), where each partner carries the class that most of its pictures have (alpha)."""
    onehot = _onehot(classes)
    return float(1 - (onehot.T @ law).max(0).sum())


def picture_error(law: np.ndarray, classes: np.ndarray) -> float:
    """P(y(v) != y(v')) over two pictures drawn for the same partner (alpha_T); at most twice the labelling error."""
    shares = _onehot(classes).T @ law  # (C, L)
    return float(1 - (shares**2 / law.sum(0)).sum())


def probe_error(found: Graph, classes: np.ndarray, rank: int) -> tuple[float, float]:
    """(squared residual, share told wrong) of the pV-weighted least squares probe on the top `rank` directions."""
    root = np.sqrt(found.mass)
    targets = _onehot(classes)
    basis = found.left[:, :rank]
    fitted = basis @ (basis.T @ (root[:, None] * targets))
    residual = float(((root[:, None] * targets - fitted) ** 2).sum())
    wrong = (fitted / root[:, None]).argmax(1) != targets.argmax(1)
    return residual, float(found.mass[wrong].sum())


@dataclass(frozen=True)
class Bounds:
    """Upper bounds on the probe of a perfect learner; above 1 they say nothing."""

    residual: float  # alpha_T / (1 - s_{k+1}^2)
    error: float  # 2 alpha_T / (1 - s_{k+1}^2)
    by_alpha: float  # 4 alpha / (1 - s_{k+1}^2)
    by_tail: float  # 8 alpha + 4 sum_{i > k} s_i^2
    by_next: float  # 8 alpha + 4 s_{k+1}^2


def bounds(found: Graph, classes: np.ndarray, rank: int) -> Bounds:
    """The bounds at this width; infinite where s_{k+1} is 1, as in a graph that falls apart into more than k pieces."""
    alpha, drawn = labelling_error(found.law, classes), picture_error(found.law, classes)
    following = float(found.values[rank]) if rank < len(found.values) else 0.0
    gap = 1 - following**2
    share = (lambda x: x / gap) if gap > 1e-12 else (lambda x: np.inf if x > 1e-12 else 0.0)
    tail = float((found.values[rank:] ** 2).sum())
    return Bounds(share(drawn), share(2 * drawn), share(4 * alpha), 8 * alpha + 4 * tail, 8 * alpha + 4 * following**2)


def conductance(law: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Of each class, the share of its pairs that leave it: P(y(v') != c | y(v) = c)."""
    onehot = _onehot(classes)
    between = onehot.T @ picture_graph(law) @ onehot
    return {str(name): float(1 - between[i, i] / between[i].sum()) for i, name in enumerate(np.unique(classes))}


def connectivity(law: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Of each class, the second eigenvalue of its own graph's normalised Laplacian: 0 in pieces, near 1 well mixed.

    Classes of one picture are left out.
    """
    pairs = picture_graph(law)
    found = {}
    for name in np.unique(classes):
        rows = np.flatnonzero(classes == name)
        if len(rows) > 1:
            inside = pairs[np.ix_(rows, rows)]
            degree = np.sqrt(inside.sum(1))
            found[str(name)] = float(1 - np.linalg.eigvalsh(inside / np.outer(degree, degree))[-2])
    return found


def partners_in_class(law: np.ndarray, classes: np.ndarray) -> float:
    """How many other pictures of its class a picture is paired with, on average: the diversity of pairs."""
    linked = (picture_graph(law) > 0) & (classes[:, None] == classes[None])
    return float((linked.sum(1) - linked.diagonal()).mean())


def principal_angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The angles between the spaces that the columns of (V, k) and (V, m) span, radians, rising, (min(k, m),)."""
    bases = (np.linalg.qr(columns)[0] for columns in (first, second))
    cosines = np.linalg.svd(next(bases).T @ next(bases), compute_uv=False)
    return np.arccos(cosines.clip(-1, 1))


def _onehot(classes: np.ndarray) -> np.ndarray:
    names, codes = np.unique(classes, return_inverse=True)
    return np.eye(len(names))[codes]
