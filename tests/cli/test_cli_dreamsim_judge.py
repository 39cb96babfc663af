"""`likewise dreamsim make`, `judge`, `votes`: from photos to votes that can be learned from."""

import json
import sys
from pathlib import Path

import pytest

from likewise import seeds
from likewise.dreamsim import jnd, observers, triplets
from likewise.dreamsim.room import Room
from likewise.dreamsim.room_pages import Request
from likewise.dreamsim.room_server import Server
from likewise.dreamsim.room_settings import RoomSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "dreamsim"))

from made_rooms import SMALL, triplet_folder


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    triplet_folder(folder, 8, px=8)
    return folder


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(2):
        observers.draw(observers.look(seeds.numpy_stream(0, index)), 32).save(folder / f"{index}.png")
    return folder


def test_photos_become_questions_and_the_next_step_is_named(run, photos):
    result = run("dreamsim", "make", "--photos", photos, "--out", "made", "--each", 2)
    assert result.code == 0 and "4 triplets in made" in result.out and "likewise dreamsim judge made" in result.out
    assert len(triplets.read("made")) == 4
    pairs = run("dreamsim", "make", "--photos", photos, "--out", "pairs", "--task", "jnd", "--family", "blur",
                "--family", "noise", "--json")  # fmt: skip
    assert pairs.json["pairs"] == len(jnd.read("pairs")) == 2


def test_what_to_make_must_be_said_once(run, photos):
    for words in ((), ("apple", "--photos", photos), ("apple", "--task", "jnd")):
        result = run("dreamsim", "make", *words)
        assert result.code == 1 and "--photos" in result.err


def test_the_page_is_served_until_it_is_stopped_and_goes_on(run, data, monkeypatch):
    seen = []

    def one_request(server):
        headers = {"content-type": "application/json"}
        body = json.dumps({"name": "Ada", "again": bool(seen)}).encode()
        seen.append(json.loads(server.pages.answer(Request("POST", "/api/enter", headers, body)).body))
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", one_request)
    for _ in range(2):
        result = run("dreamsim", "judge", data, "--port", 0, "--show", 300, "--votes", 2)
        assert result.code == 0 and "http://127.0.0.1:" in result.err and "8 are still to be asked" in result.out
    assert [one["person"]["number"] for one in seen] == [1, 1] and seen[0]["show"] == 300


def test_votes_are_told_and_written(run, data):
    with Room(data, SMALL) as room:
        for name in ("Ada", "Bo"):
            observers.visit(room, name, lambda trial, rng: (trial.answers[0] or "left", 900.0))
    result = run("dreamsim", "votes", data, "--out", "votes")
    assert result.code == 0 and "Ada" in result.out and "Fleiss' kappa" in result.out and "noise ceiling" in result.out
    assert {one.votes for one in triplets.read("votes")} == {2}
    again = run("dreamsim", "votes", data, "--json").json
    assert again["votes"] == 16 and [one["flagged"] for one in again["people"]] == [False, False]
    assert run("dreamsim", "votes", data, "--out", "votes").code == 1  # the place is taken


def test_a_folder_without_questions_and_settings_that_do_not_fit_are_told(run, tmp_path, data):
    assert "holds no triplets.jsonl" in run("dreamsim", "judge", tmp_path).err
    result = run("dreamsim", "judge", data, "--unanimous", "--votes", 3)
    assert result.code == 1 and "agreeing (6) must not exceed votes (3)" in result.err


def test_the_settings_of_a_room_are_flags(run):
    shown = run("dreamsim", "judge", "x", "--dump-config").out
    assert all(f"{name} = " in shown for name in RoomSettings.model_fields)
