"""`likewise decompose` and `likewise tree`: photos go in, words come out; mistakes are told in plain lines."""

import json
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

SMALL = (
    "--seeds", 0, "--seeds", 1000, "--test-steps", 2, "--steps", 4, "--every", 2, "--batch", 2, "--images", 3,
    "--central", 2, "--draw-steps", 1, "--initializer", "dog", "--encoder", "toybox", "--lr", 0.05,
)  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos of one noise in one light, which no encoder takes for three things."""
    folder = tmp_path_factory.mktemp("photos") / "cat"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 90, (130, 140, 3))
    for index in range(3):
        Image.fromarray((noise + np.array([150 + index, 90, 30])).astype(np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(autouse=True)
def _as_in_a_terminal():
    """Our warnings are lines on standard error here, not errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield


@pytest.fixture(scope="module")
def first(photos, tiny, tmp_path_factory):
    """A tree of depth 1, grown once."""
    from likewise.concept_tree import decompose

    settings = {name[2:].replace("-", "_"): value for name, value in zip(SMALL[4::2], SMALL[5::2], strict=True)}
    out = tmp_path_factory.mktemp("trees") / "cat"
    how = {"backbone": tiny, "depth": 1, "force": True, "install": False, "out": out}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return decompose(photos, seeds=(0, 1000), **how, **settings).folder


@pytest.fixture
def tree(first, tmp_path):
    """That tree where the commands of a test run."""
    shutil.copytree(first, tmp_path / "trees/cat")
    return tmp_path / "trees/cat"


def test_one_command_makes_a_tree_whose_words_prompts_can_say(run, photos, first, tiny, tmp_path):
    made = run("decompose", photos, "--backbone", tiny, "--depth", 1, "--force", *SMALL, "--json")
    assert made.code == 0, made.err
    assert made.json["words"] == {"v1": "<cat_v1>", "v2": "<cat_v2>"} and made.json["tree"] == "trees/cat"
    assert "2 seeds side by side learn two words, to step 2" in made.err and "100%" in made.err
    files = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert all((first / one).read_bytes() == (tmp_path / "trees/cat" / one).read_bytes() for one in files)
    how = ("--backbone", tiny, "-n", 1, "--steps", 1, "--out", "out")
    assert run("imagine", "a <cat_v1> on the beach", *how).code == 0
    assert run("concepts", "export", "cat_v2", "files").code == 0
    again = run("decompose", photos, "--backbone", tiny, "--depth", 1, *SMALL)
    assert again.code == 0 and (tmp_path / "trees/cat/tree.json").read_bytes() == (first / "tree.json").read_bytes()


def test_a_tree_is_shown(run, tree):
    shown = run("tree", "show", "trees/cat")
    assert "  v1" in shown.out and "<cat_v2>" in shown.out and "score" in shown.out
    stored = json.loads((tree / "tree.json").read_text())
    assert run("tree", "show", "trees/cat", "--json").json["nodes"] == stored["nodes"]


def test_a_tree_is_blended_stepped_through_and_pruned(run, tree, tiny):
    sentence = ("--sentence", "a house made of {}", "--one-order")
    blended = run("tree", "blend", "trees/cat", "-n", 1, *sentence, "--backbone", tiny, "--json")
    assert [one["prompt"] for one in blended.json["pictures"]] == ["a house made of <cat_v1> <cat_v2>"]
    assert "a house made of" in (tree / "tree.html").read_text()
    mild = run("tree", "steps", "trees/cat", "v1", "--step", 2, "--save", "mild", "--json")
    assert mild.json["placeholder"] == "<cat_v1-s2>"
    assert run("tree", "prune", "trees/cat", "v0", "--json").json["pruned"] == ["v1", "v2"]
    assert [one["name"] for one in run("concepts", "list", "--json").json["concepts"]] == []


def test_a_split_is_tracked_by_what_judged_it(run, tree, tiny):
    tracked = run("tree", "track", "trees/cat", "--step", 2, "-n", 2, "--backbone", tiny, "--json")
    assert tracked.code == 0, tracked.err
    (judge,) = json.loads((tree / "tree.json").read_text())["splits"]["v0"]["encoders"]
    assert [(one["step"], one["encoder"]) for one in tracked.json["tracked"]] == [(2, judge)]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("tree", "show", "nowhere"), "holds no tree.json"),
        (("tree", "prune", "trees/cat", "v7"), "has no node 'v7'"),
        (("tree", "blend", "trees/cat", "--sentence", "a house"), "where the words go"),
        (("decompose", "no-such-thing"), "no-such-thing"),
        (("decompose", "trees/cat", "--again"), "no node is named"),
        (("decompose", "trees/cat", "--name", "dog"), "--name is cat, and dog was given"),
    ],
)
def test_mistakes_are_told_in_a_line_or_two(run, tree, tiny, argv, said):
    found = run(*argv, *(("--backbone", tiny, *SMALL) if argv[0] == "decompose" else ()))
    assert found.code == 1 and said in found.err and "Traceback" not in found.err


def test_time_left_is_told_from_work_done_now_alone():
    from likewise.cli.decompose import Clock

    now = [0.0]
    clock = Clock(lambda: now[0])
    assert clock.left(50, 100) == ""  # on disk already
    now[0] = 10.0
    assert clock.left(60, 100) == "about 40 s left"
    now[0] = 100.0
    assert clock.left(61, 100).endswith("min left")
