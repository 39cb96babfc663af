"""The page's server: who may speak to it, what it tells, and that nothing is lost or doubled through it."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest
from made_rooms import SMALL, Browser, pair_folder, served, triplet_folder

from likewise.dreamsim.room import Room
from likewise.dreamsim.room_log import Ledger
from likewise.dreamsim.room_pages import Pages
from likewise.dreamsim.room_server import Server
from likewise.dreamsim.room_tally import answers
from likewise.errors import AddressError, FullDiskError
from likewise.records import Events


@pytest.fixture
def folder(tmp_path):
    triplet_folder(tmp_path, 8, px=8)
    return tmp_path


def judged(browser, block, index, answer="left"):
    body = {"block": block, "trial": index, "answer": [answer], "ms": [812.5], "timing": {"away": False}}
    return browser.post("api/judge", body)


def go_through(browser, name):
    """All that the room has for one person; the number of answers sent."""
    browser.post("api/enter", {"name": name})
    sent = 0
    while block := browser.post("api/begin", {})[1]["block"]:
        for index in block["open"]:
            assert judged(browser, block["number"], index) == (200, {"recorded": True})
            sent += 1
    return sent


def test_the_pages_and_their_parts_are_served(folder):
    with served(folder) as (server, _):
        browser = Browser(server.url)
        for path in ("", "page/room.css", "page/room.js", "desk", "page/desk.js"):
            status, body = browser.get(path)
            assert status == 200 and len(body) > 100
        assert browser.get("api/room")[1]["person"] is None


def test_pictures_go_by_their_mark_and_nothing_else_of_the_disk_is_served(folder):
    (folder / "secret.png").write_bytes(b"x")
    with served(folder) as (server, _):
        browser = Browser(server.url)
        browser.post("api/enter", {"name": "Ada"})
        block = browser.post("api/begin", {})[1]["block"]
        for url in block["trials"][0]["pictures"]:
            assert browser.get(url)[1].startswith(b"\x89PNG")
        tried = ["secret.png", "picture/secret.png", "picture/../triplets.jsonl", "page/../room.py", "page/%2e%2e/x"]
        for path in (*tried, "triplets.jsonl", "judging/log.jsonl", "export/../triplets.jsonl"):
            assert browser.get(path)[0] == 404


def test_the_browser_is_not_told_which_question_is_obvious(folder):
    with served(folder) as (server, _):
        browser = Browser(server.url)
        browser.post("api/enter", {"name": "Ada"})
        practice = browser.post("api/begin", {})[1]["block"]
        assert all(one["answers"][0] in ("left", "right") for one in practice["trials"])
        for index in practice["open"]:
            judged(browser, practice["number"], index)
        block = browser.post("api/begin", {})[1]["block"]
        assert {frozenset(one) for one in block["trials"]} == {frozenset({"index", "pictures"})}


def test_two_people_at_once_and_a_restart_lose_and_double_nothing(folder):
    """Done when 5, without a browser: everything sent twice, the server restarted in the middle."""
    port = _free_port()
    with served(folder, port=port) as (server, _):
        ada, bo = Browser(server.url), Browser(server.url)
        ada.post("api/enter", {"name": "Ada"})
        practice = ada.post("api/begin", {})[1]["block"]
        for index in practice["open"]:
            judged(ada, practice["number"], index)
        half = ada.post("api/begin", {})[1]["block"]
        for index in half["open"][:3]:
            assert judged(ada, half["number"], index)[1] == {"recorded": True}
    with served(folder, port=port) as (server, room):
        assert judged(ada, half["number"], 2, "right") == (200, {"recorded": False})
        state = ada.get("api/room")[1]
        assert state["person"]["name"] == "Ada" and state["block"]["open"] == half["open"][3:]
        with ThreadPoolExecutor() as pool:
            sent = pool.submit(go_through, bo, "Bo")
            for index in state["block"]["open"]:
                again = list(pool.map(lambda i: judged(ada, half["number"], i)[1]["recorded"], [index] * 4))
                assert sorted(again) == [False, False, False, True]
            sent = sent.result()
        by_person = [one.person for one in answers(room.ledger, "2afc")]
        assert by_person.count(1) == len(practice["trials"]) + len(half["trials"])
        assert by_person.count(2) == sent
    ledger = Ledger(folder)
    assert len(ledger.order) == len(set(ledger.order)) == len(by_person)


def test_another_site_and_another_name_for_this_machine_are_turned_away(folder):
    with served(folder) as (server, _):
        browser = Browser(server.url)
        assert browser.get("", Host="evil.example")[0] == 403
        assert browser.get("", Host="localhost:1")[0] == 200
        assert browser.post("api/enter", {"name": "x"}, Origin="http://evil.example")[0] == 403
        assert browser.post("api/enter", {"name": "x"}, Origin="null")[0] == 403
        assert browser.post("api/enter", b'{"name": "x"}', **{"Content-Type": "text/plain"})[0] == 400
        assert browser.get("api/room")[1]["person"] is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b'{"name": 3}', b'{"name": ""}', b"[" * 60_000, b'{"name": "' + b"x" * 70_000 + b'"}'],
)
def test_what_is_no_name_is_refused_with_a_sentence(folder, body):
    with served(folder) as (server, room):
        status, answer = Browser(server.url).post("api/enter", body)
        assert status == 400 and answer
        assert not room.ledger.people


@pytest.mark.parametrize(
    "change",
    [
        {"block": True}, {"block": "1"}, {"trial": None}, {"answer": "left"}, {"answer": [3]}, {"ms": ["1"]}, {"ms": 3},
        {"timing": []}, {"trial": 99}, {"block": 99},
    ],
)  # fmt: skip
def test_a_judgement_without_its_parts_is_refused(folder, change):
    with served(folder) as (server, room):
        browser = Browser(server.url)
        browser.post("api/enter", {"name": "Ada"})
        block = browser.post("api/begin", {})[1]["block"]
        good = {"block": block["number"], "trial": 0, "answer": ["left"], "ms": [1.0], "timing": {}}
        assert browser.post("api/judge", {**good, **change})[0] == 400
        assert not room.ledger.order


def test_nobody_judges_before_saying_a_name_nor_for_somebody_else(folder):
    with served(folder) as (server, room):
        ada, bo = Browser(server.url), Browser(server.url)
        assert ada.post("api/begin", {})[0] == 401
        ada.post("api/enter", {"name": "Ada"})
        block = ada.post("api/begin", {})[1]["block"]
        assert judged(bo, block["number"], 0)[0] == 401
        status, answer = bo.post("api/enter", {"name": "ADA"})
        assert (status, answer["known"]) == (409, True)
        bo.post("api/enter", {"name": "Bo"})
        assert judged(bo, block["number"], 0)[0] == 400
        assert not room.ledger.order


def test_a_room_that_follows_at_the_same_address_shares_nothing_with_the_first(tmp_path):
    port, browser, states = _free_port(), None, []
    for name in ("first", "second"):  # of the same names, with other pictures
        (tmp_path / name).mkdir()
        triplet_folder(tmp_path / name, 8, px=8)
        with served(tmp_path / name, port=port) as (server, room):
            browser = browser or Browser(server.url)
            assert browser.get("api/room")[1]["person"] is None
            browser.post("api/enter", {"name": "Ada"})
            state = browser.post("api/begin", {})[1]
            states.append((state["room"], {url for one in state["block"]["trials"] for url in one["pictures"]}))
            if name == "second":
                late = {"block": 1, "trial": 0, "answer": ["left"], "ms": [1.0], "timing": {}}
                assert browser.post("api/judge", {"room": states[0][0], **late})[0] == 401
                assert not room.ledger.order
                assert browser.post("api/judge", {"room": state["room"], **late})[1] == {"recorded": True}
    (first, shown), (second, then) = states
    assert first != second and not shown & then


def test_leaving_forgets_the_browser_but_not_the_person(folder):
    with served(folder) as (server, _):
        browser = Browser(server.url)
        browser.post("api/enter", {"name": "Ada"})
        browser.post("api/leave", {})
        assert browser.get("api/room")[1]["person"] is None
        assert browser.post("api/enter", {"name": "Ada", "again": True})[1]["person"]["number"] == 1


def test_off_the_loopback_a_token_is_needed(folder):
    with Room(folder, SMALL) as room, Server(Pages(room, desk=False), "0.0.0.0") as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        browser = Browser(f"http://127.0.0.1:{server.server_address[1]}/")
        assert server.token in server.url
        assert browser.get("api/room")[0] == 401
        assert browser.get("?token=wrong")[0] == 401
        assert browser.get(f"?token={server.token}")[0] == 200  # exchanged for a cookie, and sent on to the page
        assert browser.get("api/room")[1]["task"] == "2afc"
        assert browser.get("desk")[0] == browser.get("api/desk")[0] == browser.get("export/votes.csv")[0] == 404
        server.shutdown()
        thread.join()


def test_the_desk_tells_and_hands_out_the_votes(folder):
    with served(folder) as (server, _):
        browser = Browser(server.url)
        go_through(browser, "Ada")
        desk = browser.get("api/desk")[1]
        assert desk["people"][0]["name"] == "Ada" and desk["agreement"] is None
        table = browser.get("export/votes.csv")[1].decode().splitlines()
        assert len(table) == 1 + desk["people"][0]["answers"] + desk["people"][0]["sentinels"] + SMALL.practice
        rows = [json.loads(line) for line in browser.get("export/triplets.jsonl")[1].splitlines()]
        assert len(rows) == 8
        assert browser.get("export/other")[0] == 404


def test_pairs_are_asked_as_sequences(tmp_path):
    pair_folder(tmp_path, 8, px=8)
    with served(tmp_path) as (server, _):
        browser = Browser(server.url)
        state = browser.post("api/enter", {"name": "Ada"})[1]
        assert (state["task"], state["show"], state["gap"]) == ("jnd", 100, 100)
        block = browser.post("api/begin", {})[1]["block"]
        body = {"block": block["number"], "trial": 0, "answer": ["same", "different"], "ms": [500, 400], "timing": {}}
        assert browser.post("api/judge", body)[1] == {"recorded": True}


def test_a_full_disk_is_told_as_a_reason_to_try_again(folder, monkeypatch):
    with served(folder) as (server, room):
        browser = Browser(server.url)
        browser.post("api/enter", {"name": "Ada"})
        block = browser.post("api/begin", {})[1]["block"]
        with monkeypatch.context() as patch:

            def full(self, event):
                raise FullDiskError(self.path, OSError(28, "No space left on device"))

            patch.setattr(Events, "append", full)
            status, answer = judged(browser, block["number"], 0)
            assert status == 503 and "could not be written" in answer["error"]
        assert judged(browser, block["number"], 0) == (200, {"recorded": True})
        assert len(room.ledger.order) == 1


def test_a_picture_that_went_missing_is_told(folder):
    with served(folder) as (server, _):
        browser = Browser(server.url)
        browser.post("api/enter", {"name": "Ada"})
        url = browser.post("api/begin", {})[1]["block"]["trials"][0]["pictures"][0]
        for path in folder.glob("*.png"):
            path.unlink()
        assert browser.get(url)[0] == 404


@pytest.mark.parametrize("head", ["/ HTTP/1.1\r\nHost: [", "http://[ HTTP/1.1\r\nHost: ::1", "/ HTTP/1.1\r\nA: b"])
def test_addresses_that_are_none_are_turned_away(folder, head):
    with served(folder) as (server, _), socket.create_connection(server.server_address[:2], timeout=20) as line:
        line.sendall(f"GET {head}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := line.recv(4096):
            answer += chunk
        assert answer.split()[1] in (b"400", b"403")


def test_a_port_that_is_taken_is_told(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with Room(folder, SMALL) as room, pytest.raises(AddressError, match="--port"):
            Server(Pages(room), port=taken.getsockname()[1])


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
