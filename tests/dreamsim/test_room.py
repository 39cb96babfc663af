"""A room asks what it should, in an even order, and neither loses nor doubles a judgement."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from made_rooms import SMALL, pair_folder, triplet_folder

from likewise import seeds
from likewise.dreamsim import observers, room_desk, room_export, room_plan, room_plan_jnd, triplets
from likewise.dreamsim.making_rounds import kept, split_votes
from likewise.dreamsim.room import Room
from likewise.dreamsim.room_log import Ledger
from likewise.dreamsim.room_questions import collected
from likewise.dreamsim.room_settings import RoomSettings
from likewise.dreamsim.room_tally import answers, tally
from likewise.dreamsim.room_trials import item_name
from likewise.dreamsim.triplets import Triplet
from likewise.errors import (
    BadSettingError,
    JudgementError,
    JudgementFileError,
    NameKnownError,
    NoJudgementsError,
    RoomTakenError,
    TooFewPicturesError,
)
from likewise.settings import build


@pytest.fixture(scope="module")
def rng():
    return seeds.numpy_stream(0, "test room")


@pytest.fixture
def folder(tmp_path):
    triplet_folder(tmp_path, 8, px=8)
    return tmp_path


def answer_all(room, person, choose=lambda trial: "left", stop=None):
    """Answers a person's block, or its first `stop` trials."""
    block = room.begin(person)
    for index in block.open[:stop]:
        room.judge(person, block.number, index, [choose(block.trials[index])], [900.0], {})
    return block


# What is asked


def made(count):
    return [Triplet(f"{i}r", f"{i}a", f"{i}b", 0, 0, None) for i in range(count)]


def test_a_block_holds_each_triplet_once_and_its_sentinels_and_repeats(rng):
    some = made(30)
    chosen = [(item_name(one.pictures), one) for one in some[:20]]
    trials = room_plan.block(chosen, some, RoomSettings(sentinels=10, repeats=4), rng)
    kinds = Counter(one.kind for one in trials)
    assert kinds == {"question": 20, "sentinel": 10, "repeat": 4}
    assert Counter(one.items[0] for one in trials if one.kind == "question") == {name: 1 for name, _ in chosen}


def test_sentinels_show_the_reference_again_on_each_side_equally_often(rng):
    some = room_plan.sentinels(made(5), 10, rng)
    assert Counter(one.answers[0] for one in some) == {"left": 5, "right": 5}
    for one in some:
        reference, left, right = one.pictures
        same, other = (left, right) if one.answers[0] == "left" else (right, left)
        assert same == reference and other != reference


def test_repeats_come_later_with_their_sides_exchanged(rng):
    for _ in range(20):
        chosen = [(str(i), one) for i, one in enumerate(made(15))]
        trials = room_plan.block(chosen, made(15), RoomSettings(sentinels=0, repeats=5), rng)
        for place, one in enumerate(trials):
            if one.kind == "repeat":
                first = next(i for i, other in enumerate(trials) if other.items == one.items)
                assert place - first > room_plan.APART
                assert one.pictures == tuple(trials[first].pictures[i] for i in (0, 2, 1))
                assert one.swapped[0] is not trials[first].swapped[0]


def test_the_schedule_of_pairs_interleaves_them_half_identical_and_no_picture_twice(tmp_path, rng):
    """Acceptance check 16, the schedule."""
    pairs = {str(i): one for i, one in enumerate(pair_folder(tmp_path, 40, px=8))}
    chosen, spare = room_plan_jnd.choose(dict.fromkeys(pairs, 0), pairs, set(), 24, rng)
    trials = room_plan_jnd.block(chosen, spare, rng)
    assert len(trials) == 24
    kinds = Counter(kind for one in trials for kind in one.kind)
    assert kinds == {"question": 24, "sentinel": 24}
    assert Counter(one.kind[0] for one in trials) == {"question": 12, "sentinel": 12}
    used = Counter()
    for one in trials:
        a1, b1, a2, b2 = one.pictures
        for (first, second), kind, name in zip(((a1, a2), (b1, b2)), one.kind, one.items, strict=True):
            used.update({first, second})
            assert (first == second) is (kind == "sentinel")
            assert kind == "sentinel" or {first, second} == set(pairs[name].pictures)
    assert set(used.values()) == {1}


def test_pairs_that_share_a_picture_never_meet_in_a_block(tmp_path, rng):
    pairs = {str(i): one for i, one in enumerate(pair_folder(tmp_path, 12, px=8))}
    shared = {name: one.__class__("0-0.png", one.second, 0, 0, None) for name, one in pairs.items()}
    chosen, spare = room_plan_jnd.choose(dict.fromkeys(shared, 0), shared, set(), 24, rng)
    assert len(chosen) == len(spare) == 1 and spare[0] not in chosen[0][1].pictures


def test_those_with_the_fewest_votes_are_asked_first(rng):
    some = {str(i): one for i, one in enumerate(made(6))}
    counts = dict(zip(some, (2, 0, 1, 0, 2, 1), strict=True))
    asked = [counts[name] for name, _ in room_plan.choose(counts, some, {"1"}, 4, rng)]
    assert asked == [0, 1, 1, 2]


def test_nobody_is_asked_the_same_again_and_no_item_gets_more_votes_than_wanted(folder):
    with Room(folder, SMALL) as room:
        for name in ("Ada", "Bo", "Cy"):
            observers.visit(room, name, observers.clicking())
        votes = tally(room.ledger, "2afc")
        assert {sum(pair) for pair in votes.values()} == {2} and len(votes) == 8
        asked = [(one.person, one.item) for one in answers(room.ledger, "2afc") if one.kind == "question"]
        assert len(asked) == len(set(asked)) == 16


def test_two_at_once_share_what_is_left(folder):
    with Room(folder, RoomSettings(block=8, sentinels=0, repeats=0, practice=0, votes=1)) as room:
        ada, bo = room.enter("Ada"), room.enter("Bo")
        assert len(room.begin(ada).trials) == 8
        assert room.begin(bo) is None  # all are expected from Ada


def test_the_unanimous_filter_keeps_exactly_what_all_agreed_on(tmp_path):
    """Acceptance check 15: kept are those with all votes equal and six at least; ten votes at most; no sentinels."""
    triplet_folder(tmp_path, 12, px=8)
    settings = RoomSettings(block=12, sentinels=3, repeats=0, practice=0, unanimous=True)
    with Room(tmp_path, settings) as room:
        clear = set(list(room.items)[:5])

        def voter(trial, rng):
            if trial.kind == "sentinel":
                return trial.answers[0], 800.0
            if trial.items[0] in clear:
                return ("right" if trial.swapped[0] else "left"), 800.0
            return str(rng.choice(["left", "right"])), 800.0

        for number in range(14):
            observers.visit(room, f"v{number}", voter)
        votes = tally(room.ledger, "2afc")
        given = [one for one in answers(room.ledger, "2afc") if one.kind == "question"]
        found = room_desk.voted(room, everyone=True)
        assert max(map(sum, votes.values())) <= 10 and len(given) == sum(map(sum, votes.values()))
        assert {item_name(one.pictures) for one in kept(found)} == {
            name for name, pair in votes.items() if min(pair) == 0 and sum(pair) >= 6
        }
        assert clear <= {item_name(one.pictures) for one in kept(found)}
        assert all(votes[name] == (10, 0) for name in clear)
        stopped = [sum(votes[item_name(one.pictures)]) for one in split_votes(found)]
        assert stopped and all(2 <= count <= 10 for count in stopped)
        assert {name for one in found for name in one.pictures} == {n for t in room.items.values() for n in t.pictures}
        assert len(found) == 12  # no sentinel has become a triplet


def test_a_random_clicker_splits_no_triplet_once_found_out(tmp_path):
    triplet_folder(tmp_path, 20, px=8)
    with Room(tmp_path, RoomSettings(block=20, practice=0, unanimous=True)) as room:

        def sure(trial, rng):
            return trial.answers[0] or ("right" if trial.swapped[0] else "left"), 800.0

        observers.visit(room, "clicker", observers.clicking())
        for number in range(10):
            observers.visit(room, f"v{number}", sure)
        found = room_desk.voted(room)
        assert [one["flagged"] for one in room_desk.report(room)["people"]] == [True] + [False] * 10
        assert len(kept(found)) == 20 and {one.votes for one in found} == {10}


# What is kept


def test_a_judgement_is_kept_once_however_often_it_is_sent(folder):
    with Room(folder, SMALL) as room:
        ada = room.enter("Ada")
        block = room.begin(ada)
        assert room.judge(ada, block.number, 0, ["left"], [500.0], {})
        assert not room.judge(ada, block.number, 0, ["right"], [700.0], {})
    with Room(folder, SMALL) as room:
        assert not room.judge(room.ledger.named("Ada"), block.number, 0, ["right"], [900.0], {})
        assert room.ledger.blocks[block.number].judged[0]["answer"] == ["left"]


def test_a_room_that_is_opened_again_goes_on_where_it_was(folder):
    with Room(folder, SMALL) as room:
        ada = room.enter("Ada")
        answer_all(room, ada)
        block = answer_all(room, ada, stop=3)
        before = (room.ledger.blocks, room.ledger.people, room.ledger.order, tally(room.ledger, "2afc"))
    with Room(folder, SMALL) as room:
        assert (room.ledger.blocks, room.ledger.people, room.ledger.order, tally(room.ledger, "2afc")) == before
        again = room.begin(room.known(ada.keys[0]))
        assert again.number == block.number and again.open == list(range(3, len(block.trials)))


def test_a_room_keeps_its_mark_and_a_log_from_before_rooms_had_one_gets_it_from_its_first_line(folder):
    with Room(folder, SMALL) as room:
        room.enter("Ada")
        mark, path = room.ledger.room, room.ledger.path
    assert len(mark) == 12 and Ledger(folder).room == mark
    lines = path.read_text().splitlines(keepends=True)
    assert sum('"id"' in line for line in lines) == 1
    path.write_text(lines[0].replace(f', "id": "{mark}"', "") + "".join(lines[1:]))
    old = Ledger(folder).room
    with Room(folder, RoomSettings()) as room:
        room.enter("Bo")
    assert len(old) == 12 and old != mark and Ledger(folder).room == old


def test_half_a_line_left_by_a_power_cut_is_mended(folder):
    with Room(folder, SMALL) as room:
        answer_all(room, room.enter("Ada"), stop=1)
        log = room.ledger.path
    with log.open("ab") as file:
        file.write(b'{"event": "judgement", "block": 1, "tri')
    with Room(folder, SMALL) as room:
        answer_all(room, room.ledger.named("Ada"))
    assert all(line.endswith(b"}\n") for line in log.read_bytes().splitlines(keepends=True))
    assert not Ledger(folder).blocks[1].open


def test_a_log_of_another_kind_is_named_by_line(folder):
    (folder / "judging").mkdir()
    (folder / "judging" / "log.jsonl").write_text('{"event": "dance"}\n')
    with pytest.raises(JudgementFileError, match=r"line 1.*dance"):
        Room(folder, SMALL)


def test_a_folder_has_one_room_at_a_time_and_is_free_when_it_ends(folder):
    with Room(folder, SMALL), pytest.raises(RoomTakenError, match="another program"):
        Room(folder, SMALL)
    Room(folder, SMALL).close()


def test_a_name_that_is_known_asks_before_it_is_taken(folder):
    with Room(folder, SMALL) as room:
        first = room.enter(" Ada  Lovelace ")
        with pytest.raises(NameKnownError, match=r"(?i)ada lovelace"):
            room.enter("ada lovelace")
        again = room.enter("ada lovelace", again=True)
        assert again.number == first.number
        assert room.known(first.keys[0]).number == room.known(again.keys[-1]).number == 1
        assert room.known("x") is None


@pytest.mark.parametrize("name", ["", "   ", "a" * 61, "a\x00b"])
def test_a_name_that_is_none_is_refused(folder, name):
    with Room(folder, SMALL) as room, pytest.raises(JudgementError, match="name"):
        room.enter(name)


def test_judgements_that_do_not_fit_are_refused_and_leave_no_trace(folder):
    with Room(folder, SMALL) as room:
        ada, bo = room.enter("Ada"), room.enter("Bo")
        block = room.begin(ada)
        size = room.ledger.path.stat().st_size
        for person, number, index, answer, ms in [
            (bo, block.number, 0, ["left"], [1.0]),
            (ada, 99, 0, ["left"], [1.0]),
            (ada, block.number, 99, ["left"], [1.0]),
            (ada, block.number, -1, ["left"], [1.0]),
            (ada, block.number, 0, ["same"], [1.0]),
            (ada, block.number, 0, ["left", "left"], [1.0, 1.0]),
            (ada, block.number, 0, ["left"], [float("nan")]),
            (ada, block.number, 0, ["left"], [-1.0]),
        ]:
            with pytest.raises(JudgementError):
                room.judge(person, number, index, answer, ms, {})
        assert room.ledger.path.stat().st_size == size


def test_votes_go_back_to_the_sides_of_the_file(folder):
    with Room(folder, RoomSettings(block=8, sentinels=0, repeats=0, practice=0)) as room:
        ada = room.enter("Ada")
        answer_all(room, ada, lambda trial: "right" if trial.swapped[0] else "left")
        assert set(tally(room.ledger, "2afc").values()) == {(1, 0)}


def test_sequences_shown_late_do_not_count(tmp_path):
    pair_folder(tmp_path, 6, px=8)
    with Room(tmp_path, RoomSettings(practice=0, votes=1)) as room:
        ada = room.enter("Ada")
        block = room.begin(ada)
        for index in range(len(block.trials)):
            room.judge(ada, block.number, index, ["same", "different"], [400.0, 300.0], {"late": index == 0})
        assert sum(map(sum, tally(room.ledger, "jnd").values())) == sum(
            kind == "question" for one in block.trials[1:] for kind in one.kind
        )
        assert len(room.wanted()) == len(room.items) - len(tally(room.ledger, "jnd"))


def test_what_counts_is_written_as_a_data_folder(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "votes"
    with Room(folder, SMALL) as room:
        observers.visit(room, "Ada", lambda trial, rng: (trial.answers[0] or "left", 800.0))
        room_export.write(collected(folder), out)  # while the room is open
    found = triplets.read(out)
    assert len(found) == 8 and {one.votes for one in found} == {1}
    table = (out / "votes.csv").read_text().splitlines()
    assert table[0].startswith("person,task,kind") and "Ada" not in "".join(table)
    with pytest.raises(NoJudgementsError, match="votes that count"):
        room_export.write(collected(folder), out.with_name("none"), unanimous=2)


def test_a_lower_limit_takes_no_vote_away(folder):
    def sure(trial, rng):
        return trial.answers[0] or ("right" if trial.swapped[0] else "left"), 800.0

    with Room(folder, SMALL.model_copy(update={"votes": 3})) as room:
        for name in ("Ada", "Bo", "Cy"):
            observers.visit(room, name, sure)
    with Room(folder, SMALL.model_copy(update={"votes": 1})) as room:
        assert {one.votes for one in room_desk.voted(room)} == {3}
        assert room_desk.report(room)["votes"] == 24 and room_desk.report(room)["open"] == 0


def test_the_desk_hands_out_only_what_has_votes_and_says_how_many_all_agreed_on(folder):
    with Room(folder, RoomSettings(block=3, sentinels=0, repeats=0, practice=0, agreeing=1)) as room:
        answer_all(room, room.enter("Ada"))
        text, _ = room_desk.export(room, "triplets.jsonl")
        assert [one["votes_left"] + one["votes_right"] for one in map(json.loads, text.splitlines())] == [1, 1, 1]
        assert room_desk.report(room)["kept"] == 3
        text, _ = room_desk.export(room, "kept.jsonl")
        assert len(text.splitlines()) == 3


def test_answers_do_not_wait_for_the_agreement_of_a_desk(folder, monkeypatch):
    with Room(folder, SMALL) as room:

        def tried(counts, task):
            with ThreadPoolExecutor() as pool:
                assert pool.submit(room.ledger.guard.acquire, timeout=5).result()

        monkeypatch.setattr(room_desk, "agreed", tried)
        room_desk.report(room)


def test_a_folder_with_nothing_to_ask_is_told(tmp_path):
    with pytest.raises(NoJudgementsError, match=r"pairs\.jsonl"):
        Room(tmp_path)
    triplets.write(tmp_path, [])
    with pytest.raises(TooFewPicturesError, match="no question"):
        Room(tmp_path)
    pair_folder(tmp_path, 1, px=8)
    with pytest.raises(TooFewPicturesError, match="at least three"):
        Room(tmp_path, task="jnd")


@pytest.mark.parametrize(
    ("chosen", "told"), [({"block": 3, "repeats": 4}, "repeats"), ({"unanimous": True, "votes": 5}, "agreeing")]
)
def test_settings_that_do_not_fit_each_other_are_told(chosen, told):
    with pytest.raises(BadSettingError, match=told):
        build(RoomSettings, chosen)
