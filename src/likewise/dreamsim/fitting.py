"""A metric's probabilities, fitted to the votes of a data folder."""

from pathlib import Path
from typing import Any

import numpy as np

from likewise.dreamsim import calibration, jnd, measuring, questions, seen, splits, triplets
from likewise.dreamsim.calibration import Calibration
from likewise.dreamsim.metric import Metric
from likewise.errors import NoJudgementsError

SHARES = (0.75, 0.5, 0.25)  # of people who say "same", whose thresholds are told


def fitted(metric: Metric, data: str | Path, seed: int = 0) -> tuple[Metric, dict[str, Any]]:
    """The metric, calibrated on the triplets and the pairs that the folder holds, and what was found, as JSON.

    NoJudgementsError where it holds neither, MeasureError where the votes do not go with the distances at all.
    """
    data = Path(data)
    about: dict[str, Any] = {}
    temperature, same = metric.calibration.temperature, metric.calibration.same
    if (data / triplets.FILE).is_file():
        given = seen.voted(triplets.read(data), data)
        given = seen.unseen(metric, given, data, (splits.TRAIN, splits.TEST), "of the calibration")
        if not given:
            advice = "Judge new ones; the metric has the temperature of its tuning."
            raise NoJudgementsError(data, "triplets that this metric was neither tuned nor measured on", advice)
        asked = questions.of(given)
        left, right = measuring.distances(metric, asked, data)
        temperature = calibration.fit_temperature(left - right, asked.shares, asked.votes.sum(1))
        about |= {"triplets": len(asked), "temperature": round(temperature, 6)}
    if (data / jnd.FILE).is_file():
        pairs = seen.voted(jnd.read(data), data)
        distances = measuring.pair_distances(metric, [pair.pictures for pair in pairs], data)
        shares, votes = (np.array([getattr(pair, name) for pair in pairs]) for name in ("share", "votes"))
        same = calibration.fit_same(distances, shares, votes)
        about |= {"pairs": len(pairs), "lapse": round(same.lapse, 4)}
        units = [pair.unit for pair in pairs]
        limits = calibration.thresholds(distances, shares, votes, wanted=SHARES, groups=units, seed=seed)
        for share, found in zip(SHARES, limits, strict=True):
            about[f"{share:.0%}_say_same_at"] = measuring.plain(found)
    if not about:
        advice = "Collect some: likewise dreamsim judge"
        raise NoJudgementsError(data, f"{triplets.FILE} or {jnd.FILE}", advice)
    made = Metric(
        metric.model,
        metric.name,
        calibration=Calibration(temperature, same),
        aspect=metric.aspect,
        device=str(metric.device),
        precision=metric.precision,
        about=metric.about,
    )
    return made, about
