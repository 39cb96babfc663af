"""The page itself, in a headless browser: keys, killed tabs, a restarted server, and the clock."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest
from chromium import PROGRAM, Chromium
from made_rooms import pair_folder, served, triplet_folder

from likewise.dreamsim.room_log import Ledger
from likewise.dreamsim.room_settings import RoomSettings
from likewise.dreamsim.room_tally import answers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed here"),
    pytest.mark.timeout(600),
]

SETTINGS = RoomSettings(block=10, sentinels=3, repeats=1, practice=2, votes=2, sequences=4)
READY = (
    "!document.querySelector('#ask').hidden && !document.querySelector('#ask').classList.contains('blank') "
    "&& !document.querySelector('.chosen')"
)
PICTURES = "[...document.querySelectorAll('#ask img')].map((image) => image.src).join()"
CARD = "!document.querySelector('#card').hidden && document.querySelector('#card .go kbd')"


@pytest.fixture
def browser(tmp_path):
    found = Chromium(tmp_path / "profile")
    yield found
    found.close()


def enter(tab, name):
    tab.until("document.querySelector('form input')")
    tab.value("document.querySelector('form input').focus()")
    tab.write(name)
    tab.press("Enter")
    tab.value("document.querySelector('form')?.requestSubmit()")
    tab.until(CARD)


def answer(tab, count, key="ArrowLeft"):
    """Answers `count` questions of the block that is on the screen."""
    for _ in range(count):
        tab.until(READY)
        time.sleep(0.2)  # keys are heard from the frame after
        asked = tab.value(PICTURES)
        tab.press(key)
        tab.until(f"document.querySelector('#ask').hidden || {READY} && {PICTURES} !== {json.dumps(asked)}")


def to_the_end(tab, key="ArrowLeft"):
    """Goes on, cards and questions, until there is nothing left to ask."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        tab.until(f"{READY} || !document.querySelector('#card').hidden")
        if tab.value("document.querySelector('#card h1')?.textContent ?? ''").startswith("Thank you"):
            return
        tab.press("Space" if tab.value(f"Boolean({CARD})") else key)
        time.sleep(0.05)
    raise AssertionError(tab.value("document.body.innerText"))


def start_server(folder, port):
    """The server as a process of its own, that can be killed."""
    code = (
        "import sys; from pathlib import Path; from likewise.dreamsim.room import Room; "
        "from likewise.dreamsim.room_pages import Pages; from likewise.dreamsim.room_server import Server; "
        "from likewise.dreamsim.room_settings import RoomSettings; "
        "room = Room(Path(sys.argv[1]), RoomSettings.model_validate_json(sys.argv[3])); "
        "Server(Pages(room), port=int(sys.argv[2])).serve_forever()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder), str(port), SETTINGS.model_dump_json()])
    opener, end = build_opener(ProxyHandler({})), time.monotonic() + 120
    while time.monotonic() < end:
        try:
            opener.open(f"http://127.0.0.1:{port}/api/room", timeout=5).close()
            return process
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_two_people_a_killed_tab_and_a_killed_server_lose_and_double_nothing(browser, tmp_path):
    """Done when 5: two browsers at once, one tab killed in the middle, the server killed and started again."""
    folder = tmp_path / "data"
    folder.mkdir()
    triplet_folder(folder, 10)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    server = start_server(folder, port)
    first, second = browser.context(), browser.context()
    ada, bo = browser.tab(url, first), browser.tab(url, second)
    enter(ada, "Ada")
    enter(bo, "Bo")
    for tab in (ada, bo):
        tab.press("Space")
        tab.until(READY)
    for tab in (ada, bo):
        while not tab.value(f"Boolean({CARD})"):
            if tab.value(f"Boolean({READY})"):
                tab.press("ArrowRight")
            time.sleep(0.05)
        tab.press("Space")
    answer(ada, 4)
    answer(bo, 3)
    ada.close()  # in the middle of a block
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    bo.until(READY)
    bo.press("ArrowLeft")  # given while there is no server
    bo.until("!document.querySelector('#notice').hidden", 60)
    kept = "Object.keys(localStorage).filter((k) => k.startsWith('likewise:answer')).length"
    assert bo.value(kept) == 1
    server = start_server(folder, port)
    bo.until(f"({kept}) === 0", 60)
    again = browser.tab(url, first)
    again.until(CARD)
    assert "Welcome back, Ada" in again.value("document.body.innerText")
    assert f"{14 - 4} questions are left" in again.value("document.body.innerText")
    to_the_end(again, "ArrowRight")
    to_the_end(bo, "ArrowRight")
    assert "14" in bo.value("document.querySelector('.figures').innerText")
    os.kill(server.pid, signal.SIGTERM)
    server.wait()
    ledger = Ledger(folder)
    lines = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    judged = [(one["block"], one["trial"]) for one in lines if one["event"] == "judgement"]
    assert len(judged) == len(set(judged)) == sum(len(block.trials) for block in ledger.blocks.values())
    questions = [(one.person, one.item) for one in answers(ledger, "2afc") if one.kind == "question"]
    assert len(questions) == len(set(questions)) == 2 * 10
    lefts = [one.shown for one in answers(ledger, "2afc") if one.person == 1 and one.kind != "practice"]
    assert lefts.count("left") == 4  # Ada's four before her tab was killed are the four that were pressed


def test_pictures_come_and_go_within_a_frame_of_their_time(browser, tmp_path):
    """Acceptance check 16, the clock: 500 ms on, 1000 ms gap, each change less than a frame off."""
    pair_folder(tmp_path, 8)
    with served(tmp_path, SETTINGS) as (server, room):
        tab = browser.tab(server.url)
        enter(tab, "Ada")
        tab.press("Space")
        for _ in range(60):
            tab.until(f"{CARD} || !document.querySelector('#quiz').hidden && !document.querySelector('.chosen')", 60)
            if tab.value("document.querySelector('#card h1')?.textContent ?? ''").startswith("Thank you"):
                break
            tab.press("Space" if tab.value(f"Boolean({CARD})") else "ArrowLeft")
            time.sleep(0.3)
            if sum(not block.practice and len(block.judged) for block in room.ledger.blocks.values()) >= 4:
                break
        events = [event for block in room.ledger.blocks.values() for event in block.judged.values()]
    timings = [event["timing"] for event in events]
    assert len(timings) >= 5
    for one in timings:
        assert one["due"] == [0, 500, 1500, 2000, 3000, 3500, 4500, 5000]
        assert one["late"] == (max(abs(a - b) for a, b in zip(one["due"], one["was"], strict=True)) >= one["frame"])
    on_time = [one for one in timings if not one["late"]]
    assert len(on_time) >= 0.8 * len(timings)  # a machine that is busy with other work drops a frame at times


def test_keys_clicks_practice_and_the_desk(browser, tmp_path):
    triplet_folder(tmp_path, 10)
    with served(tmp_path, SETTINGS) as (server, room):
        tab = browser.tab(server.url)
        enter(tab, "Ada")
        tab.press("Space")
        tab.until(READY)
        tab.value("document.querySelector('#right').click()")
        tab.until("document.querySelector('#verdict').textContent !== ''")
        told = tab.value("document.querySelector('#verdict').textContent")
        right = room.ledger.blocks[1].trials[0].answers[0]
        assert told.startswith("Yes" if right == "right" else "Look again: the left")
        to_the_end(tab)
        times = [one.ms for one in answers(room.ledger, "2afc")]
        assert all(0 < ms < 20_000 for ms in times)
        desk = browser.tab(f"{server.url}desk")
        desk.until("document.querySelector('#desk table')")
        assert "Ada" in desk.value("document.body.innerText")


def test_a_second_tab_of_the_same_person_follows_the_first(browser, tmp_path):
    triplet_folder(tmp_path, 10)
    with served(tmp_path, SETTINGS.model_copy(update={"practice": 0})) as (server, room):
        one = browser.tab(server.url)
        enter(one, "Ada")
        one.press("Space")
        one.until(READY)
        two = browser.tab(server.url)
        two.until(CARD)
        two.press("Space")
        two.until(READY)
        answer(one, 3, "ArrowLeft")
        two.press("ArrowRight")  # the first question, which the other tab has answered
        two.until(f"document.querySelector('#card h1')?.textContent.startsWith('Welcome back') && {CARD}")
        to_the_end(two, "ArrowRight")
        assert [room.ledger.blocks[1].judged[index]["answer"] for index in range(3)] == [["left"]] * 3


def test_an_answer_that_is_kept_for_another_room_is_not_sent(browser, tmp_path):
    triplet_folder(tmp_path, 10)
    with served(tmp_path, SETTINGS.model_copy(update={"practice": 0})) as (server, room):
        tab = browser.tab(server.url)
        enter(tab, "Ada")
        tab.press("Space")
        tab.until(READY)
        held = json.dumps({"room": "other", "block": 1, "trial": 5, "answer": ["left"], "ms": [900], "timing": {}})
        tab.value(f"localStorage.setItem('likewise:answer:other:1:1:5', {json.dumps(held)})")
        answer(tab, 2)
        again = browser.tab(server.url)
        again.until(CARD)
        assert sorted(room.ledger.blocks[1].judged) == [0, 1]
        assert again.value("localStorage.getItem('likewise:answer:other:1:1:5') !== null")


SHOTS = os.environ.get("LIKEWISE_SHOTS")


@pytest.mark.skipif(SHOTS is None, reason="pictures for the docs are taken when LIKEWISE_SHOTS names a folder")
def test_the_docs_pictures_are_taken(browser, tmp_path):
    data = Path(os.environ.get("LIKEWISE_SHOTS_DATA", tmp_path))
    if data == tmp_path:
        triplet_folder(tmp_path, 10, px=384)
    with served(data, SETTINGS) as (server, _):
        tab = browser.tab(server.url, size=(1000, 700))
        tab.until("document.querySelector('form input')")
        tab.picture(Path(SHOTS) / "judging-welcome.png")
        enter(tab, "Ada")
        tab.press("Space")
        tab.until(READY)
        time.sleep(0.3)
        tab.picture(Path(SHOTS) / "judging-2afc.png")
