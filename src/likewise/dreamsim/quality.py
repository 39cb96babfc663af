"""Whose judgements can be trusted: sentinels, response times, sides, repeats; each rule with what it found."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

from likewise.dreamsim.room_tally import Answer

ENOUGH = 5  # sentinels or repeats below which a share says too little to hold it against anybody


@dataclass(frozen=True)
class Rules:
    """Where the lines are drawn. A rule at its loosest value is off."""

    sentinels: float = 0.9  # share of obvious questions that must be right
    floor: float = 250.0  # ms; nobody sees three pictures and chooses sooner
    hasty: float = 0.2  # share of answers below the floor that is too many
    side: float = 0.001  # chance of sides as uneven as these, below which they count as a bias
    constant: float = 0.2  # of one answer to every pair: share of them that most others answered otherwise, at most
    repeats: float = 0.5  # share of repeated questions answered alike, at or below which the answers are a coin's


@dataclass(frozen=True)
class Quality:
    """What is known of one person's answers."""

    person: int
    answers: int  # questions and repeats
    sentinels: int
    passed: int
    ms: float  # median response time to questions, milliseconds
    hasty: int  # answers below the floor
    left: int  # times that the left side (or "same") was pressed on questions and repeats
    side: float  # chance of such uneven sides if none were preferred; 1 for pairs
    repeats: int
    consistent: int  # repeats answered as at first
    late: int  # trials whose pictures came or went off their time
    reasons: tuple[str, ...]  # why the votes should not count, in words; empty when they should

    @property
    def flagged(self) -> bool:
        """Whether any rule was broken."""
        return bool(self.reasons)


def people(answers: Iterable[Answer], rules: Rules | None = None) -> dict[int, Quality]:
    """The quality of each person's answers, by number; practice does not count."""
    rules = rules or Rules()
    mine: dict[int, list[Answer]] = defaultdict(list)
    for one in answers:
        if one.kind != "practice":
            mine[one.person].append(one)
    others = _others(mine)
    return {person: _quality(person, given, others, rules) for person, given in sorted(mine.items())}


def flagged(qualities: dict[int, Quality]) -> frozenset[int]:
    """The people whose votes should not count."""
    return frozenset(person for person, one in qualities.items() if one.flagged)


def two_sided(successes: int, total: int) -> float:
    """The exact chance of a split at least as uneven as this one between two equally likely sides."""
    if not total:
        return 1.0
    fewer = min(successes, total - successes)
    tail = sum(comb(total, count) for count in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**total))


def impact(votes: Sequence[tuple[int, str, str]]) -> dict[int, float]:
    """The share of a person's items whose majority would be another, or none, without their vote.

    votes: (person, item, choice).
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for _, item, choice in votes:
        counts[item][choice] += 1
    changed: dict[int, list[bool]] = defaultdict(list)
    for person, item, choice in votes:
        without = {**counts[item], choice: counts[item][choice] - 1}
        changed[person].append(_majority(counts[item]) != _majority(without))
    return {person: sum(flips) / len(flips) for person, flips in changed.items()}


def _majority(counts: dict[str, int]) -> str | None:
    best = max(counts.values())
    leaders = [choice for choice, count in counts.items() if count == best]
    return leaders[0] if len(leaders) == 1 else None


def _quality(person: int, given: list[Answer], others: dict[str, dict[int, bool]], rules: Rules) -> Quality:
    asked = [one for one in given if one.kind in ("question", "repeat")]
    sentinels = [one for one in given if one.kind == "sentinel"]
    passed = sum(bool(one.correct) for one in sentinels)
    hasty = sum(one.ms < rules.floor for one in asked)
    left = sum(one.shown in ("left", "same") for one in asked)
    sided = bool(asked) and asked[0].shown in ("left", "right")
    side = two_sided(left, len(asked)) if sided else 1.0
    firsts = {one.item: one.choice for one in given if one.kind == "question"}
    repeats = [one for one in given if one.kind == "repeat" and one.item in firsts]
    consistent = sum(one.choice == firsts[one.item] for one in repeats)
    reasons = []
    if len(sentinels) >= ENOUGH and passed < rules.sentinels * len(sentinels):
        reasons.append(f"{passed} of {len(sentinels)} obvious questions right, {rules.sentinels:.0%} needed")
    if hasty > rules.hasty * len(asked):
        reasons.append(f"{hasty} of {len(asked)} answers within {rules.floor:g} ms")
    if side < rules.side:
        reasons.append(f"the left side {left} of {len(asked)} times (chance {side:.1g})")
    against = 0 if sided else _against(asked, others, person)
    if against >= ENOUGH and against > rules.constant * len(asked):
        reasons.append(f"{asked[0].shown!r} of every pair, {against} of which most others saw otherwise")
    if len(repeats) >= 2 * ENOUGH and consistent <= rules.repeats * len(repeats):
        reasons.append(f"{consistent} of {len(repeats)} repeated questions answered alike")
    ms = median([one.ms for one in asked]) if asked else 0.0
    late = len({(one.block, one.trial) for one in given if one.late})
    counted = (len(sentinels), passed, ms, hasty, left, side, len(repeats), consistent, late)
    return Quality(person, len(asked), *counted, tuple(reasons))


def _others(mine: dict[int, list[Answer]]) -> dict[str, dict[int, bool]]:
    """item -> person -> whether they said "same"."""
    found: dict[str, dict[int, bool]] = defaultdict(dict)
    for person, given in mine.items():
        for one in given:
            if one.kind == "question" and one.item is not None:
                found[one.item][person] = one.choice == "same"
    return found


def _against(asked: list[Answer], others: dict[str, dict[int, bool]], person: int) -> int:
    """How many pairs most others answered otherwise, if this person gave one answer to all; 0 if it varies."""
    if len({one.shown for one in asked}) != 1:
        return 0
    found = 0
    for one in asked:
        said = [same for who, same in others[one.item or ""].items() if who != person]
        alike = sum(same == (one.shown == "same") for same in said)
        found += 2 * alike < len(said)
    return found
