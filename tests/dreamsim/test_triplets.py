"""Triplets are read strictly, written whole, and come back as they were."""

import json

import pytest

from likewise.dreamsim import triplets
from likewise.dreamsim.triplets import Triplet
from likewise.errors import BrokenFileError, JudgementFileError, NoJudgementsError

GOOD = {"reference": "a.png", "left": "b.png", "right": "c.png", "votes_left": 2, "votes_right": 1, "split": "train"}


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).touch()
    return tmp_path


def lines(folder, *rows):
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    (folder / "triplets.jsonl").write_text(text, "utf-8")


def test_what_is_written_is_read_back(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "d\u2028é.png").touch()
    some = [
        Triplet("a.png", "b.png", "c.png", 0, 0, None),
        Triplet("a.png", "deep/d\u2028é.png", "c.png", 3, 4, "test", "set 1"),
    ]
    triplets.write(folder, some)
    assert triplets.read(folder) == some


def test_votes_say_share_and_unanimity():
    assert Triplet("a", "b", "c", 1, 3, None).share == 0.75
    assert Triplet("a", "b", "c", 0, 0, None).share == 0.5
    assert [Triplet("a", "b", "c", *v, None).unanimous for v in ((6, 0), (0, 6), (5, 1))] == [True, True, False]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"left": "../b.png"}, r"line 2: \"left\" is '../b.png', and should lie in the data folder"),
        ({"left": "/b.png"}, "should lie in the data folder"),
        ({"left": "C:/b.png"}, "should lie in the data folder"),
        ({"left": ""}, "should be the path of a picture"),
        ({"right": "gone.png"}, "there is no such file"),
        ({"votes_left": -1}, "should be a whole number"),
        ({"votes_left": 1.5}, "should be a whole number"),
        ({"votes_right": True}, "should be a whole number"),
        ({"split": 3}, "should be a name or null"),
        ({"vote_left": 1}, "unknown name: 'vote_left'"),
    ],
)
def test_a_bad_line_is_named_with_its_number(folder, change, told):
    lines(folder, GOOD, {**GOOD, **change})
    with pytest.raises(JudgementFileError, match=told):
        triplets.read(folder)


def test_all_bad_lines_are_counted(folder):
    lines(folder, "[]", "{", *[{}] * 5, GOOD)
    with pytest.raises(JudgementFileError, match=r"(?s)has 7 line.*line 1.*no JSON object.*line 2.*and 2 more"):
        triplets.read(folder)


def test_pictures_need_not_be_there_when_not_asked_for(tmp_path):
    lines(tmp_path, GOOD, "")
    assert len(triplets.read(tmp_path, pictures=False)) == 1


def test_a_folder_without_the_file_is_told(tmp_path):
    with pytest.raises(NoJudgementsError, match=r"holds no triplets\.jsonl"):
        triplets.read(tmp_path)


def test_a_file_that_is_no_text_is_told(folder):
    (folder / "triplets.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BrokenFileError):
        triplets.read(folder)
