"""Several programs at one tree: none loses another's words, and folders that are no nodes stay."""

import threading

import pytest
from made_trees import copied, files, plant

from likewise.concept_tree import Tree
from likewise.errors import SplitTakenError, TreeChangedError


def meanwhile(does):
    """A report in the middle of a split, at which another program does something, once."""
    left = [does]

    def report(text, done, total):
        if done / total > 0.5 and left:
            left.pop()()

    return report


def test_two_programs_that_split_different_nodes_keep_each_others_words(sd1, grown, tmp_path):
    tree = copied(grown, tmp_path)

    def other():
        plant(sd1, Tree.open(tree.folder), None, nodes=["v2"])

    plant(sd1, tree, None, nodes=["v1"], report=meanwhile(other))
    assert tree.nodes == Tree.open(tree.folder).nodes == ["v0", "v1", "v2", "v3", "v4", "v5", "v6"]
    assert len(tree.concepts()) == 6 and tree.record.splits.keys() == {"v0", "v1", "v2"}
    assert not tree.work.exists()


def test_a_node_that_another_program_changed_is_not_written_over_and_the_split_is_kept(sd1, grown, tmp_path):
    tree = copied(grown, tmp_path)
    after = {}

    def other():
        plant(sd1, Tree.open(tree.folder), None, nodes=["v0"], again=True, seeds=(5, 6))
        after.update({name: data for name, data in files(tree.folder).items() if not name.startswith("work/")})

    with pytest.raises(TreeChangedError, match="nothing that was learned is lost"):
        plant(sd1, tree, None, nodes=["v1"], report=meanwhile(other))
    found = files(tree.folder)
    assert after and after.items() <= found.items()
    assert {name for name in found if not name.startswith("work/")} == after.keys()
    assert (tree.work / "v1" / "run").is_dir() and (tree.work / "v1" / "test").is_dir()


def test_a_tree_read_before_another_program_changed_it_is_not_written(grown, tmp_path):
    tree = copied(grown, tmp_path)
    Tree.open(tree.folder).prune("v0")
    before = files(tree.folder)
    with pytest.raises(TreeChangedError):
        tree.replace(tree.record.nodes, tree.record.splits)
    with pytest.raises(TreeChangedError):
        tree.prune("v0")
    assert files(tree.folder) == before


def test_a_node_that_is_being_split_is_neither_split_nor_pruned_by_another_program(sd1, grown, tmp_path):
    tree, refused = copied(grown, tmp_path), []

    def other():
        for does in (lambda one: plant(sd1, one, None, nodes=["v1"], again=True), lambda one: one.prune("v0")):
            with pytest.raises(SplitTakenError, match="v1 of"):
                does(Tree.open(tree.folder))
            refused.append(does)

    plant(sd1, tree, None, nodes=["v1"], report=meanwhile(other))
    assert len(refused) == 2 and tree.nodes == ["v0", "v1", "v2", "v3", "v4"]


def test_a_program_waits_while_another_one_writes_the_tree(grown, tmp_path):
    tree, done = copied(grown, tmp_path), threading.Event()

    def prune():
        Tree.open(tree.folder).prune("v0")
        done.set()

    with tree.changing("v0"):
        other = threading.Thread(target=prune)
        other.start()
        assert not done.wait(0.2)
        assert tree.folder.joinpath("v1").is_dir()
    other.join(10)
    assert done.is_set() and not tree.folder.joinpath("v1").exists()


def test_folders_that_are_no_nodes_are_never_swept_away(grown, tmp_path):
    tree = copied(grown, tmp_path)
    own, left = ("v1-sketches", "v2-2-old", "v1-"), ("v1-2", "v9")
    for name in (*own, *left):
        (tree.folder / name).mkdir()
    tree.prune("v1")
    assert all((tree.folder / name).is_dir() for name in own)
    assert not any((tree.folder / name).exists() for name in left)
