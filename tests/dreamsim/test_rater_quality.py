"""Bad raters are found and good ones left alone; Dawid and Skene's estimate finds planted accuracies."""

import numpy as np
import pytest

from likewise import seeds
from likewise.dreamsim import observers, quality, room_plan
from likewise.dreamsim.observers import Observer
from likewise.dreamsim.quality_worth import dawid_skene
from likewise.dreamsim.room_settings import RoomSettings
from likewise.dreamsim.room_tally import Answer
from likewise.dreamsim.triplets import Triplet
from likewise.errors import MeasureError

BLOCKS = 2  # of the default size: 50 triplets, 10 sentinels, 4 repeats
SETTINGS = RoomSettings()


@pytest.fixture(scope="module")
def world():
    """200 triplets of looks, and the look of each picture."""
    looks, made = {}, []
    for index in range(200):
        names = (f"{index}r", f"{index}a", f"{index}b")
        looks |= dict(zip(names, observers.question(0, index), strict=True))
        made.append(Triplet(*names, 0, 0, None))
    return made, looks


def sitting(person, answering, made):
    """What one person answers in blocks of the default size."""
    found, other = [], {"left": "right", "right": "left"}
    for number in range(BLOCKS):
        rng = seeds.numpy_stream(0, "sitting", person, number)
        picked = rng.choice(len(made), SETTINGS.block, replace=False)
        trials = room_plan.block([(str(i), made[i]) for i in picked], made, SETTINGS, rng)
        for index, one in enumerate(trials):
            pressed, ms = answering(one, rng)
            choice = other[pressed] if one.swapped[0] else pressed
            found.append(
                Answer(person, one.kind, one.items[0], choice, pressed, one.answers[0], ms, False, number, index)
            )
    return found


def test_planted_clickers_and_one_sided_raters_are_found_and_others_left_alone(world):
    """Acceptance check 17: 10 % bad raters; at least 95 % of them flagged, at most 5 % of the others."""
    made, looks = world
    taste = seeds.numpy_stream(0, "tastes")
    people, bad = {}, set()
    bad_kinds = [
        observers.clicking(),
        observers.clicking(fast=True),
        observers.sided("left"),
        observers.sided("right"),
    ]
    for person in range(200):
        if person % 10 == 0:
            people[person] = bad_kinds[person // 10 % 4]
            bad.add(person)
        else:
            weights = tuple(taste.dirichlet(np.ones(5)))
            people[person] = observers.attentive(Observer(weights, noise=0.15), looks)
    given = [one for person, answering in people.items() for one in sitting(person, answering, made)]
    found = quality.flagged(quality.people(given))
    assert len(found & bad) >= 0.95 * len(bad)
    assert len(found - bad) <= 0.05 * (len(people) - len(bad))


def answers(**changes):
    """Sixty good answers and ten passed sentinels of person 1, some of them changed."""
    asked = [
        {"kind": "question", "item": str(i), "choice": "left", "shown": ("left", "right")[i % 2], "right": None}
        for i in range(60)
    ]
    asked += [{"kind": "sentinel", "item": None, "choice": "left", "shown": "left", "right": "left"} for _ in range(10)]
    for index, change in changes.items():
        asked[int(index[1:])] |= change
    return [Answer(1, ms=one.pop("ms", 900.0), late=False, block=1, trial=i, **one) for i, one in enumerate(asked)]


def test_good_answers_have_no_reasons():
    one = quality.people(answers())[1]
    assert (one.reasons, one.answers, one.sentinels, one.passed, one.left) == ((), 60, 10, 10, 30)


def test_each_rule_names_what_it_found():
    missed = {f"i{i}": {"shown": "right"} for i in (60, 61)}
    assert "8 of 10 obvious questions right" in quality.people(answers(**missed))[1].reasons[0]
    hasty = {f"i{i}": {"ms": 100.0} for i in range(13)}
    assert "13 of 60 answers within 250 ms" in quality.people(answers(**hasty))[1].reasons[0]
    sided = {f"i{i}": {"shown": "left"} for i in range(45)}
    assert "left side 52 of 60" in quality.people(answers(**sided))[1].reasons[0]
    repeats = {f"i{i}": {"kind": "repeat", "item": str(i - 10), "choice": "right"} for i in range(10, 20)}
    assert "0 of 10 repeated questions" in quality.people(answers(**repeats))[1].reasons[0]


def test_nine_of_ten_sentinels_suffice_and_four_say_nothing():
    assert not quality.people(answers(i60={"shown": "right"}))[1].flagged
    few = [one for one in answers(i60={"shown": "right"}) if one.trial < 64]
    assert not quality.people(few)[1].flagged


def test_the_same_word_for_every_pair_is_found_where_others_see_differences():
    def said(person, word):
        return [Answer(person, "question", str(i), word, word, None, 900.0, False, person, i) for i in range(20)]

    found = quality.people([*said(1, "same"), *(one for p in range(2, 6) for one in said(p, "different"))])
    assert found[1].flagged and "'same' of every pair" in found[1].reasons[0]
    assert not any(found[person].flagged for person in range(2, 6))


@pytest.mark.parametrize(
    ("k", "n", "p"), [(5, 10, 1.0), (0, 10, 2 / 1024), (10, 10, 2 / 1024), (1, 3, 1.0), (0, 0, 1.0)]
)
def test_the_chance_of_a_split_is_exact(k, n, p):
    assert quality.two_sided(k, n) == pytest.approx(p)


def test_the_impact_of_a_rater_is_the_majorities_that_hang_on_them():
    votes = [
        (1, "a", "left"),
        (2, "a", "left"),
        (3, "a", "right"),
        (1, "b", "left"),
        (2, "b", "left"),
        (3, "b", "left"),
    ]
    assert quality.impact(votes) == {1: 0.5, 2: 0.5, 3: 0.0}


@pytest.mark.parametrize("one_coin", [True, False])
def test_dawid_and_skene_recover_planted_accuracies(one_coin):
    """Acceptance check 17: within .05 where each item has 30 votes."""
    rng = seeds.numpy_stream(0, "dawid skene")
    accuracy = np.linspace(0.55, 0.97, 30)
    truth = rng.integers(0, 2, 400)
    votes = [
        (rater, item, int(truth[item] if rng.random() < accuracy[rater] else 1 - truth[item]))
        for item in range(400)
        for rater in range(30)
    ]
    found = dawid_skene(votes, one_coin=one_coin)
    assert np.abs(found.accuracy - accuracy).max() < 0.05
    assert (found.truth.argmax(1) == truth).mean() > 0.99


def test_three_answers_are_estimated_too_and_none_is_refused():
    votes = [(r, i, i % 3) for r in range(4) for i in range(30)]
    found = dawid_skene(votes, 3)
    assert (found.truth.argmax(1) == np.arange(30) % 3).all() and found.accuracy.min() > 0.9
    with pytest.raises(MeasureError):
        dawid_skene([])
    with pytest.raises(MeasureError):
        dawid_skene([(0, 0, 2)])
