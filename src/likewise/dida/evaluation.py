"""A forecaster judged on snapshots that it never learned from, beside the memory of past pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from likewise import seeds
from likewise.dida import calibration, leakage, measures
from likewise.dida.calibration import Calibration
from likewise.dida.edgebank import EdgeBank
from likewise.dida.graph import Graph
from likewise.dida.model import score
from likewise.dida.negatives import Pool, draw
from likewise.dida.splits import Split

SAMPLE = 20_000  # pairs whose probabilities stand for those of all, and that calibrate


@dataclass(frozen=True)
class Case:
    """What is judged."""

    name: str  # of the model
    graph: Graph  # held-out domains included
    held: Sequence[str]
    split: Split
    calibration: Calibration
    embed: Callable[[Graph], Tensor]  # a graph to its parts (T, N, d)


def scorer(parts: Tensor) -> measures.Scorer:
    """The logits of pairs by parts (T, N, d)."""
    return lambda t, pairs: score(parts[t], pairs).double().numpy()


def validation(parts: Tensor, graph: Graph, times: Sequence[int], seed: int) -> tuple[Calibration, dict[str, float]]:
    """Probabilities fitted on these times, and the AUC there of the parts (T, N, d) and of memory, "edgebank"."""
    bank, pool = EdgeBank(graph), Pool(graph)
    positive, negative, free = [], [], []
    for t in times:
        links = pool.pairs(graph.linked[t + 1])
        count = min(SAMPLE, pool.possible)
        if links.shape[1]:
            others = draw(graph, t + 1, "auto", count, seed, "calibration")
            positive.append(score(parts[t], links).numpy())
            negative.append(score(parts[t], others).numpy())
            free.append((pool.possible - links.shape[1]) / count)
    fitted = calibration.fit(np.concatenate(positive), np.concatenate(negative), float(np.mean(free)))
    rounds = measures.trials(graph, times, seed=seed, rivals=1)
    found = measures.measure(graph, rounds, {"auc": scorer(parts), "edgebank": bank}, seed=seed)
    return fitted, {name: found[name]["auc"]["value"] for name in found}


def report(case: Case, kinds: Sequence[str], seed: int, sampled: int) -> dict[str, Any]:
    """All figures as JSON, see `DIDA.evaluate`; seed: of the negatives; sampled: of the pairs that calibration sees."""
    seen = case.graph.without(case.held) if case.held else case.graph
    period, times = _period(case.split)
    came, away = _came(case.graph, times), set(case.held)
    made: dict[str, Any] = {
        "period": period,
        "snapshots": [case.graph.labels[t + 1] for t in times],
        "held_out": list(case.held),
        "unmeasured": unmeasured(case.graph, case.held, case.split),
    }
    parts = case.embed(seen)
    if came and came <= away:
        made |= {"by_negatives": {}, "links": 0}
    else:
        made |= _judged(case, seen, parts, times, kinds, seed, None)
    if came & away:
        only = [case.graph.domains.index(name) for name in case.held]
        made["shift"] = _judged(case, case.graph, case.embed(case.graph), times, kinds, seed, only)
    made["calibration"] = _expected(case.calibration, seen, parts, times, sampled)
    made["leakage"] = {
        "future_changes_past": leakage.future(case.embed, case.graph, times),
        "features": leakage.features(case.graph, times, seed),
    }
    return made


def unmeasured(graph: Graph, held: Sequence[str], cut: Split) -> list[str]:
    """Which parts a report leaves out because no link is there to judge by, a sentence each."""
    period, times = _period(cut)
    came, missing = _came(graph, times), []
    if came and came <= set(held):
        missing.append(f"Every link of the {period} snapshots is held out: nothing tells how what was learned fares.")
    absent = [name for name in held if name not in came]
    if absent:
        missing.append(f"No link of {', '.join(absent)} is in the {period} snapshots: no figure of it under shift.")
    return missing


def _period(cut: Split) -> tuple[str, list[int]]:
    return ("test", list(cut.test)) if cut.test else ("validation", list(cut.val))


def _came(graph: Graph, times: Sequence[int]) -> set[str]:
    """The domains of the links that are judged."""
    return {graph.domains[number] for t in times for number in graph.domains_of(t + 1).unique().tolist()}


def _judged(
    case: Case,
    graph: Graph,
    parts: Tensor,
    times: Sequence[int],
    kinds: Sequence[str],
    seed: int,
    only: Sequence[int] | None,
) -> dict[str, Any]:
    scorers = {case.name: scorer(parts), "edgebank": EdgeBank(graph)}
    found: dict[str, Any] = {"by_negatives": {}}
    for kind in kinds:
        rounds = measures.trials(graph, times, kind=kind, seed=seed, only=only)
        found["by_negatives"][kind] = measures.measure(graph, rounds, scorers, seed=seed)
        found["surprise"], found["links"] = measures.surprise(graph, rounds), sum(r.links.shape[1] for r in rounds)
    return found


def _expected(
    calibration: Calibration, graph: Graph, parts: Tensor, times: Sequence[int], seed: int
) -> dict[str, float]:
    """Distinct links expected over the times, from a sample of all pairs, and those that came."""
    pool, expected, came, none = Pool(graph), 0.0, 0, np.empty(0, dtype=np.int64)
    for t in times:
        pairs = pool.pairs(pool.sample(seeds.numpy_stream(seed, "expected", t), SAMPLE, none))
        expected += float(calibration(score(parts[t], pairs).numpy()).mean()) * pool.possible
        came += len(graph.linked[t + 1])
    return {"expected_links": round(expected, 1), "links": came}
