"""NIGHTS is read by the names of its columns; what does not fit is named by its line."""

import csv
import os
from pathlib import Path

import pytest

from likewise.dreamsim import nights
from likewise.errors import JudgementFileError, NoJudgementsError

COLUMNS = [
    "id",
    "left_vote",
    "right_vote",
    "votes",
    "ref_path",
    "left_path",
    "right_path",
    "split",
    "is_imagenet",
    "prompt",
]
ROWS = [
    ["0", "1", "0", "7", "ref/0.png", "d/0_0.png", "d/0_1.png", "train", "True", "An image of a fox"],
    ["1", "0", "1", "6", "ref/1.png", "d/1_1.png", "d/1_0.png", "test", "False", "An image of a bay"],
    ["2", "0", "1", "5", "ref/2.png", "d/2_0.png", "d/2_1.png", "val", "True", "An image of an owl"],
]  # fmt: skip


def table(folder, columns=COLUMNS, rows=ROWS, name="data.csv", order=None):
    order = order or range(len(columns))
    with (folder / name).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([columns[i] for i in order])
        writer.writerows([row[i] for i in order] for row in rows)


@pytest.mark.parametrize("order", [None, [9, 6, 5, 4, 3, 2, 1, 0, 8, 7]])
def test_columns_are_found_by_name_in_any_order(tmp_path, order):
    """Acceptance check 13: also, that few votes are left out and that a winner's side is kept."""
    table(tmp_path, order=order)
    first, second = nights.read(tmp_path, pictures=False)
    assert (first.left, first.votes_left, first.votes_right, first.split) == ("d/0_0.png", 7, 0, "train")
    assert (second.right, second.votes_left, second.votes_right, second.share) == ("d/1_0.png", 0, 6, 1.0)


def test_splits_parts_and_votes_choose(tmp_path):
    table(tmp_path)

    def count(**asked):
        return len(nights.read(tmp_path, pictures=False, **asked))

    assert (count(), count(least=0), count(least=7)) == (2, 3, 1)
    assert (count(split="test"), count(split="val"), count(split="val", least=1)) == (1, 0, 1)
    assert (count(part="imagenet"), count(part="other"), count(part="imagenet", least=0)) == (1, 1, 2)


def test_the_raw_set_has_shares_of_votes(tmp_path):
    table(tmp_path, rows=[["0", "0.3333", "0.6667", "3", *ROWS[0][4:]]], name="nights_raw.csv")
    (one,) = nights.read(tmp_path, least=1, pictures=False)
    assert (one.votes_left, one.votes_right) == (1, 2)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (3, "many", "line 2: votes is 'many'"),
        (3, "2.5", "whole number"),
        (1, "0.4", "should sum to 1"),
        (4, "", "no picture ''"),
        (1, "nan", "at least 0"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path, place, value, told):
    row = list(ROWS[0])
    row[place] = value
    table(tmp_path, rows=[row, ROWS[1]])
    with pytest.raises(JudgementFileError, match=told):
        nights.read(tmp_path, pictures=False)


def test_a_column_that_is_missing_is_named(tmp_path):
    table(
        tmp_path,
        columns=["id", "left_vote", "right_vote", "votes", "ref_path", "left_path", "rigth_path", *COLUMNS[7:]],
    )
    with pytest.raises(JudgementFileError, match="no column right_path"):
        nights.read(tmp_path)


def test_missing_pictures_and_files_are_told(tmp_path):
    with pytest.raises(NoJudgementsError, match=r"data\.csv"):
        nights.read(tmp_path)
    table(tmp_path)
    with pytest.raises(JudgementFileError, match=r"no picture 'ref/0\.png'"):
        nights.read(tmp_path)


@pytest.mark.skipif("NIGHTS" not in os.environ, reason="NIGHTS itself (58 GB) is not here (NIGHTS)")
def test_the_released_set_has_the_published_counts():
    found = nights.read(Path(os.environ["NIGHTS"]), pictures=False)
    assert [sum(one.split == name for one in found) for name in ("train", "val", "test")] == [13900, 1720, 1824]
