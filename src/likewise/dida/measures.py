"""How well a forecast tells links from other pairs: AUC, AP, MRR and Hits@k, on pairs that are fixed by the seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likewise import seeds
from likewise.dida.graph import Graph
from likewise.dida.negatives import Pool, draw
from likewise.errors import MeasureError
from likewise.metrics.intervals import bootstrap
from likewise.metrics.ranking import average_precision

Scorer = Callable[[int, Tensor], np.ndarray]  # (t, pairs (2, P)) -> P scores, from what snapshots up to t show
HITS = (1, 3, 10)
CLUSTERS = 500  # sources are resampled in so many groups at most
REDRAWS = 20


@dataclass(frozen=True)
class Trial:
    """The distinct links of snapshot t + 1, and what they are told from."""

    t: int
    links: Tensor  # (2, P)
    domain: np.ndarray  # (P,)
    others: Tensor  # (2, P)
    rivals: Tensor  # (P, K) other targets for each link's source; -1 where none could be drawn


def trials(
    graph: Graph,
    times: Sequence[int],
    *,
    kind: str = "auto",
    seed: int = 0,
    rivals: int = 50,
    only: Sequence[int] | None = None,
) -> list[Trial]:
    """One trial a time whose next snapshot has links; only: numbers of the domains whose links count."""
    made = []
    for t in times:
        links, domain = graph.links(t + 1), graph.domains_of(t + 1).numpy()
        first = np.sort(np.unique(graph.pair_numbers(links), return_index=True)[1])
        if only is not None:
            first = first[np.isin(domain[first], only)]
        if first.size:
            kept = links[:, first]
            others = draw(graph, t + 1, kind, len(first), seed, "judged", known=min(times) + 1)
            made.append(Trial(t, kept, domain[first], others, _rivals(graph, t, kept, rivals, seed)))
    return made


def _rivals(graph: Graph, t: int, links: Tensor, count: int, seed: int) -> Tensor:
    """(P, K) nodes that each link's source does not link with in snapshot t + 1."""
    random = seeds.numpy_stream(seed, "rivals", t)
    candidates = graph.sides[1] if graph.bipartite else np.arange(graph.size)
    source = links[0].numpy()[:, None]
    drawn = random.choice(candidates, (links.shape[1], count))
    for _ in range(REDRAWS):
        wrong = (drawn == source) | _taken(graph, t + 1, source, drawn)
        if not wrong.any():
            break
        drawn[wrong] = random.choice(candidates, int(wrong.sum()))
    wrong = (drawn == source) | _taken(graph, t + 1, source, drawn)
    return torch.from_numpy(np.where(wrong, -1, drawn))


def _taken(graph: Graph, t: int, source: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    pairs = np.stack([np.broadcast_to(source, drawn.shape).ravel(), drawn.ravel()])
    return np.isin(graph.pair_numbers(torch.from_numpy(pairs)), graph.linked[t]).reshape(drawn.shape)


def measure(graph: Graph, rounds: Sequence[Trial], scorers: Mapping[str, Scorer], *, seed: int = 0) -> dict[str, Any]:
    """Every scorer's figures by its name, as JSON; the first is also compared with each other one, pair by pair.

    "auc" is the mean over snapshots, "ap" as well; "mrr" and "hits@k" are means over links, a tie counting half.
    Intervals (95 %) resample sources, as the links of one source are not independent.
    """
    if not rounds:
        raise MeasureError("a forecast", "no link in the snapshots that are judged", "at least one")
    source = np.concatenate([one.links[0].numpy() for one in rounds])
    cluster = np.unique(source, return_inverse=True)[1] % CLUSTERS
    sizes = [one.links.shape[1] for one in rounds]
    scale = np.concatenate([np.full(size, sum(sizes) / (len(sizes) * size)) for size in sizes])
    found, wins = {}, {}
    for name, scorer in scorers.items():
        each = [_scored(one, scorer) for one in rounds]
        wins[name] = np.concatenate([one["wins"] for one in each])
        ranks = np.concatenate([one["ranks"] for one in each])
        found[name] = {
            "auc": _interval(wins[name] * scale, cluster, seed),
            "ap": float(np.mean([one["ap"] for one in each])),
            "mrr": _interval(1 / ranks, cluster, seed),
            **{f"hits@{k}": _interval((ranks <= k).astype(float), cluster, seed) for k in HITS},
            "by_time": [
                {"snapshot": graph.labels[one.t + 1], "links": size, "auc": float(row["wins"].mean()), "ap": row["ap"]}
                for one, size, row in zip(rounds, sizes, each, strict=True)
            ],
            "by_domain": _by_domain(graph, rounds, wins[name], cluster, seed),
        }
    first, *rest = scorers
    for name in rest:
        found[first][f"auc_over_{name}"] = _interval((wins[first] - wins[name]) * scale, cluster, seed)
    return found


def wins(trial: Trial, scorer: Scorer) -> np.ndarray:
    """For each link the share of the other pairs that score below it, ties counting half, (P,); the mean is the AUC."""
    scores = scorer(trial.t, torch.cat([trial.links, trial.others], dim=1))
    return _wins(scores[: trial.links.shape[1]], np.sort(scores[trial.links.shape[1] :]))


def _wins(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")) / 2 / len(others)


def _scored(trial: Trial, scorer: Scorer) -> dict[str, Any]:
    count, width = trial.rivals.shape
    against = torch.stack([trial.links[0][:, None].expand(count, width), trial.rivals.clamp(min=0)]).flatten(1)
    scores = scorer(trial.t, torch.cat([trial.links, trial.others, against], dim=1))
    own, others, rivals = scores[:count], np.sort(scores[count : 2 * count]), scores[2 * count :].reshape(count, width)
    real = trial.rivals.numpy() >= 0
    above = ((rivals > own[:, None]) + 0.5 * (rivals == own[:, None])) * real
    both = np.concatenate([own, others])
    ap = average_precision(both, np.arange(len(both)) < count)
    return {"wins": _wins(own, others), "ranks": 1 + above.sum(1), "ap": ap}


def _by_domain(
    graph: Graph, rounds: Sequence[Trial], wins: np.ndarray, cluster: np.ndarray, seed: int
) -> dict[str, Any]:
    """The AUC of each domain's links, over all snapshots together."""
    domain = np.concatenate([one.domain for one in rounds])
    return {
        graph.domains[number]: _interval(wins[domain == number], cluster[domain == number], seed)
        for number in np.unique(domain)
        if len(graph.domains) > 1
    }


def _interval(values: np.ndarray, cluster: np.ndarray, seed: int) -> dict[str, Any]:
    return asdict(bootstrap(values, seed=seed, groups=cluster)) | {"count": len(values)}


def surprise(graph: Graph, rounds: Sequence[Trial]) -> float:
    """The share of judged links whose pair was never linked before the first judged snapshot (TGB's index)."""
    pool, start = Pool(graph), min(one.t for one in rounds) + 1
    known = pool.keys(graph.edges[:, : graph.starts[start]])
    asked = pool.keys(torch.cat([one.links for one in rounds], dim=1))
    return float((~np.isin(asked, known)).mean())
