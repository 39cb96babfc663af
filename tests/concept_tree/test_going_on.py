"""A command that was stopped, given again: it splits nothing twice, and its words reach the library and the page."""

import warnings

import pytest
from made_trees import SMALL, Judge, copied, files, plant

from likewise.concept import library
from likewise.concept_tree import Tree, decompose, installing, page
from likewise.errors import NothingToSplitWarning, SplitNodeError

BOTH = {"nodes": ["v1", "v2"], "install": True}
ALL = ["v0", "v1", "v2", "v3", "v4", "v5", "v6"]


class Killed(BaseException):
    """What a signal does to a process, as far as the disk can tell."""


def late(text, done, total):
    """Kill while the second of two nodes is split."""
    if done / total > 0.7:
        raise Killed


def killed(*arguments):
    raise Killed


@pytest.mark.parametrize("again", [False, True])
def test_nodes_that_a_stopped_command_has_split_are_not_split_a_second_time(sd1, grown, tmp_path, again):
    tree = copied(grown, tmp_path)
    with pytest.raises(Killed):
        plant(sd1, tree, None, **BOTH, again=again, report=late)
    assert tree.nodes == ALL[:5] and library().names() == []
    before = files(tree.place("v3"))
    judge = Judge("mosaic", 0)
    plant(sd1, tree, None, **BOTH, again=again, judges=[judge])
    once = judge.seen
    assert tree.nodes == ALL and files(tree.folder / "v3") == before
    assert library().names() == [f"cat_{node}" for node in ALL[1:]] and not tree.work.exists()
    plant(sd1, tree, None, **BOTH, again=True, judges=[judge])  # it had ended, so this is another one
    assert judge.seen > 2 * once and tree.node("v3").folder == "v3-2"


def test_words_that_were_there_before_a_command_was_stopped_still_reach_library_and_page(
    sd1, grown, tmp_path, monkeypatch
):
    tree = copied(grown, tmp_path)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(installing, "install", killed)
        plant(sd1, tree, None, **BOTH)
    assert library().names() == []
    plant(sd1, Tree.open(tree.folder), None, **BOTH)
    assert library().names() == [f"cat_{node}" for node in ALL[1:]]
    assert "cat_v6" in (tree.folder / page.FILE).read_text()
    with pytest.raises(SplitNodeError):
        plant(sd1, tree, None, **BOTH)


def test_a_node_that_others_split_is_told_even_where_a_command_goes_on(sd1, grown, tmp_path):
    tree = copied(grown, tmp_path)
    with pytest.raises(Killed):
        plant(sd1, tree, None, **BOTH, report=late)
    with pytest.raises(SplitNodeError, match="v1 of"):
        plant(sd1, tree, None, **BOTH, lr=1e-3)


def unlike(sd1, pictures, out, **how):
    """A root whose words are never told apart enough."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "These photos may show")
        chosen = {**SMALL, "least_apart": 5.0, "encoders": [Judge("mosaic", 0)], "install": False}
        return decompose(pictures, out=out, backbone=sd1, depth=1, **chosen, **how)


def test_a_split_killed_while_its_test_was_drawn_goes_on_where_nothing_is_left_to_split(sd1, pictures, tmp_path):
    def kill(text, done, total):
        if text == "comparing them":
            raise Killed

    out = tmp_path / "cat"
    with pytest.raises(Killed):
        unlike(sd1, pictures, out, report=kill)
    with pytest.warns(NothingToSplitWarning, match="draw the same"):
        tree = unlike(sd1, pictures, out)
    assert "draw the same" in tree.record.splits["v0"].stopped and not tree.work.exists()


@pytest.mark.filterwarnings("ignore::likewise.errors.LikewiseWarning")
def test_the_page_is_written_where_a_node_is_left_whole_or_was_split_before(sd1, pictures, tmp_path):
    tree = unlike(sd1, pictures, tmp_path / "cat")
    assert "Left whole: the words of the best seed" in (tree.folder / page.FILE).read_text()
    (tree.folder / page.FILE).unlink()
    unlike(sd1, pictures, tmp_path / "cat")
    assert (tree.folder / page.FILE).is_file()
