"""Simulated people have the taste they are given, and answer in rooms as people do."""

from collections import Counter

import numpy as np
import pytest
from made_rooms import triplet_folder

from likewise import seeds
from likewise.dreamsim import observers, quality, room_desk, triplets
from likewise.dreamsim.observers import AXES, Look, Observer
from likewise.dreamsim.room import Room
from likewise.dreamsim.room_settings import RoomSettings
from likewise.dreamsim.room_tally import answers

PLAIN = Look(0, 0, 0.5, 0.5, 1, 0)
OTHER = {  # each differs from PLAIN along one axis, as far as can be
    "colour": Look(4, 0, 0.5, 0.5, 1, 0),
    "shape": Look(0, 3, 0.5, 0.5, 1, 0),
    "position": Look(0, 0, 1.1, 0.5, 1, 0),
    "count": Look(0, 0, 0.5, 0.5, 4, 0),
    "texture": Look(0, 0, 0.5, 0.5, 1, 2),
}


@pytest.mark.parametrize("axis", AXES)
def test_looks_lie_apart_along_the_axis_that_differs(axis):
    assert list(PLAIN.apart(OTHER[axis])) == [float(name == axis) for name in AXES]
    assert list(PLAIN.apart(PLAIN)) == [0.0] * 5


@pytest.mark.parametrize("axis", AXES)
def test_an_observer_finds_nearer_what_keeps_their_axis(axis):
    weights = tuple(5.0 if name == axis else 1.0 for name in AXES)
    rng = seeds.numpy_stream(0, "observer")
    one = Observer(weights, noise=0.0)
    for other in set(AXES) - {axis}:
        assert one.nearer(PLAIN, OTHER[axis], OTHER[other], rng) == "right"
        assert one.nearer(PLAIN, OTHER[other], OTHER[axis], rng) == "left"


def test_noise_makes_close_calls_a_coin_and_clear_ones_sure():
    rng, even = seeds.numpy_stream(0, "noise"), Observer((1, 1, 1, 1, 1), noise=0.05)
    close = Counter(even.nearer(PLAIN, OTHER["shape"], OTHER["texture"], rng) for _ in range(400))
    clear = Counter(even.nearer(PLAIN, PLAIN, OTHER["texture"], rng) for _ in range(400))
    assert 150 < close["left"] < 250 and clear["left"] == 400


def test_questions_are_the_same_each_time_and_change_every_axis_once():
    assert observers.question(3, 5) == observers.question(3, 5) != observers.question(3, 6)
    for index in range(50):
        reference, left, right = observers.question(0, index)
        changed = [{name for name, far in zip(AXES, reference.apart(one), strict=True) if far} for one in (left, right)]
        assert changed[0] and changed[1] and not changed[0] & changed[1]
        assert changed[0] | changed[1] >= set(AXES) - {"position"}  # a place at the edge may stay where it is


def test_looks_that_differ_are_drawn_differently():
    drawn = {name: np.asarray(observers.draw(look, 48)).astype(int) for name, look in {**OTHER, "plain": PLAIN}.items()}
    names = [name for name in drawn if name != "position"]  # which lies outside the picture here
    for first in names:
        for second in names:
            assert (first == second) is bool((drawn[first] == drawn[second]).all())


def test_planted_raters_are_found_in_a_room_and_the_rest_recover_the_taste(tmp_path):
    """Done when 4, without the metric: file format, rooms, quality control and filter give back the observer."""
    made = triplet_folder(tmp_path, 40, px=8)
    looks = {
        name: look
        for index, one in enumerate(made)
        for name, look in zip(one.pictures, observers.question(0, index), strict=True)
    }
    taste = Observer((5, 1, 1, 1, 1), noise=0.1)
    kinds = {3: observers.clicking(), 7: observers.sided("right")}
    with Room(tmp_path, RoomSettings(unanimous=True, practice=0)) as room:
        for number in range(1, 13):
            observers.visit(room, f"p{number}", kinds.get(number, observers.attentive(taste, looks)))
        assert quality.flagged(quality.people(answers(room.ledger, "2afc"))) == {3, 7}
        found = [one for one in room_desk.voted(room) if one.unanimous and one.votes >= 6]
    assert len(found) >= 15
    sharp, rng = Observer(taste.weights, noise=0.0), seeds.numpy_stream(0, "sharp")
    agree = [(sharp.nearer(*(looks[n] for n in one.pictures), rng) == "left") is bool(one.votes_left) for one in found]
    assert np.mean(agree) > 0.95
    assert len(triplets.read(tmp_path)) == 40
