"""`likewise steer` end to end on a tiny random model: by flags, and by numbers typed at a terminal."""

import io
import json
from pathlib import Path

import pytest

QUICK = ["--encoder", "none", "--n", 2, "--steps", 2]


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A model of 32 pixels."""
    from likewise.diffusion.tiny import pipeline

    return pipeline(tmp_path_factory.mktemp("tiny") / "sd1", "sd1")


@pytest.fixture
def steer(run, small):
    return lambda *words: run("steer", *words, "--backbone", small)


def test_rounds_by_flags_then_undo_branch_and_replay(steer, tmp_path):
    first = steer("a dog", *QUICK, "--json")
    assert first.code == 0, first.err
    assert (first.json["round"], first.json["session"]) == (1, "sessions/0001")
    assert [Path(one["path"]).is_file() for one in first.json["pictures"]] == [True, True]
    second = steer("--like", "1", "--dislike", "1-2", "--json")
    assert second.json["rounds"] == [1, 2], second.err
    assert second.json["votes"] == [
        {"what": "1-1", "sign": 1, "weight": 1.0}, {"what": "1-2", "sign": -1, "weight": 1.0}
    ]  # fmt: skip
    undone = steer("--undo", "--json")
    assert undone.json["rounds"] == [1]
    third = steer("--branch", 2, "--rate", "2=4", "--json")
    assert third.json["rounds"] == [1, 2, 3]
    shown = steer("--show")
    assert "round 1 > 2 > 3, 'a dog' (2 liked, 1 disliked had a part)" in shown.out
    again = steer("--replay", "again", "--json")
    assert (again.json["pictures"], again.json["different"]) == (6, [])
    picture = "rounds/0003/2.png"
    assert (tmp_path / "again" / picture).read_bytes() == (tmp_path / "sessions/0001" / picture).read_bytes()
    assert steer("a cat", *QUICK, "--json").json["session"] == "sessions/0002"


def test_a_prompt_begins_a_session_of_its_own_whatever_numbers_are_taken(steer, tmp_path, monkeypatch):
    from likewise.fabric import Session

    assert steer("a dog", "--session", "sessions/0002", *QUICK).code == 0
    (tmp_path / "sessions/0007").mkdir()
    begin = Session.begin

    def late(folder, prompt, **how):  # another program takes the number meanwhile
        begin(folder, "a hare", **how) if Path(folder).name == "0008" else None
        return begin(folder, prompt, **how)

    monkeypatch.setattr(Session, "begin", late)
    begun = steer("a cat", "--seed", 5, *QUICK, "--json")
    assert (begun.json["session"], begun.json["prompt"]) == ("sessions/0009", "a cat"), begun.err
    cards = {name: json.loads((tmp_path / f"sessions/{name}/session.json").read_text()) for name in ("0002", "0009")}
    assert [(card["prompt"], card["seed"]) for card in cards.values()] == [("a dog", 0), ("a cat", 5)]


def test_votes_are_numbers_at_a_terminal(steer, monkeypatch, tmp_path):
    typed = "1 -2\n\n9\nnonsense\n1-2=5\nu\n?\np a cat\nb 1\nq\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    done = steer("a dog", "--session", "mine", "--ask", *QUICK)
    assert done.code == 0, done.err
    assert "There is no picture '9' in this session: there are 2-1, 2-2" in done.err
    assert "There is no picture 'nonsense'" in done.err
    assert "like pictures 1 and 3" in done.err
    assert "round 1, 'a dog'" in done.out
    kinds = [json.loads(line)["event"] for line in (tmp_path / "mine/events.jsonl").read_text().splitlines()]
    assert kinds == ["round", "vote", "vote", "round", "vote", "undo", "round", "branch"]
    rounds = [json.loads(line) for line in (tmp_path / "mine/events.jsonl").read_text().splitlines()]
    assert [one["prompt"] for one in rounds if one["event"] == "round"] == ["a dog", "a dog", "a cat"]
    assert (tmp_path / "mine/sheet.png").is_file()


def test_the_end_of_input_ends_a_session_that_goes_on_later(steer, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert steer("a dog", "--session", "mine", "--ask", *QUICK).code == 0
    later = steer("--session", "mine", "--like", "2", "--strength", "0.4", "--json")
    assert later.json["rounds"] == [1, 2]


def test_seed_and_target_of_a_session_that_goes_on_are_said_to_be_idle(steer):
    assert steer("a dog", "--session", "mine", *QUICK, "--seed", 3).err.count("had no effect") == 0
    later = steer("--session", "mine", "--seed", 4, "--target", "any.png", "--show")
    assert (later.code, "--seed and --target had no effect" in " ".join(later.err.split())) == (0, True), later.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 1, "holds no session"),
        (["--session", "nowhere"], 1, "nowhere holds no session"),
        (["a dog", "--start", "0.9", "--end", "0.1"], 1, "must not lie after end"),
        (["a dog", "--target", "missing.png"], 1, "missing.png"),
        (["a dog", "--encoder", "nothing"], 1, "no encoder called 'nothing'"),
        (["a dog", "--noise", "loud"], 2, "fresh"),
        (["a dog", "--concept", "nobody"], 1, "nobody"),
        (["a dog", "--cache", "inf"], 2, "finite"),
        (["--like", "1", "--undo"], 2, "so --like has no place"),
        (["--dislike", "1", "--rate", "1=2", "--show"], 2, "so --dislike and --rate has no place"),
        (["a dog", "--replay", "again"], 2, "so PROMPT has no place"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(steer, tmp_path, words, code, message):
    result = steer(*words)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "sessions").exists()


def test_settings_are_flags_and_lines_of_a_file(run):
    dumped = run("steer", "a dog", "--strength", "0.3", "--dump-config")
    assert "strength = 0.3" in dumped.out
    assert "dislike_strength = 0.5" in dumped.out
