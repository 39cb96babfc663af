"""A session remembers, forgets and repeats exactly what it is asked to."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fabric_made import Colours, picture

from likewise import images
from likewise.diffusion import tiny
from likewise.errors import (
    BadSettingError,
    BrokenFileError,
    ChangedSessionError,
    IdleSettingWarning,
    ImageFileError,
    NotAPictureError,
    NothingToUndoError,
    NoVotesWarning,
    ReplayFolderError,
    SessionEncoderError,
    SessionExistsError,
    SessionMissingError,
    SessionModelError,
    SettingError,
    SteeredPictureError,
    UnknownResultError,
    UnknownRoundError,
)
from likewise.fabric import Session, draw, measures
from likewise.imagine import from_png, imagine

QUICK = {"n": 2, "steps": 2}


def begin(folder, model, **how):
    return Session.begin(folder, "a photo of a dog", **{"backbone": model, "encoder": "none", **QUICK, **how})


@pytest.fixture
def session(tmp_path, sd1):
    return begin(tmp_path / "s", sd1)


def pixels(pictures):
    return [np.asarray(one.image).tobytes() for one in pictures]


def test_the_first_round_is_what_imagine_draws_and_the_next_one_leans(session, sd1):
    first = session.next()
    plain = imagine("a photo of a dog", backbone=sd1, n=2, steps=2)
    assert pixels(first) == pixels(plain)
    assert list(session.pictures) == ["1-1", "1-2"]
    session.like(2)
    session.dislike("1-1")
    second = session.next()
    unsteered = imagine("a photo of a dog", backbone=sd1, seeds=[1000, 1001], steps=2)
    assert [one.metadata["seed"] for one in second] == [1000, 1001]
    assert pixels(second) != pixels(unsteered)
    assert second[0].path.read_bytes() == (session.shelf.folder / "rounds/0002/1.png").read_bytes()
    said = images.read_metadata(second[0].path)
    assert [one["weight"] for one in said["fabric"]["likes"]] == [1.0]
    assert (session.shelf.folder / "sheet.png").is_file()


def test_a_session_opened_again_stands_where_it_stood_and_goes_on_alike(session, sd1, tmp_path):
    session.next()
    session.like(1)
    log = session.shelf.events.read_bytes()
    again = Session.open(session.shelf.folder, backbone=sd1)
    assert [vote.what for vote in again.likes] == ["1-1"]
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["cp", "-r", str(session.shelf.folder), str(other)], check=True)
    assert pixels(again.next()) == pixels(Session.open(other / "s", backbone=sd1).next())
    assert again.shelf.events.read_bytes().startswith(log)


def test_replay_from_the_folder_gives_the_same_bytes(session, sd1, tmp_path):
    session.next()
    session.like(1, weight=0.5)
    session.like(images.read(session.pictures["1-2"]))  # a picture from outside, kept in the folder
    session.next()
    session.undo()  # undone rounds are replayed too
    session.rate(2, 1)
    session.next(n=1, strength=1.2)
    found = Session.open(session.shelf.folder, backbone=sd1).replay(tmp_path / "again")
    assert [(one.id, one.same) for one in found] == [(name, True) for name in ("1-1", "1-2", "2-1", "2-2", "3-1")]
    for one in found:
        assert one.path.read_bytes() == session.shelf.path(one.id).read_bytes()


def test_undo_and_branch_leave_no_trace_in_what_comes_next(session):
    session.next()
    session.like(1)
    straight = pixels(session.next())
    session.undo()  # the round
    session.undo()  # the vote
    assert session.likes == []
    session.dislike(1)
    session.undo()
    session.like(1)
    assert pixels(session.next()) == straight
    session.like(2)
    session.branch(1)
    assert (list(session.pictures), session.likes) == (["1-1", "1-2"], [])
    session.like(1)
    assert pixels(session.next()) == straight
    assert [one.round for one in session.history.rounds()] == [1, 4]
    assert [one.round for one in session.history.all_rounds()] == [1, 2, 3, 4]


def test_the_last_word_on_a_picture_counts_and_three_stars_take_it_back(session):
    session.next()
    session.like(1)
    session.rate("1-1", 2)
    assert [(vote.what, vote.weight) for vote in session.dislikes] == [("1-1", 0.5)]
    assert session.likes == []
    session.rate(1, 3)
    assert session.history.votes() == {}


def test_every_vote_is_a_line_of_the_log_of_all_sessions(session, home):
    session.next()
    session.like(1, weight=0.5)
    session.undo()
    rows = list(csv.DictReader((home / "interactions.csv").open(newline="")))
    assert [(row["who"], row["sign"], row["weight"], row["picture"]) for row in rows] == [
        ("me", "1", "0.5", "1-1"), ("me", "0", "0.5", "1-1")
    ]  # fmt: skip
    assert all(row["what"] == session.round.pictures[0].pixels and row["when"].endswith("Z") for row in rows)


def test_the_log_of_all_votes_says_after_an_undo_what_holds_then(session, home):
    session.next()
    session.like(1, weight=0.5)
    session.dislike(1)
    session.undo()
    session.rate(1, 3)
    session.undo()
    session.undo()
    rows = list(csv.DictReader((home / "interactions.csv").open(newline="")))
    assert [(row["sign"], row["weight"]) for row in rows] == [
        ("1", "0.5"), ("-1", "1.0"), ("1", "0.5"), ("0", "0.0"), ("1", "0.5"), ("0", "0.5")
    ]  # fmt: skip
    assert sorted(row["when"] for row in rows) == [row["when"] for row in rows]


def test_a_kill_between_the_two_logs_loses_no_vote(session, home):
    session.next()
    session.like(1)
    log = home / "interactions.csv"
    log.unlink()
    Session.open(session.shelf.folder)
    assert len(log.read_text().splitlines()) == 2  # a header, and the vote
    Session.open(session.shelf.folder)
    assert len(log.read_text().splitlines()) == 2


def test_the_log_of_all_votes_is_what_dida_reads(tmp_path, sd1, monkeypatch):
    from likewise.dida import cut, read
    from likewise.fabric import journal

    log, hours = tmp_path / "log.csv", iter(range(24))
    monkeypatch.setattr(journal, "now", lambda: f"2026-11-23T{next(hours):02d}:00:00.000000Z")
    for person in ("ann", "ben"):
        session = begin(tmp_path / person, sd1, who=person, log=log, n=1)
        session.next('a photo, "of" a\ndog')
        session.like(1)
        session.undo()
        session.like(1)
        session.dislike(picture(7))
    columns = {"source": "who", "target": "what", "time": "when", "domain": "sign"}
    links = read(log, **columns)
    assert len(links) == 8
    assert links.domains == ("-1", "0", "1")
    pairs = {(links.nodes[s], links.nodes[t]) for s, t in zip(links.source, links.target, strict=True)}
    liked, disliked = session.likes[0], session.dislikes[0]
    assert pairs == {(who, session.shelf.reference(vote.what, 1).id) for who in ("ann", "ben")
                     for vote in (liked, disliked)}  # fmt: skip
    assert len(cut(links, every="hour")) >= 8


def test_a_log_that_is_something_else_is_left_as_it_is(session, tmp_path, home):
    session.next()
    session.like(1)
    (home / "interactions.csv").write_text("name,age\nann,7\n")
    with pytest.raises(BrokenFileError, match="its columns are not who, what, when"):
        Session.open(session.shelf.folder)
    assert (home / "interactions.csv").read_text() == "name,age\nann,7\n"


def test_an_interrupt_in_the_middle_of_a_round_loses_only_that_round(session, sd1, monkeypatch):
    session.next()
    session.like(1)

    def stopped(event):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "_happened", stopped)  # pictures are written, nothing is said of them yet
    with pytest.raises(KeyboardInterrupt):
        session.next()
    again = Session.open(session.shelf.folder, backbone=sd1)
    assert (again.round.round, [vote.what for vote in again.likes]) == (1, ["1-1"])
    again.next()
    assert all(one.same for one in again.replay())


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_a_kill_in_the_middle_of_a_round_loses_only_that_round(session, sd1, folders):
    session.next()
    session.like(1)
    code = f"""
import os, signal
from likewise import disk
from likewise.fabric import Session
session = Session.open({str(session.shelf.folder)!r}, backbone={str(folders["sd1"])!r})
append = session._happened
session._happened = lambda event: os.kill(os.getpid(), signal.SIGKILL)  # pictures written, nothing said of them yet
session.next()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = Session.open(session.shelf.folder, backbone=sd1)
    assert (again.round.round, [vote.what for vote in again.likes]) == (1, ["1-1"])
    again.next()
    assert again.round.round == 2
    assert all(one.same for one in again.replay())


def test_half_a_line_left_by_a_power_cut_is_dropped(session, sd1):
    session.next()
    with session.shelf.events.open("ab") as file:
        file.write(b'{"event": "vo')
    again = Session.open(session.shelf.folder, backbone=sd1)
    again.like(1)
    assert [vote.what for vote in Session.open(session.shelf.folder).likes] == ["1-1"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "line 2 is not valid JSON"),
        ('{"event": "vote", "what": "1-1", "sign": 7}', "line 2: sign: Input should be -1, 0 or 1"),
        ('{"event": "vote", "sign": 1}', "line 2: what: Field required"),
        ('{"event": "dance"}', "line 2: event"),
        ('{"event": "branch", "round": 9}', "line 2 cannot have happened.*no round 9"),
    ],
)
def test_a_corrupt_log_is_reported_by_line(session, line, message):
    session.next()
    with session.shelf.events.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(BrokenFileError, match=message):
        Session.open(session.shelf.folder)


def test_two_programs_do_not_overwrite_each_other(session, sd1):
    other = Session.open(session.shelf.folder, backbone=sd1)
    session.next()
    with pytest.raises(ChangedSessionError, match="Open it again"):
        other.next()
    assert Session.open(session.shelf.folder).round.round == 1


def test_mistakes_are_told_and_nothing_is_written(session, tmp_path):
    with pytest.raises(NothingToUndoError):
        session.undo()
    with pytest.raises(UnknownResultError, match="no round has been drawn yet"):
        session.like(1)
    session.next()
    session.like(1)
    before = session.shelf.events.read_bytes()
    torn = tmp_path / "torn.png"
    torn.write_bytes(session.pictures["1-1"].read_bytes()[:300])
    for what, error, message in [
        (3, UnknownResultError, r"no picture '3'.*1-1, 1-2"),
        ("2-1", UnknownResultError, r"Did you mean"),
        ("nobody", UnknownResultError, r"no picture 'nobody'"),
        (tmp_path / "missing.png", ImageFileError, "missing.png"),
        (torn, ImageFileError, "torn.png"),
        (3.5, NotAPictureError, "A float was given"),
    ]:
        with pytest.raises(error, match=message):
            session.like(what)
    with pytest.raises(SettingError, match="1, 2, 3, 4 or 5"):
        session.rate(1, 6)
    with pytest.raises(BadSettingError, match="weight"):
        session.like(1, weight=-1)
    with pytest.raises(UnknownRoundError, match=r"no round 7.*It has: 1"):
        session.branch(7)
    with pytest.raises(SettingError, match="size is 33"):
        session.next(size=33)
    with pytest.raises(BadSettingError, match="must not lie after end"):
        session.next(start=0.9, end=0.1)
    assert session.shelf.events.read_bytes() == before


def test_a_round_without_votes_is_told_of(session):
    session.next()
    with pytest.warns(NoVotesWarning, match="prompt alone"):
        session.next()


def test_a_session_of_another_model_is_refused(session, toybox, folders, tmp_path):
    session.next()
    other = Session.open(session.shelf.folder, backbone=toybox)
    with pytest.raises(SessionModelError, match="another base model"):
        other.next()
    with pytest.raises(SessionModelError):
        other.replay()
    changed = tiny.pipeline(tmp_path / "sd1-other", "sd1", seed=1)
    with pytest.raises(SessionModelError):
        Session.open(session.shelf.folder, backbone=changed).next()


def test_a_folder_is_a_session_or_it_is_not(session, sd1, tmp_path):
    with pytest.raises(SessionExistsError, match="a session already"):
        begin(session.shelf.folder, sd1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.txt").write_text("mine")
    with pytest.raises(SessionExistsError, match="not empty"):
        begin(tmp_path / "full", sd1)
    with pytest.raises(SessionMissingError, match="holds no session"):
        Session.open(tmp_path / "full")
    (tmp_path / "full/session.json").write_text('{"format": 1}')
    with pytest.raises(BrokenFileError, match="no session that this version knows"):
        Session.open(tmp_path / "full")


def test_of_two_programs_that_begin_in_one_folder_one_does(tmp_path, sd1, monkeypatch):
    from likewise.fabric import session

    def slow(*how):  # the other begins while this one loads its model
        monkeypatch.undo()
        begin(tmp_path / "s", sd1, seed=1)
        return sd1

    monkeypatch.setattr(session, "open_model", slow)
    with pytest.raises(SessionExistsError, match="a session already"):
        begin(tmp_path / "s", sd1, seed=2, target=picture(1))
    assert Session.open(tmp_path / "s", backbone=sd1).card.seed == 1
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["session.json"]


def test_a_session_that_cannot_be_begun_leaves_its_place_free(tmp_path, sd1, monkeypatch):
    def refused(*how):
        raise OSError("no")

    with monkeypatch.context() as full:
        full.setattr("likewise.checkpoint.write_json", refused)
        with pytest.raises(OSError, match="no"):
            begin(tmp_path / "s", sd1)
    assert begin(tmp_path / "s", sd1).next()


def test_an_encoder_is_found_again_from_anywhere_or_asked_for(tmp_path, sd1, monkeypatch):
    from likewise import dreamsim
    from likewise.fabric.easel import lasting

    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert [lasting("mine"), lasting(Path("mine"))] == [str(tmp_path / "mine")] * 2
    (tmp_path / "toybox").mkdir()
    assert [lasting(name) for name in ("toybox", "dreamsim", "none")] == ["toybox", "dreamsim", "none"]
    assert lasting(dreamsim.load(device="cpu")) == "dreamsim"
    begin(tmp_path / "s", sd1, encoder=Colours())
    with pytest.raises(SessionEncoderError, match="'colours', which is not found here"):
        Session.open(tmp_path / "s", backbone=sd1).next()
    assert Session.open(tmp_path / "s", backbone=sd1, encoder=Colours()).next()


def test_a_replay_does_not_overwrite_a_session(session, tmp_path):
    session.next()
    kept = session.pictures["1-1"].stat().st_mtime_ns
    with pytest.raises(ReplayFolderError, match="Name another folder"):
        session.replay(tmp_path / "s")
    assert session.pictures["1-1"].stat().st_mtime_ns == kept


def test_a_picture_that_was_voted_on_and_changed_since_is_an_error(session):
    session.next()
    session.like(picture(5))
    kept = session.shelf.path(session.likes[0].what)
    images.write_png(kept, picture(6))
    with pytest.raises(BrokenFileError, match="not those that were voted on"):
        session.next()


def test_rounds_are_measured(tmp_path, sd1):
    session = begin(tmp_path / "m", sd1, encoder=Colours(), target=picture(3))
    session.next()
    assert session.round.metrics["to_likes"] is None
    assert session.round.metrics["to_target"] == pytest.approx(session.round.metrics["best_target"], abs=0.2)
    session.like(1)
    session.dislike(2)
    session.next()
    assert {"to_likes", "to_dislikes", "to_target", "diversity"} <= session.round.metrics.keys()
    assert session.round.metrics["encoder"] == "colours"
    assert -1 <= session.round.metrics["to_likes"] <= 1


def test_diversity_is_zero_where_all_are_alike_and_measures_match_the_hand():
    alike = measures.measure(Colours(), [picture(1)] * 3, likes=[picture(1)], dislikes=[picture(2)])
    assert alike["diversity"] == pytest.approx(0, abs=1e-6)
    assert alike["to_likes"] == pytest.approx(1, abs=1e-6)
    rows = Colours().embed([picture(1), picture(2)]).astype(float)
    assert alike["to_dislikes"] == pytest.approx(rows[0] @ rows[1], abs=1e-6)
    assert measures.diversity(np.array([[1, 0.5], [0.5, 1]])) == 0.5
    assert measures.diversity(np.ones((1, 1))) is None


def test_only_the_newest_take_part(session):
    session.next()
    for number in range(5):
        session.like(picture(number))
    session.next(newest=3)
    assert [one.what for one in session.round.likes] == [vote.what for vote in session.likes[-3:]]


def test_prompts_and_settings_stay_until_they_are_changed(session):
    session.next()
    session.like(1)
    session.next("a cat", strength=0.3)
    session.next()
    assert (session.prompt, session.config.strength, session.config.n) == ("a cat", 0.3, 2)


def test_draw_takes_prompts_files_and_a_picture_to_begin_from(sd1, tmp_path):
    images.write_png(tmp_path / "liked.png", picture(1))
    how = {"backbone": sd1, "likes": [tmp_path / "liked.png"], "dislikes": [picture(2)], **QUICK}
    made = draw(["a dog", "a cat"], **how, out=tmp_path / "out")
    assert [(one.metadata["prompt"], one.metadata["seed"]) for one in made] == [
        ("a dog", 0), ("a dog", 1), ("a cat", 0), ("a cat", 1)
    ]  # fmt: skip
    assert sorted(path.name for path in Path(tmp_path / "out").iterdir()) == [
        "0001.png", "0002.png", "0003.png", "0004.png", "sheet.png"
    ]  # fmt: skip
    near = draw("a dog", **how, begin=picture(3), change=0.5)
    assert pixels(near) != pixels(made[:2])
    assert near[0].metadata["fabric"]["change"] == 0.5


def test_settings_of_kept_features_are_idle_with_fresh_noise_and_said_to_be(sd1):
    with pytest.warns(IdleSettingWarning, match="precision"):
        draw("a dog", backbone=sd1, n=1, steps=1, precision="half")


def test_references_act_beside_a_concept_that_was_put_on_the_model(sd1):
    """Keys and values of references go through the layers' own projections, adapters and all."""
    from likewise.diffusion import lora

    how = {"backbone": sd1, "likes": [picture(1)], **QUICK}
    before = pixels(draw("a dog", **how))
    adapter = lora.inject(sd1.unet, "unet", rank=2, alpha=8, targets=("attn1.to_k", "attn1.to_v"), seed=0)
    try:
        for pair in adapter.pairs.values():
            pair.up.data += 0.5
        adapted = pixels(draw("a dog", **how))
    finally:
        adapter.remove()
    assert adapted != before
    assert pixels(draw("a dog", **how)) == before


@pytest.mark.parametrize("kind", ["with_lora", "with_words"])
def test_concepts_have_a_part_in_every_round_and_in_its_replay(kind, sd1, tmp_path):
    import concepts

    rob = getattr(concepts, kind)(sd1, tmp_path / "rob")
    session = Session.begin(tmp_path / "s", "a <rob>", backbone=sd1, concepts=[rob], encoder="none", **QUICK)
    first = session.next()
    assert pixels(first) == pixels(imagine("a <rob>", backbone=sd1, concepts=[rob], n=2, steps=2))
    session.like(1)
    session.next()
    assert [one.name for one in session.round.concepts] == ["rob"]
    again = Session.open(session.shelf.folder, backbone=sd1)
    assert all(one.same for one in again.replay())
    other = getattr(concepts, kind)(sd1, tmp_path / "else/rob", **({"seed": 5} if kind == "with_lora" else {"rows": 3}))
    with pytest.raises(SessionModelError, match="another concept <rob>"):
        Session.open(session.shelf.folder, backbone=sd1, concepts=[other]).next()


def test_a_steered_picture_is_not_drawn_again_without_what_steered_it(session):
    plain = session.next()[0].path
    assert from_png(plain, backbone=session.easel.model)[0].image.tobytes() == images.read(plain).tobytes()
    session.like(1)
    with pytest.raises(SteeredPictureError, match="likewise steer --session"):
        from_png(session.next()[0].path, backbone=session.easel.model)
