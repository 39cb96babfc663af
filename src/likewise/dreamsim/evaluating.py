"""The measures of the literature: 2AFC on NIGHTS and BAPPS, THINGS' odd one out, average precision on JND pairs.

Formats are read as they were released: BAPPS has ref/, p0/, p1/ and judge/ (the share that prefers the second, .npy);
THINGS a list of three image numbers a line, of which the first two are the more alike.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from likewise.dreamsim import jnd, measuring, nights, questions, seen, splits, triplets
from likewise.dreamsim.measuring import plain
from likewise.dreamsim.metric import Metric
from likewise.errors import MeasureError, NoJudgementsError
from likewise.imageset.listing import scan
from likewise.metrics.agreement import two_afc
from likewise.metrics.intervals import bootstrap, wilson

FORMATS = ("triplets", "jnd", "nights", "bapps", "things")


def soft_average_precision(distances: Sequence[float] | np.ndarray, same: Sequence[float] | np.ndarray) -> float:
    """Average precision of small distances against the share of people who said "same", as LPIPS scores JND.

    distances, same (N,), same in [0, 1]: sorted by distance, hits are cumulative sums of `same`, false alarms of
    1 - same; the area under the precision envelope over recall (arXiv:1801.03924). MeasureError without any "same".
    """
    far, shares = np.asarray(distances, dtype=np.float64), np.asarray(same, dtype=np.float64)
    if far.shape != shares.shape or far.ndim != 1 or not shares.sum() > 0:
        raise MeasureError("average precision", f"{far.shape} and {shares.shape}", "a share above 0 somewhere")
    ordered = shares[np.argsort(far, kind="stable")]
    hits, alarms = np.cumsum(ordered), np.cumsum(1 - ordered)
    recall = np.concatenate([[0], hits / hits[-1]])
    precision = np.maximum.accumulate((hits / (hits + alarms))[::-1])[::-1]
    return float((np.diff(recall) * precision).sum())


def evaluate(metric: Metric, data: str | Path, format: str = "triplets", seed: int = 0) -> dict[str, Any]:
    """A metric's scores on a data folder of one of FORMATS, as JSON; see the functions below."""
    measure = {"triplets": own, "jnd": same, "nights": night, "bapps": bapps, "things": things}[format]
    return {"format": format, "metric": metric.name, **measure(metric, Path(data), seed)}


def own(metric: Metric, folder: Path, seed: int = 0) -> dict[str, Any]:
    """2AFC on triplets.jsonl, with the ceilings: on those split "test" where they have splits, and that are new to it.

    NoJudgementsError where none of them is left.
    """
    return _choices(metric, triplets.read(folder), folder, seed)


def night(metric: Metric, folder: Path, seed: int = 0) -> dict[str, Any]:
    """2AFC on NIGHTS' test triplets with six votes or more, as published."""
    return _choices(metric, nights.read(folder), folder, seed)


def same(metric: Metric, folder: Path, seed: int = 0) -> dict[str, Any]:
    """Average precision on pairs.jsonl, with an interval over groups, and the threshold at which half say "same".

    The threshold is null where the votes contradict the distances.
    """
    from likewise.dreamsim import calibration

    found = seen.voted(jnd.read(folder), folder)
    distances = measuring.pair_distances(metric, [pair.pictures for pair in found], folder)
    shares, votes = np.array([pair.share for pair in found]), np.array([pair.votes for pair in found])
    both = np.stack([distances, shares], axis=1)
    score = bootstrap(both, _precision, seed=seed, groups=[pair.unit for pair in found], draws=500)
    about: dict[str, Any] = {"pairs": len(found), "average_precision": plain(score), "half_say_same_at": None}
    try:
        (limit,) = calibration.thresholds(distances, shares, votes, groups=[pair.unit for pair in found], seed=seed)
    except MeasureError:  # a metric that people contradict has a score, and no such distance
        return about
    return {**about, "half_say_same_at": plain(limit)}


def bapps(metric: Metric, folder: Path, seed: int = 0) -> dict[str, Any]:
    """2AFC on a subset of BAPPS' val (a folder with ref, p0, p1, judge), or on each of a folder of such subsets."""
    if not (folder / "ref").is_dir():
        found = {path.parent.name: bapps(metric, path.parent, seed) for path in sorted(folder.glob("*/ref"))}
        if not found:
            raise NoJudgementsError(
                folder, "ref/, p0/, p1/ and judge/", "Give val/ of BAPPS' 2afc, or one subset of it"
            )
        mean = round(float(np.mean([one["two_afc"]["value"] for one in found.values()])), 4)
        return {"two_afc_mean": mean, "subsets": found}
    references = scan(folder / "ref").photos
    shares = np.array([_judged(folder / "judge" / f"{path.stem}.npy") for path in references])
    sides = [[folder / side / path.name for path in references] for side in ("p0", "p1")]
    anchor = metric.embed(references).astype(np.float64)
    left, right = (1 - (anchor * metric.embed(paths)).sum(1) for paths in sides)
    return {"triplets": len(references), "two_afc": plain(bootstrap(two_afc(left, right, shares), seed=seed))}


def things(metric: Metric, folder: Path, seed: int = 0) -> dict[str, Any]:
    """The share of triplets.txt whose first two pictures are nearer to each other than either is to the third.

    The numbers count the folder's pictures in the order of their names, from 0. A tie counts as right, as published.
    """
    path = folder / "triplets.txt"
    if not path.is_file():
        raise NoJudgementsError(folder, path.name, "Put the list of triplets there, three numbers a line")
    photos = scan(folder, recursive=True).photos
    try:
        rows = np.loadtxt(path, dtype=np.int64, ndmin=2)
    except ValueError as error:
        raise MeasureError("THINGS triplets", str(error), "three whole numbers a line") from error
    if rows.shape[1] != 3 or rows.min() < 0 or rows.max() >= len(photos):
        found = f"{rows.shape[1]} numbers a line, up to {rows.max()}, and {len(photos)} pictures"
        raise MeasureError("THINGS triplets", found, "three picture numbers a line")
    used, codes = np.unique(rows, return_inverse=True)
    unit = metric.embed([photos[number] for number in used]).astype(np.float64)
    first, second, third = (unit[part] for part in codes.reshape(rows.shape).T)
    alike, others = (first * second).sum(1), ((first * third).sum(1), (second * third).sum(1))
    right = (alike >= others[0]) & (alike >= others[1])
    return {"triplets": len(rows), "accuracy": plain(wilson(int(right.sum()), len(right)))}


def _choices(metric: Metric, given: Sequence[triplets.Triplet], folder: Path, seed: int) -> dict[str, Any]:
    given = seen.voted(given, folder)
    if any(one.split is not None for one in given):
        given = splits.parts(given)[splits.TEST]
        if not given:
            advice = 'Give some of them this split, or take the "split" out of all to measure on every one.'
            raise NoJudgementsError(folder, "triplets with votes split 'test'", advice)
    given = seen.unseen(metric, given, folder, (splits.TRAIN, splits.VAL), "of the score")
    if not given:
        raise NoJudgementsError(folder, "triplets that this metric was not tuned on", "Judge new ones.")
    asked = questions.of(given)
    measuring.warn_few(asked)
    found = measuring.distances(metric, asked, folder)
    return measuring.report(found, asked, temperature=metric.calibration.temperature, seed=seed)


def _precision(both: np.ndarray) -> float:
    return soft_average_precision(both[:, 0], both[:, 1]) if both[:, 1].sum() else 0.0


def _judged(path: Path) -> float:
    try:
        return float(np.load(path, allow_pickle=False).reshape(-1)[0])
    except (OSError, ValueError, IndexError) as error:
        raise NoJudgementsError(path.parent, path.name, f"It cannot be read: {error}") from error
