"""An evolving graph: the links of every snapshot side by side, in the order of time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from likewise import checkpoint
from likewise.errors import FeatureError, UnknownDomainError, UnknownNodeError


@dataclass(frozen=True)
class Graph:
    """T snapshots of links between N nodes.

    edges (2, E) int64: sources and targets, snapshot after snapshot; ends (T,): edges up to and with each snapshot;
    domain (E,) int64: the number of each link's domain; nodes: N names; domains: their names; labels: T, what to call
    each snapshot; features: none, (N, F), or (T, N, F); classes: none, or (T, N) int64: each node's class in each
    snapshot, -1 where it is not known; kinds: what the classes are called. opens: where times are known, T + 1 of them,
    the beginning of each snapshot and the end of the last; seconds since 1970, or numbers as in the links.
    """

    edges: Tensor
    ends: tuple[int, ...]
    domain: Tensor
    nodes: tuple[str, ...]
    domains: tuple[str, ...] = ("all",)
    labels: tuple[str, ...] = ()
    features: Tensor | None = None
    classes: Tensor | None = None
    kinds: tuple[str, ...] = ()
    opens: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        assert self.edges.shape == (2, self.ends[-1]) and len(self.domain) == self.ends[-1], "ends must fit the edges"
        if not self.labels:
            object.__setattr__(self, "labels", tuple(f"snapshot {t}" for t in range(len(self.ends))))
        if self.features is not None:
            self._check_features(self.features)
        if self.classes is not None and tuple(self.classes.shape) != (len(self), self.size):
            raise FeatureError(f"classes of shape {tuple(self.classes.shape)}", f"({len(self)}, {self.size}) is needed")
        if self.classes is not None and not self.kinds:
            object.__setattr__(self, "kinds", tuple(f"class {k}" for k in range(int(self.classes.max()) + 1)))

    def _check_features(self, features: Tensor) -> None:
        fits = ((len(self.nodes),), (len(self), len(self.nodes)))
        if tuple(features.shape[:-1]) not in fits or features.ndim < 2:
            shape = f"of shape {tuple(features.shape)}"
            raise FeatureError(shape, f"({len(self.nodes)}, F), or ({len(self)}, {len(self.nodes)}, F) is needed")
        if not torch.isfinite(features).all():
            where = torch.nonzero(~torch.isfinite(features))[0]
            node, column = self.nodes[int(where[-2])], int(where[-1]) + 1
            raise FeatureError(f"not finite at node {node!r}, column {column}", "finite numbers are needed")

    def __len__(self) -> int:
        """How many snapshots there are."""
        return len(self.ends)

    @property
    def size(self) -> int:
        """How many nodes there are."""
        return len(self.nodes)

    @property
    def starts(self) -> tuple[int, ...]:
        """Edges before each snapshot."""
        return (0, *self.ends[:-1])

    @cached_property
    def snapshot_of(self) -> Tensor:
        """The snapshot of every edge, (E,)."""
        sizes = torch.tensor(self.ends) - torch.tensor(self.starts)
        return torch.repeat_interleave(torch.arange(len(self)), sizes)

    def links(self, t: int) -> Tensor:
        """The edges of snapshot t, (2, e)."""
        return self.edges[:, self.starts[t] : self.ends[t]]

    def domains_of(self, t: int) -> Tensor:
        """The domain of every edge of snapshot t, (e,)."""
        return self.domain[self.starts[t] : self.ends[t]]

    def snapshot_at(self, moment: float) -> int | None:
        """The snapshot that a time falls in, None before the first and after the last."""
        place = int(np.searchsorted(self.opens, moment, side="right")) - 1
        return place if 0 <= place < len(self.opens) - 1 else None

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of every node, by its name."""
        return {name: number for number, name in enumerate(self.nodes)}

    def number_of(self, name: str) -> int:
        """The number of a node. Raises UnknownNodeError."""
        if name not in self.numbers:
            raise UnknownNodeError(name, self.nodes)
        return self.numbers[name]

    @cached_property
    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """The nodes that occur as sources, and those that occur as targets, sorted."""
        return np.unique(self.edges[0].numpy()), np.unique(self.edges[1].numpy())

    @cached_property
    def bipartite(self) -> bool:
        """True where no node is both a source and a target."""
        return not np.intersect1d(*self.sides).size

    def pair_numbers(self, pairs: Tensor) -> np.ndarray:
        """The number of each of the pairs (2, P); in a graph that is not bipartite a pair has no direction."""
        first, second = pairs[0].numpy(), pairs[1].numpy()
        if not self.bipartite:
            first, second = np.minimum(first, second), np.maximum(first, second)
        return first * self.size + second

    @cached_property
    def linked(self) -> tuple[np.ndarray, ...]:
        """The sorted distinct numbers of the pairs linked in each snapshot; negatives are told from them every step."""
        return tuple(np.unique(self.pair_numbers(self.links(t))) for t in range(len(self)))

    @cached_property
    def settled(self) -> Tensor | None:
        """The features; those that move, (T, N, F), as their mean over the snapshots so far."""
        if self.features is None or self.features.ndim == 2:
            return self.features
        return self.features.cumsum(0) / torch.arange(1, len(self) + 1)[:, None, None]

    def until(self, count: int) -> "Graph":
        """The first `count` snapshots; what came later has left no trace in it, but for the names of nodes."""
        end = self.ends[count - 1]
        features = self.features
        if features is not None and features.ndim == 3:
            features = features[:count]
        return replace(
            self,
            edges=self.edges[:, :end],
            ends=self.ends[:count],
            domain=self.domain[:end],
            labels=self.labels[:count],
            opens=self.opens[: count + 1],
            features=features,
            classes=None if self.classes is None else self.classes[:count],
        )

    def followed(
        self,
        pairs: Sequence[Sequence[int]],
        *,
        label: str | None = None,
        domain: str | None = None,
        features: Tensor | None = None,
    ) -> "Graph":
        """The same with one snapshot more; features (N, F) where they move. Raises FeatureError, UnknownDomainError."""
        if domain is not None and domain not in self.domains:
            raise UnknownDomainError(domain, self.domains)
        moving = self.features is not None and self.features.ndim == 3
        if moving != (features is not None):
            found = "not given for the new snapshot" if moving else "given for the new snapshot alone"
            raise FeatureError(found, "they are needed where they move, and only there")
        if self.features is not None and features is not None:
            features = torch.cat([self.features, features[None]])
        number = 0 if domain is None else self.domains.index(domain)
        edges = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
        unknown = torch.full((1, self.size), -1)
        return replace(
            self,
            edges=torch.cat([self.edges, edges], dim=1),
            ends=(*self.ends, self.ends[-1] + edges.shape[1]),
            domain=torch.cat([self.domain, torch.full((edges.shape[1],), number)]),
            labels=(*self.labels, label if label is not None else f"snapshot {len(self)}"),
            features=self.features if features is None else features,
            classes=None if self.classes is None else torch.cat([self.classes, unknown]),
        )

    def without(self, held: Sequence[str]) -> "Graph":
        """The same nodes and snapshots, without the links of some domains. Raises UnknownDomainError."""
        for name in held:
            if name not in self.domains:
                raise UnknownDomainError(name, self.domains)
        out = torch.tensor([self.domains.index(name) for name in held], dtype=torch.int64)
        kept = ~torch.isin(self.domain, out)
        ends = tuple(int(kept[:end].sum()) for end in self.ends)
        return replace(self, edges=self.edges[:, kept], ends=ends, domain=self.domain[kept])

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of all that it holds."""
        tensors = {"edges": self.edges, "domain": self.domain}
        tensors |= {} if self.features is None else {"features": self.features}
        tensors |= {} if self.classes is None else {"classes": self.classes}
        names = [self.nodes, self.domains, self.labels, self.ends, *([self.kinds] if self.kinds else [])]
        return checkpoint.hash_json([checkpoint.hash_tensors(tensors), *map(list, names)])


def build(
    snapshots: Sequence[Tensor],
    size: int,
    *,
    features: Tensor | None = None,
    domains: Sequence[Tensor] | None = None,
    classes: Tensor | None = None,
) -> Graph:
    """A graph from one edge_index (2, e) a snapshot, of nodes numbered 0 to size - 1.

    features: (N, F), or (T, N, F). domains: the number of every link's domain, one (e,) a snapshot.
    classes: (T, N), -1 for unknown. Raises FeatureError.
    """
    edges = torch.cat([one.long().cpu().reshape(2, -1) for one in snapshots], dim=1)
    assert not edges.numel() or (edges.min() >= 0 and edges.max() < size), "edges must name nodes 0 to size - 1"
    domain = torch.cat([one.long() for one in domains]) if domains is not None else torch.zeros(edges.shape[1]).long()
    names = tuple(f"domain {i}" for i in range(int(domain.max()) + 1)) if domains is not None else ("all",)
    ends = tuple(np.cumsum([one.shape[1] for one in snapshots]).tolist())
    return Graph(edges, ends, domain, tuple(map(str, range(size))), names, features=features, classes=classes)
